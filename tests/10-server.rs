//! The task of lesson 10: the article's `server`, which forks `send_mail` for every request.
//!
//! 1. Make the worker's command line: what `WORKER` says, or this program with `send-mail`.
//! 2. Fork the worker, leave it to a task of its own, and answer at once.
//! 3. Send it the job as a message, and wait for its message.
//! 4. Log `Number of mails sent N`, disconnect the worker, wait for its end.
//! 5. At the end, wait until no work is in hand.

use std::fs;
use std::path::Path;
use support::ipc::Child;
use support::predicates::str::contains;
use support::{Check, Http, Mailbox, Point, Program, Reply, Running, Scratch, Signal, Spec};
use support::{json, mail, process};

const WORKER: &str = "1. The worker's command line";
const FORK: &str = "2. Fork, and answer at once";
const TALK: &str = "3. A message there, a message back";
const REAP: &str = "4. Log, disconnect, wait";
const END: &str = "5. An end in good order";
const INPUT: &str = "What the spec checks";

fn server(spec: &Spec, mailbox: &Mailbox) -> Program {
    spec.program().env("PORT", "0").env("SMTP_URL", mailbox.url())
}

fn started(check: &Check, program: Program) -> (Running, Http) {
    let mut server = program.start();
    // What is told at the start is told by `WorkerCommand::from_env`; all else there is given.
    let http = server.listening(&check.about(WORKER));
    (server, http)
}

/// Posts that many new mails; the answer must be the article's.
fn post(check: &Check, http: &Http, mails: &[support::Mail]) {
    let answer = http.post(check, "/endpoint", &mail::request(mails));
    check.holds("the status of the answer is 200", answer.status == 200, &answer);
    check.json("the answer", &answer.json(), &json!({"status": true, "sent": true}));
}

fn logs_number(check: &Check, server: &Running, number: usize) {
    server.logs(check, &format!("Number of mails sent {number}"));
}

/// The worker must be a worker. A program that is started without its role is one more server.
fn check_role(check: &Check, mailbox: &Mailbox, server: &Running) {
    let servers = || server.stdout().matches("listening on").count();
    check.eventually("a worker that sends the mails", || (mailbox.held() > 0 || servers() > 1).then_some(()));
    check.about(WORKER).equal("the number of servers that listen", &servers(), &1);
}

fn pids_of_children(server: &Running) -> Vec<u32> {
    process::children(server.pid()).iter().map(|child| child.pid).collect()
}

fn wait_without_children(check: &Check, server: &Running) {
    check.eventually("no child of the server is left, and no zombie", || {
        process::children(server.pid()).is_empty().then_some(())
    });
}

#[test]
fn a_request_is_answered_before_any_mail_is_sent() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(2..9));
    let check = spec.check(FORK, format!("posted {} mails while the mailbox holds every mail", mails.len()));
    mailbox.hold(Point::Rcpt);
    let (server, http) = started(&check, server(&spec, &mailbox));
    post(&check, &http, &mails);
    check_role(&check, &mailbox, &server);
    check.equal(
        "the answer to GET /health",
        &http.get(&check, "/health").body.trim().to_owned(),
        &"ok".into(),
    );
    let logged = server.stderr();
    check.about(REAP).holds("no number in the log yet", !logged.contains("Number of mails"), &logged);
    mailbox.release_all();
    let check = spec.check(REAP, "let all mails go");
    logs_number(&check, &server, mails.len());
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &mails.len());
}

#[test]
fn each_request_has_a_worker_process_of_its_own() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let check = spec.check(FORK, "started the server");
    mailbox.hold(Point::Rcpt);
    let (server, http) = started(&check, server(&spec, &mailbox));
    check.equal("the number of children before a request", &pids_of_children(&server).len(), &0);
    for (count, which) in [(1, "a mail"), (2, "a second mail"), (3, "a third mail")] {
        let check = spec.check(FORK, format!("posted {which} while the mailbox holds every mail"));
        post(&check, &http, &spec.mails(1));
        mailbox.wait_held(&check, count);
        check.equal("the number of children of the server", &pids_of_children(&server).len(), &count);
    }
    mailbox.release_all();
    wait_without_children(&spec.check(REAP, "let all mails go"), &server);
}

#[test]
fn only_what_was_accepted_is_counted() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(3..8));
    let check = spec.check(TALK, format!("posted {} mails; the mailbox refuses one", mails.len()));
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let (server, http) = started(&check, server(&spec, &mailbox));
    post(&check.about(FORK), &http, &mails);
    logs_number(&check, &server, mails.len() - 1);
}

#[test]
fn an_empty_list_is_a_job_too() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let check = spec.check(TALK, "posted {\"emails\": []}");
    let (server, http) = started(&check, server(&spec, &mailbox));
    post(&check.about(FORK), &http, &[]);
    logs_number(&check, &server, 0);
}

#[test]
fn requests_at_the_same_time_do_not_mix() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let sizes: Vec<usize> = (1..=6).collect();
    let check = spec.check(TALK, "posted 1, 2, 3, 4, 5 and 6 mails at the same time");
    let (server, http) = started(&check, server(&spec, &mailbox));
    let pending: Vec<_> =
        sizes.iter().map(|size| http.begin_post("/endpoint", &mail::request(&spec.mails(*size)))).collect();
    for answer in pending {
        let check = check.about(FORK);
        check.equal("the status of the answer", &answer.wait(&check).status, &200);
    }
    for size in &sizes {
        logs_number(&check, &server, *size);
    }
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &sizes.iter().sum());
    wait_without_children(&check.about(REAP), &server);
}

#[test]
fn bad_requests_are_refused_and_fork_nothing() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let check = spec.check(INPUT, "started the server");
    let (server, http) = started(&check, server(&spec, &mailbox));
    let missing = json!({"emails": [{"from": "a@b.test", "to": "c@d.test", "subject": "x"}]}).to_string();
    let long = json!({"emails": [], "more": "x".repeat(1024 * 1024)}).to_string();
    let bad = [
        ("malformed JSON", "{\"emails\": [".to_owned(), 400, "line"),
        ("JSON of another shape", "[1, 2]".to_owned(), 422, "line"),
        ("a mail without a text", missing, 422, "text"),
        ("a body of more than 1 MiB", long, 413, "bytes"),
    ];
    for (what, body, status, word) in bad {
        let check = spec.check(INPUT, format!("posted {what}"));
        let answer = http.post_bytes(&check, "/endpoint", body.as_bytes());
        check.equal("the status of the answer", &answer.status, &status);
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        check.holds(&format!("an \"error\" that says {word}"), error.contains(word), &answer);
    }
    check.holds("nothing was forked", !server.stderr().contains("forked"), server.stderr());
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
}

#[test]
fn no_shell_looks_at_what_a_client_has_written() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let mails = mail::bait(&spec);
    let check = spec.check(
        WORKER,
        format!("posted {} mails with commands of a shell in them, such as {}", mails.len(), mails[0].json()),
    );
    let folder = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "folder");
    if let Err(error) = fs::create_dir(folder.path()) {
        check.fail("a new folder for the server", &error.to_string());
    }
    let (server, http) = started(&check, server(&spec, &mailbox).current_dir(folder.path()));
    post(&check, &http, &mails);
    logs_number(&check, &server, mails.len());
    wait_without_children(&check, &server);
    for mail in &mails {
        let letters = mailbox.letters();
        let letter = letters.iter().find(|letter| letter.recipients == [mail.to.as_str()]);
        let Some(letter) = letter else { check.fail(&format!("a mail to {}", mail.to), "none") };
        check.equal("the subject", &letter.header("Subject"), &mail.subject);
        check.equal("the text", letter.text().trim_end(), mail.text.trim_end());
    }
    let made: Vec<_> = fs::read_dir(folder.path()).into_iter().flatten().flatten().collect();
    let names: Vec<_> = made.iter().map(|made| made.file_name().display().to_string()).collect();
    let got = format!("the file {}: a shell has read what a client has written", names.join(", "));
    check.holds("no new file in the server's folder", made.is_empty(), got);
}

#[test]
fn bad_configuration_is_told_at_the_start() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let port = mailbox.port().to_string();
    let bad = [("PORT", "eighty"), ("PORT", port.as_str()), ("SMTP_URL", "nowhere"), ("WORKER", "  ")];
    for (name, value) in bad {
        let check = spec.check(WORKER, format!("started the server with {name}={value:?}"));
        let program = server(&spec, &mailbox).env(name, value);
        let word = if value == port { value } else { name };
        program.run(&check).code(2).reports_error(&[word]);
    }
}

#[test]
fn the_workers_command_line_may_have_arguments() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(2..6));
    // env(1) starts the program that its arguments name, in its own place.
    let worker = support::worker(["env".as_ref(), spec.program_path(), "send-mail".as_ref()]);
    let check = spec.check(
        WORKER,
        format!("posted {} mails to a server with WORKER={worker:?}, a command with arguments", mails.len()),
    );
    let (server, http) = started(&check, server(&spec, &mailbox).env("WORKER", worker));
    post(&check, &http, &mails);
    logs_number(&check, &server, mails.len());
    wait_without_children(&check, &server);
}

#[test]
fn a_worker_that_does_not_exist_is_an_error_answer() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let name = format!("no-such-worker-{}", spec.word());
    let check = spec.check(WORKER, format!("posted a mail to a server with WORKER={name}"));
    let (server, http) = started(&check, server(&spec, &mailbox).env("WORKER", &name));
    let answer = http.post(&check.about(FORK), "/endpoint", &mail::request(&spec.mails(1)));
    server.log_line(&check.about(FORK), &contains("error: "));
    // What was forked was another program, such as a shell. The line that says so comes before the error.
    let check = if server.stderr().contains("forked") { check } else { check.about(FORK) };
    check.holds("the status of the answer is 500", answer.status == 500, &answer);
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    check.holds("an \"error\" that names the worker", error.contains(&name), &answer);
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
}

#[test]
fn a_worker_that_ends_without_an_answer_is_logged_and_reaped() {
    // Started as a worker whose arguments a server has dropped: it would start such workers without end.
    if std::env::var_os("NODE_CHANNEL_FD").is_some() {
        return;
    }
    let spec = support::spec!("10-server");
    let test = std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string());
    let listens =
        support::worker([&*test, LISTENS, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    // In this order: whether a job reaches `false` before it ends is a race.
    for (worker, what) in [(&*listens, "takes the job and ends"), ("false", "ends at once with status 1")] {
        let mailbox = spec.mailbox();
        let check =
            spec.check(REAP, format!("posted a mail to a server with WORKER={worker:?}, which {what}"));
        let (server, http) = started(&check, server(&spec, &mailbox).env("WORKER", worker));
        post(&check.about(WORKER), &http, &spec.mails(1));
        server.log_line(&check.about(TALK), &contains("error: "));
        wait_without_children(&check, &server);
        check.holds("no number in the log", !server.stderr().contains("Number of mails"), server.stderr());
        check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
    }
}

const LISTENS: &str = "a_worker_that_takes_a_job_and_ends";

/// This test program again, as a worker.
#[test]
#[ignore = "plays a worker; the test above starts it"]
fn a_worker_that_takes_a_job_and_ends() {
    if let Some(mut parent) = Child::from_environment() {
        parent.recv();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_over_from_a_request() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let check = spec.check(REAP, "posted 20 requests of two mails, one after another");
    let (server, http) = started(&check, server(&spec, &mailbox));
    let count = || process::descriptors(server.pid()).unwrap_or_default().len();
    post(&check.about(FORK), &http, &spec.mails(2));
    wait_without_children(&check, &server);
    let before = count();
    for _ in 0..20 {
        post(&check.about(FORK), &http, &spec.mails(2));
    }
    mailbox.wait_letters(&check, 42);
    wait_without_children(&check, &server);
    let expected = format!("no more than {before} open descriptors, as after the first request");
    check.eventually_gives(&expected, || {
        let now = count();
        if now <= before { Ok(()) } else { Err(format!("{now} open descriptors")) }
    });
}

#[test]
fn a_signal_ends_it_after_the_work_in_hand() {
    let spec = support::spec!("10-server");
    for (signal, to_all) in [(Signal::SIGTERM, false), (Signal::SIGINT, true)] {
        let mailbox = spec.mailbox();
        let mails = spec.mails(3);
        let whom = if to_all { "the server and its worker, as Ctrl-C does" } else { "the server" };
        let begun = spec.check(FORK, "posted 3 mails while the mailbox holds every mail");
        mailbox.hold(Point::Rcpt);
        let (mut server, http) = started(&begun, server(&spec, &mailbox));
        post(&begun, &http, &mails);
        mailbox.wait_held(&begun, 3);
        let check = spec.check(END, format!("sent {signal} to {whom} while the mailbox holds 3 mails"));
        if to_all {
            server.signal_group(signal)
        } else {
            server.signal(signal)
        }
        check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
        check.holds("the server still runs: a worker has work", server.is_running(), "it has ended");
        mailbox.release_all();
        let check = spec.check(END, format!("sent {signal} to {whom}, then let the 3 held mails go"));
        // A server that does not wait may have lived a moment longer than the look above.
        logs_number(&check, &server, 3);
        wait_without_children(&check.about(REAP), &server);
        server.ends_well(&check);
        server.leaves_nothing_behind(&check);
    }
}

#[test]
fn without_work_a_signal_ends_it_at_once() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let check = spec.check(END, "sent SIGTERM to the server when it had nothing to do");
    let (mut server, _http) = started(&check, server(&spec, &mailbox));
    server.signal(Signal::SIGTERM);
    server.ends_well(&check);
}

#[test]
fn workers_do_not_outlive_a_server_that_is_killed() {
    let spec = support::spec!("10-server");
    let mailbox = spec.mailbox();
    let begun = spec.check(FORK, "started the server");
    mailbox.hold(Point::Rcpt);
    let (mut server, http) = started(&begun, server(&spec, &mailbox));
    for (count, which) in [(1, "a mail"), (2, "a second mail")] {
        let begun = spec.check(FORK, format!("posted {which} while the mailbox holds every mail"));
        post(&begun, &http, &spec.mails(1));
        mailbox.wait_held(&begun, count);
    }
    let check = spec.check(END, "killed the server with SIGKILL while two workers have a mail each");
    server.signal(Signal::SIGKILL);
    server.wait(&check);
    mailbox.release_all();
    server.leaves_nothing_behind(&check);
}

#[test]
fn the_worker_can_be_a_real_node_program() {
    let spec = support::spec!("10-server");
    let Some(node) = support::node::node() else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(2..6));
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/node/send_mail.mjs");
    let worker = support::worker([&node, &worker]);
    let check =
        spec.check(WORKER, format!("posted {} mails to a server with WORKER={worker:?}", mails.len()));
    mailbox.reply(&mails[0].to, Reply::Refuse(550));
    let (mut server, http) = started(&check, server(&spec, &mailbox).env("WORKER", worker));
    post(&check, &http, &mails);
    logs_number(&check, &server, mails.len() - 1);
    wait_without_children(&check, &server);
    server.signal(Signal::SIGTERM);
    server.ends_well(&check);
}
