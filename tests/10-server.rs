//! The task of lesson 10: the article's `server`, which forks `send_mail` for every request.
//!
//! 1. Fork the worker, leave it to a task of its own, and answer at once.
//! 2. Send it the job as a message, wait for its reply, and log `Number of mails sent N`.
//! 3. Disconnect the worker and wait for its exit, whatever it has replied.
//! 4. When the server stops, wait until no work is in hand.

use std::path::PathBuf;
use std::{env, fs};
use support::ipc::Child;
use support::predicates::str::contains;
use support::{Check, Http, Mailbox, Point, Reader, Reply, Running, Scratch, Script, Signal, Spec};
use support::{json, limit, mail, process};

const FORK: &str = "1. Fork, and answer at once";
const TALK: &str = "2. A message there, a message back";
const REAP: &str = "3. Disconnect, then wait";
const END: &str = "4. A graceful shutdown";
const INPUT: &str = "What the spec checks";

/// A worker that the spec plays with some lines of sh.
fn script(check: &Check, body: &str) -> Script {
    Script::without_reading(check, env!("CARGO_TARGET_TMPDIR"), body)
}

/// A path below the target folder, whose disk has room.
fn scratch(name: &str) -> Scratch {
    Scratch::new(env!("CARGO_TARGET_TMPDIR"), name)
}

/// Posts that many new mails; the answer must be the article's.
fn post(check: &Check, http: &Http, mails: &[support::Mail]) {
    let answer = http.post_mails(check, mails);
    has_status(check, &answer, 200);
    check.is_sent(&answer);
}

fn logs_number(check: &Check, server: &Running, number: usize) {
    server.logs(check, &format!("Number of mails sent {number}"));
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
fn the_answer_does_not_wait_for_the_worker() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let check = spec.check(FORK, "posted 2 mails to a server whose worker does nothing at all");
    let worker = script(&check, "while :; do sleep 1; done");
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(2));
    http.is_healthy(&check);
    drop(server);
}

#[test]
fn a_request_is_answered_before_any_mail_is_sent() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let mails = spec.mails(spec.number(2..9));
    let check = spec.check(FORK, format!("posted {} mails while the mailbox holds every mail", mails.len()));
    mailbox.hold(Point::Rcpt);
    let (server, http) = spec.server(&mailbox).serve(&check);
    post(&check, &http, &mails);
    mailbox.wait_held(&check, 1);
    http.is_healthy(&check);
    let logged = server.stderr();
    check.about(TALK).holds("no number in the log yet", !logged.contains("Number of mails"), &logged);
    mailbox.release_all();
    let check = spec.check(TALK, "let all mails go");
    logs_number(&check, &server, mails.len());
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &mails.len());
}

#[test]
fn each_request_has_a_worker_process_of_its_own() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let check = spec.check(FORK, "started the server");
    mailbox.hold(Point::Rcpt);
    let (server, http) = spec.server(&mailbox).serve(&check);
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
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let mails = spec.mails(spec.number(3..8));
    let check = spec.check(TALK, format!("posted {} mails; the mailbox refuses one", mails.len()));
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let (server, http) = spec.server(&mailbox).serve(&check);
    post(&check.about(FORK), &http, &mails);
    logs_number(&check, &server, mails.len() - 1);
}

#[test]
fn an_empty_list_is_a_job_too() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let check = spec.check(TALK, "posted {\"emails\": []}");
    let (server, http) = spec.server(&mailbox).serve(&check);
    post(&check.about(FORK), &http, &[]);
    logs_number(&check, &server, 0);
}

#[test]
fn requests_at_the_same_time_do_not_mix() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let sizes: Vec<usize> = (1..=6).collect();
    let check = spec.check(TALK, "posted 1, 2, 3, 4, 5 and 6 mails at the same time");
    let (server, http) = spec.server(&mailbox).serve(&check);
    let pending: Vec<_> = sizes.iter().map(|size| http.begin_post_mails(&spec.mails(*size))).collect();
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
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let check = spec.check(INPUT, "started the server with WORKER=touch FILE");
    let trace = scratch("forked");
    let worker = support::worker(["touch".as_ref(), trace.path()]);
    let (server, http) = spec.server(&mailbox).env("WORKER", worker).serve(&check);
    let missing = json!({"emails": [{"from": "a@b.test", "to": "c@d.test", "subject": "x"}]}).to_string();
    let long = json!({"emails": [], "more": "x".repeat(1024 * 1024)}).to_string();
    let bad = [
        ("malformed JSON", "{\"emails\": [".to_owned(), 400, "line"),
        ("a mail without a text", missing, 422, "text"),
        ("a body of more than 1 MiB", long, 413, "bytes"),
    ];
    for (what, body, status, word) in bad {
        let check = spec.check(INPUT, format!("posted {what}"));
        let answer = http.post_bytes(&check, "/endpoint", body.as_bytes());
        refuses(&check, &answer, status, word);
    }
    for (path, status) in [("/nowhere", 404), ("/endpoint", 405)] {
        let check = spec.check(INPUT, format!("sent GET {path}"));
        refuses(&check, &http.get(&check, path), status, path);
    }
    wait_without_children(&check, &server);
    let expected = "nothing was forked: no file that only `touch` makes";
    check.holds(expected, !trace.path().exists(), "the file is there");
    http.is_healthy(&check);
}

/// An answer that says no, and why.
fn refuses(check: &Check, answer: &support::Answer, status: u16, word: &str) {
    has_status(check, answer, status);
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    check.holds(&format!("an \"error\" that says {word}"), error.contains(word), answer);
}

fn has_status(check: &Check, answer: &support::Answer, status: u16) {
    check.holds(&format!("the status of the answer is {status}"), answer.status == status, answer);
}

#[test]
fn a_web_page_from_elsewhere_is_refused() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let check = spec.check(INPUT, "started the server");
    let (server, http) = spec.server(&mailbox).serve(&check);
    let port = http.base().rsplit(':').next().unwrap_or_default();
    let requests = [
        (format!("host: 127.0.0.1:{port}"), 200),
        (format!("host: localhost:{port}"), 200),
        (format!("host: localhost:{port}\r\norigin: http://localhost:{port}"), 200),
        ("host: evil.example".to_owned(), 421),
        (format!("host: 127.0.0.1:{port}\r\norigin: https://evil.example"), 403),
    ];
    for (headers, status) in requests {
        let check = spec.check(INPUT, format!("posted no mails with {}", headers.replace("\r\n", " and ")));
        let request = format!(
            "POST /endpoint HTTP/1.1\r\n{headers}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: 13\r\n\r\n{{\"emails\":[]}}"
        );
        match http.send_bytes(&check, "a request", request.into_bytes()) {
            Ok(answer) => has_status(&check, &answer, status),
            Err(instead) => check.fail("an answer", &instead),
        }
    }
    let numbers = || server.logged("Number of mails sent").len();
    check.eventually("three numbers in the log, one for each POST with status 200", || {
        (numbers() == 3).then_some(())
    });
    wait_without_children(&check, &server);
    check.equal("the numbers in the log", &numbers(), &3);
}

#[test]
fn no_shell_looks_at_what_a_client_has_written() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let mails = mail::bait(&spec);
    let check = spec.check(
        INPUT,
        format!("posted {} mails with commands of a shell in them, such as {}", mails.len(), mails[0].json()),
    );
    let folder = scratch("folder");
    if let Err(error) = fs::create_dir(folder.path()) {
        check.fail("a new folder for the server", &error.to_string());
    }
    let (server, http) = spec.server(&mailbox).current_dir(folder.path()).serve(&check);
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
fn bad_configuration_is_reported_at_the_start() {
    let spec = support::spec!("10-server");
    spec.refuses_values(INPUT, "PORT", &["eighty"], "80");
    spec.refuses_values(INPUT, "SMTP_URL", &["nowhere"], "smtp://127.0.0.1:2525");
    spec.refuses_values(INPUT, "WORKER", &["  ", "[]", "[\"node\", 5]"], "node");
}

#[test]
fn the_workers_command_line_may_have_arguments() {
    let spec = support::spec!("10-server");
    let folder = scratch("folder");
    let (program, other) = (folder.path().join("worker"), folder.path().join("my worker"));
    let check = spec.check(INPUT, "made links to the program, one of them with a space in its name");
    let link = |name: &PathBuf| std::os::unix::fs::symlink(spec.program_path(), name);
    let made = fs::create_dir(folder.path()).and_then(|()| link(&program)).and_then(|()| link(&other));
    if let Err(error) = made {
        check.fail("links in a new folder", &error.to_string());
    }
    // env(1) starts the program that its arguments name, in its own place.
    for worker in ["env ./worker send-mail", r#"["env", "./my worker", "send-mail"]"#] {
        let mailbox = spec.mailbox();
        let mails = spec.mails(spec.number(2..6));
        let check =
            spec.check(INPUT, format!("posted {} mails to a server with WORKER={worker}", mails.len()));
        let program = spec.server(&mailbox).current_dir(folder.path()).env("WORKER", worker);
        let (server, http) = program.serve(&check);
        post(&check, &http, &mails);
        logs_number(&check, &server, mails.len());
        wait_without_children(&check, &server);
    }
}

#[test]
fn a_worker_that_does_not_exist_is_an_error_answer() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let name = format!("no-such-worker-{}", spec.word());
    let check = spec.check(FORK, format!("posted a mail to a server with WORKER={name}"));
    let (server, http) = spec.server(&mailbox).env("WORKER", &name).serve(&check);
    let answer = http.post_mails(&check, &spec.mails(1));
    server.log_line(&check, &contains("error: "));
    refuses(&check, &answer, 500, &name);
    http.is_healthy(&check);
}

#[test]
fn what_is_not_a_reply_is_skipped() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let number = spec.number(3..1000);
    let check = spec.check(
        TALK,
        format!("posted 2 mails; the worker sends \"ready\", progress, a number, null, and then {{\"counter\":{number}}}"),
    );
    let body = format!(
        "say '\"ready\"'\nread -r job <&3\nsay '{{\"progress\":0.5}}'\nsay 7\nsay null\nsay '[\"text\"]'\n\
         say '{{\"counter\":{number},\"failed\":[]}}'\nread -r end <&3"
    );
    let worker = script(&check, &body);
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(2));
    logs_number(&check, &server, number);
    let log = server.stderr();
    let usual = ["forked", "Number of mails sent", "ended"];
    // Its words are free: it may have one of the usual ones in it.
    let is_more = |line: &str| !usual.iter().any(|word| line.contains(word));
    let has_more = log.lines().any(is_more) || log.lines().count() > usual.len();
    check.holds("a line of stderr about what was skipped", has_more, &log);
    wait_without_children(&check.about(REAP), &server);
}

#[test]
fn a_real_node_worker_may_say_more_than_its_reply() {
    with_a_node_worker("talkative.mjs");
}

/// Posts some mails, of which one is refused, to a server whose worker is this program in Node.
fn with_a_node_worker(name: &str) {
    let Some(worker) = support::node::worker(support::node_program!(name)) else { return };
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let mails = spec.mails(spec.number(2..6));
    let check = spec.check(TALK, format!("posted {} mails to a server with WORKER={worker}", mails.len()));
    mailbox.reply(&mails[0].to, Reply::Refuse(550));
    let (mut server, http) = spec.server(&mailbox).env("WORKER", worker).serve(&check);
    post(&check, &http, &mails);
    logs_number(&check, &server, mails.len() - 1);
    wait_without_children(&check.about(REAP), &server);
    server.stops(&check);
}

#[test]
fn the_worker_is_disconnected_and_not_killed() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let check =
        spec.check(REAP, "posted a mail; the worker replies, waits for the end of its channel, and says so");
    let body = "read -r job <&3\nsay '{\"counter\":1}'\nread -r end <&3 || echo 'the channel is closed' >&2";
    let worker = script(&check, body);
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(1));
    logs_number(&check.about(TALK), &server, 1);
    wait_without_children(&check, &server);
    server.logs(&check, "the channel is closed");
}

#[test]
fn a_worker_that_ends_without_a_reply_is_logged_and_reaped() {
    // Started as a worker whose arguments a server has dropped: it would start such workers without end.
    if env::var_os("NODE_CHANNEL_FD").is_some() {
        return;
    }
    let spec = support::spec!("10-server");
    let test = env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string());
    let listens =
        support::worker([&*test, LISTENS, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    // In this order: whether a job reaches `false` before it ends is a race.
    for (worker, what) in [(&*listens, "takes the job and ends"), ("false", "ends at once with status 1")] {
        let mailbox = spec.mailbox();
        let check =
            spec.check(REAP, format!("posted a mail to a server with WORKER={worker:?}, which {what}"));
        let (server, http) = spec.server(&mailbox).env("WORKER", worker).serve(&check);
        post(&check.about(FORK), &http, &spec.mails(1));
        server.log_line(&check.about(TALK), &contains("error: "));
        wait_without_children(&check, &server);
        check.holds("no number in the log", !server.stderr().contains("Number of mails"), server.stderr());
        http.is_healthy(&check);
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
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let check = spec.check(REAP, "posted 20 requests of two mails, one after another");
    let (server, http) = spec.server(&mailbox).serve(&check);
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
    let signals = [
        (Signal::SIGTERM, false, "the server"),
        (Signal::SIGTERM, true, "the server and its worker, as `timeout` and systemd do"),
        (Signal::SIGINT, true, "the server and its worker, as Ctrl-C does"),
    ];
    for (signal, to_all, whom) in signals {
        let mailbox = spec.mailbox();
        let (mut server, http) = with_3_mails_held(&spec, &mailbox);
        let check = spec.check(END, format!("sent {signal} to {whom} while the mailbox holds 3 mails"));
        if to_all {
            server.signal_group(signal)
        } else {
            server.signal(signal)
        }
        check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
        let has_ended = limit::poll(limit::BRIEFLY, || (!server.is_running()).then_some(())).is_some();
        check.holds("the server still runs: a worker has work", !has_ended, "it has ended");
        mailbox.release_all();
        let check = spec.check(END, format!("sent {signal} to {whom}, then let the 3 held mails go"));
        // A server that does not wait may have lived a moment longer than the look above.
        logs_number(&check, &server, 3);
        wait_without_children(&check.about(REAP), &server);
        server.ends_well(&check);
        server.leaves_nothing_behind(&check);
    }
}

/// A server whose worker has a job of three mails, which the mailbox holds.
fn with_3_mails_held(spec: &Spec, mailbox: &Mailbox) -> (Running, Http) {
    let begun = spec.check(FORK, "posted 3 mails while the mailbox holds every mail");
    mailbox.hold(Point::Rcpt);
    let (server, http) = spec.server(mailbox).serve(&begun);
    post(&begun, &http, &spec.mails(3));
    mailbox.wait_held(&begun, 3);
    (server, http)
}

#[test]
fn two_signals_at_once_are_one_request() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let (mut server, http) = with_3_mails_held(&spec, &mailbox);
    let check = spec.check(END, "sent SIGTERM and SIGINT at once while the mailbox holds 3 mails");
    // The server is stopped meanwhile, so that no other work of the machine comes between them.
    server.pause(&check);
    server.signal(Signal::SIGTERM);
    server.signal(Signal::SIGINT);
    server.resume(&check);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    mailbox.release_all();
    logs_number(&check, &server, 3);
    server.ends_well(&check);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let (mut server, http) = with_3_mails_held(&spec, &mailbox);
    let check = spec.check(END, "sent SIGTERM while the mailbox holds 3 mails, and again later");
    server.signal(Signal::SIGTERM);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    // What comes soon after the first one is still the same request.
    check.eventually("the program ends, with 3 mails held", || {
        server.signal(Signal::SIGTERM);
        (!server.is_running()).then_some(())
    });
    // The worker finishes its job, and so closes stderr.
    mailbox.release_all();
    server.finish(&check).code(1).stderr_is("a line that begins with `error: `", &contains("error: "));
}

#[test]
fn a_worker_that_dies_of_the_signal_is_logged() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let begun = spec.check(FORK, "posted 2 mails to a server whose worker does not catch signals");
    let worker = script(&begun, "read -r job <&3\necho 'the worker has its job' >&2\nread -r end <&3");
    let (mut server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&begun);
    post(&begun, &http, &spec.mails(2));
    server.logs(&begun.about(TALK), "the worker has its job");
    let check = spec.check(END, "sent SIGTERM to the server and its worker, which dies of it");
    server.signal_group(Signal::SIGTERM);
    server.log_line(&check.about(TALK), &contains("error: "));
    server.ends_well(&check);
    check.holds("no number in the log", !server.stderr().contains("Number of mails"), server.stderr());
}

#[test]
fn clients_that_stop_in_the_middle_do_not_keep_it() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let begun = spec.check(END, "connected four clients that stop in the middle of a request");
    let (mut server, http) = spec.server(&mailbox).serve(&begun);
    let clients = http.clients_that_stop(&begun);
    // Its answer says that the server has got to know the others.
    http.is_healthy(&begun);
    let check = spec.check(END, "sent SIGTERM while four clients have stopped in the middle of a request");
    server.stops(&check);
    for mut client in clients {
        client.read_to_end(&check);
    }
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let spec = support::spec!("10-server");
    // The log that blocks for certain comes early. A panic at a log without a reader may leave the worker to tokio, which may
    // or may not reap it in time.
    let [stays, left, disk, full] = Reader::ALL;
    for (reader, what) in [stays, full, left, disk] {
        let mailbox = spec.mailbox();
        let did = format!("posted 5 mails and 5 more, of which two are refused; stderr {what}");
        let check = spec.check(TALK, did);
        let (mut server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        for sent in [4, 8] {
            let mails = spec.mails(5);
            mailbox.reply(&mails[1].to, Reply::Refuse(550));
            post(&check, &http, &mails);
            mailbox.wait_letters(&check, sent);
            wait_without_children(&check.about(REAP), &server);
        }
        server.stops(&check.about(END));
    }
}

#[test]
fn without_work_a_signal_ends_it_at_once() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let check = spec.check(END, "sent SIGTERM to the server when it had nothing to do");
    let (mut server, _http) = spec.server(&mailbox).serve(&check);
    server.stops(&check);
}

#[test]
fn workers_finish_their_job_when_the_server_is_killed() {
    let (spec, mailbox) = support::spec_with_mailbox!("10-server");
    let begun = spec.check(FORK, "started the server");
    mailbox.hold(Point::Rcpt);
    let (mut server, http) = spec.server(&mailbox).serve(&begun);
    for (count, which) in [(4, "6 mails"), (8, "6 more mails")] {
        let begun = spec.check(FORK, format!("posted {which} while the mailbox holds every mail"));
        post(&begun, &http, &spec.mails(6));
        mailbox.wait_held(&begun, count);
    }
    let check = spec.check(END, "killed the server with SIGKILL while two workers have 6 mails each");
    server.signal(Signal::SIGKILL);
    server.wait(&check);
    mailbox.release_all();
    server.leaves_nothing_behind(&check);
    check.equal(
        "the number of mails in the mailbox when all workers have exited",
        &mailbox.letters().len(),
        &12,
    );
}

#[test]
fn the_worker_can_be_a_real_node_program() {
    with_a_node_worker("send_mail.mjs");
}
