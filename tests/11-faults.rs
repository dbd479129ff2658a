//! The task of lesson 11: account for every mail, whatever becomes of the worker.
//!
//! 1. In the worker, report each mail before the dangerous moment and after it.
//! 2. Answer a request with the number of a job, at once.
//! 3. Take down what the worker says, but don't wait forever.
//! 4. Make a worker exit: disconnect, SIGTERM, SIGKILL; and listen until it is gone.
//! 5. Settle the account of a worker that is gone: what is unknown, what is not started?
//! 6. Try again, with what was not sent, under the same Message-IDs.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Duration;
use support::figures::{self, Holdings};
use support::mailbox::Letter;
use support::predicates::str::contains;
use support::{
    Check, Http, Mail, Mailbox, Point, Program, Quirk, Reader, Reply, ReplyTo, Running, Scratch, Script,
};
use support::{Signal, Spec, Value, json, mail, process};

const REPORT: &str = "1. Report each mail";
const ACCEPT: &str = "2. A number instead of a promise";
const TALK: &str = "3. Listen, but not forever";
const END: &str = "4. Make a worker exit";
const SETTLE: &str = "5. Settle the account";
const RETRY: &str = "6. Try again";
const CONTRACT: &str = "What the spec checks";

/// Where the workers are that the spec plays.
const SCRIPTS: &str = env!("CARGO_TARGET_TMPDIR");

fn server(spec: &Spec, mailbox: &Mailbox) -> Program {
    spec.program().env("PORT", "0").env("SMTP_URL", mailbox.url())
}

fn started(check: &Check, program: Program) -> (Running, Http) {
    let mut server = program.start();
    let http = server.listening(check);
    (server, http)
}

/// Posts the mails and gives the number of the job.
fn post(check: &Check, http: &Http, mails: &[Mail]) -> Value {
    let check = check.about(ACCEPT);
    let answer = http.post(&check, "/endpoint", &mail::request(mails));
    job_of(&check, &answer)
}

fn job_of(check: &Check, answer: &support::Answer) -> Value {
    check.equal("the status of the answer", &answer.status, &202);
    let answer = answer.json();
    let job = answer["job"].clone();
    check.holds(
        "an answer {\"status\": true, \"job\": ID}",
        answer["status"] == true && (job.is_number() || job.is_string()),
        &answer,
    );
    job
}

fn path(job: &Value) -> String {
    format!("/jobs/{}", job.as_str().map_or_else(|| job.to_string(), str::to_owned))
}

fn status(check: &Check, http: &Http, job: &Value) -> Value {
    let answer = http.get(check, &path(job));
    check.equal("the status of the answer", &answer.status, &200);
    answer.json()
}

/// Waits until the job is done or failed, and gives what the server says of it.
fn ended(check: &Check, http: &Http, job: &Value) -> Value {
    check.eventually_gives(&format!("GET {} says done or failed", path(job)), || {
        let status = status(check, http, job);
        let ended = status["state"] == "done" || status["state"] == "failed";
        if ended { Ok(status) } else { Err(status.to_string()) }
    })
}

/// What a job says of its mails: sent, failed, unknown, not started.
fn numbers(status: &Value) -> [u64; 4] {
    ["sent", "failed", "unknown", "not_started"].map(|name| status[name].as_u64().unwrap_or(u64::MAX))
}

/// The job must have finished like this: done or failed, and the numbers sent, failed, unknown, not started.
fn ends_with(check: &Check, http: &Http, job: &Value, state: &str, expected: [u64; 4]) -> Value {
    let status = ended(check, http, job);
    check_account(check, &status, state, expected);
    status
}

/// Waits until the mailbox holds a mail of the job. A job that finishes before is one that went wrong.
fn wait_held(check: &Check, http: &Http, job: &Value, mailbox: &Mailbox) {
    let early = check.eventually("a worker that offers a mail to the mailbox, which holds it", || {
        if mailbox.held() > 0 {
            return Some(None);
        }
        let status = status(check, http, job);
        (status["state"] == "done" || status["state"] == "failed").then_some(Some(status))
    });
    if let Some(status) = early {
        check.fail("a job that runs while the mailbox holds its mail", &status.to_string());
    }
}

fn check_account(check: &Check, status: &Value, state: &str, expected: [u64; 4]) {
    let got = numbers(status);
    check.holds(
        &format!("sent, failed, unknown, not started are {expected:?}"),
        got == expected,
        format!("{got:?}, from {status}"),
    );
    check.holds(&format!("the state is {state}"), status["state"] == state, status);
    check.json("the number \"asked\"", &status["asked"], &json!(expected.iter().sum::<u64>()));
    check.json("the number \"started\" when the job is finished", &status["started"], &json!(0));
}

/// What went wrong is what `talk` says.
fn check_error(check: &Check, status: &Value) {
    let check = check.about(TALK);
    check.holds("an \"error\" that says what happened", status["error"].is_string(), status);
}

fn retry(check: &Check, http: &Http, job: &Value) {
    let answer = http.post(check, &format!("{}/retry", path(job)), &json!({}));
    check.equal("the number of the job that is tried again", &job_of(check, &answer), job);
}

fn wait_without_children(check: &Check, server: &Running) {
    check.eventually("no child of the server is left, and no zombie", || {
        process::children(server.pid()).is_empty().then_some(())
    });
}

/// Kills the one worker that the server has.
fn kill_worker(check: &Check, server: &Running) {
    let children = process::children(server.pid());
    let [worker] = children.as_slice() else {
        check.fail("one worker, a child of the server", &format!("{} children", children.len()))
    };
    check.spec().note(format!("SIGKILL to worker {}", worker.pid));
    process::signal(worker.pid, Signal::SIGKILL);
}

fn message_ids(letters: &[Letter]) -> Vec<String> {
    letters.iter().map(|letter| letter.header("Message-ID")).collect()
}

#[test]
fn a_job_without_mails_is_done_at_once() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(ACCEPT, "posted a job without mails");
    let (server, http) = started(&check, server(&spec, &mailbox));
    let job = post(&check, &http, &[]);
    ends_with(&check, &http, &job, "done", [0, 0, 0, 0]);
    wait_without_children(&check, &server);
    for path in ["/jobs/123456789", "/jobs/0", "/jobs/no-such-job"] {
        check.equal(&format!("the status of GET {path}"), &http.get(&check, path).status, &404);
    }
}

#[test]
fn a_worker_that_does_not_exist() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(ACCEPT, "posted 2 mails to a server whose WORKER does not exist");
    let (_server, http) = started(&check, server(&spec, &mailbox).env("WORKER", "no-such-worker"));
    let job = post(&check, &http, &spec.mails(2));
    let status = ends_with(&check, &http, &job, "failed", [0, 0, 0, 2]);
    check.holds("an \"error\" that says what happened", status["error"].is_string(), &status);
}

#[test]
fn a_request_is_answered_with_a_job_that_can_be_followed() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(2..7));
    let count = mails.len() as u64;
    let check = spec.check(ACCEPT, format!("posted {count} mails while the mailbox holds every mail"));
    mailbox.hold(Point::Rcpt);
    let (server, http) = started(&check, server(&spec, &mailbox));
    let job = post(&check, &http, &mails);
    wait_held(&check.about(TALK), &http, &job, &mailbox);
    let running = status(&check, &http, &job);
    check.equal("the job's number in its own status", &running["job"], &job);
    check.json("the state", &running["state"], &json!("running"));
    check.equal("sent, failed, unknown, not started", &numbers(&running), &[0, 0, 0, count]);
    mailbox.release_all();
    ends_with(&check, &http, &job, "done", [count, 0, 0, 0]);
    server.log_line(&check, &contains(format!("Number of mails sent {count}")));
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
}

#[test]
fn a_mail_that_is_refused_is_failed_and_the_reason_is_told() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mut mails = spec.mails(5);
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    mails[3].to = format!("no address {}", spec.word());
    let check = spec.check(REPORT, "posted 5 mails: one is refused, one address is bad");
    let (_server, http) = started(&check, server(&spec, &mailbox));
    let job = post(&check, &http, &mails);
    let status = ends_with(&check, &http, &job, "done", [3, 2, 0, 0]);
    let problems = status["problems"].as_array().cloned().unwrap_or_default();
    let told: Vec<_> = problems.iter().map(|problem| (&problem["to"], &problem["state"])).collect();
    let expected = [(json!(mails[1].to), json!("failed")), (json!(mails[3].to), json!("failed"))];
    check.equal(
        "to and state of the problems",
        &told,
        &expected.iter().map(|(to, state)| (to, state)).collect(),
    );
    let why = problems[0]["why"].as_str().unwrap_or_default().to_owned();
    check.holds("a \"why\" that says what the mail server said", why.contains("refuses"), &problems[0]);
}

/// An assignment as the server sends it, with a Message-ID for each mail.
fn assignment(mails: &[Mail], ids: &[String]) -> Value {
    let mut assignment = mail::job(mails);
    assignment["reports"] = json!(true);
    for (number, id) in ids.iter().enumerate() {
        assignment["mails"][number]["messageId"] = json!(id);
    }
    assignment
}

/// So many Message-IDs.
fn ids(spec: &Spec, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("<{number}.{}@spec.test>", spec.word())).collect()
}

#[test]
fn the_worker_reports_each_mail_before_and_after_the_dangerous_moment() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(3);
    let ids = ids(&spec, 3);
    let check = spec
        .check(REPORT, "sent the worker an assignment of 3 mails; the mailbox holds the first one at RCPT");
    mailbox.reply(&mails[1].to, Reply::Refuse(450));
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let program = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url());
    let (_worker, mut channel) = program.fork();
    channel.send(&check, &assignment(&mails, &ids));
    mailbox.wait_held(&check, 1);
    channel.stays_silent(&check, "the mail server has not taken the recipient yet");
    mailbox.hold_recipient(Point::Data, &mails[0].to);
    mailbox.hold_recipient(Point::Answer, &mails[0].to);
    let check = spec.check(REPORT, "let the first of 3 mails pass RCPT; the mailbox holds it at DATA");
    mailbox.release_one();
    mailbox.wait_held(&check, 1);
    check.json("the report before DATA", &channel.recv(&check), &json!({"started": ids[0]}));
    let check = spec.check(REPORT, "let the letter of the first mail in; the mailbox holds its answer");
    mailbox.release_one();
    mailbox.wait_letters(&check, 1);
    mailbox.wait_held(&check, 1);
    channel.stays_silent(&check, "the mail server has not answered yet");
    let check = spec.check(REPORT, "let the first of 3 mails go; the second one is refused");
    mailbox.release_one();
    check.json("the report after it", &channel.recv(&check), &json!({"sent": ids[0]}));
    let failed = channel.recv(&check);
    check.json("the next report's \"failed\"", &failed["failed"], &json!(ids[1]));
    check.holds("a report that says \"why\"", failed["why"].is_string(), &failed);
    check.json("the next report", &channel.recv(&check), &json!({"started": ids[2]}));
    check.json("the next report", &channel.recv(&check), &json!({"sent": ids[2]}));
    check.json("the reply", &channel.recv(&check), &json!({"counter": 2}));
    let sent = [ids[0].clone(), ids[2].clone()].to_vec();
    check.equal("the Message-IDs in the mailbox", &message_ids(&mailbox.letters()), &sent);
}

#[test]
fn an_article_style_parent_hears_the_reply_only() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(3..6));
    let check = spec.check(REPORT, "sent the worker a job without \"reports\"; one mail is refused");
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let (_worker, mut channel) = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url()).fork();
    channel.send(&check, &mail::job(&mails));
    let expected = json!({"counter": mails.len() - 1});
    check.json("the first message, which is to be the reply,", &channel.recv(&check), &expected);
}

#[test]
fn the_worker_reports_what_failed_and_what_is_unknown() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let (mails, ids) = (spec.mails(3), ids(&spec, 3));
    mailbox.hold_recipient(Point::Accept, &mails[1].to);
    let check = spec.check(REPORT, "sent the worker 3 mails; the mail server closes after the second letter");
    let (_worker, mut channel) = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url()).fork();
    channel.send(&check, &assignment(&mails, &ids));
    for expected in [json!({"started": ids[0]}), json!({"sent": ids[0]}), json!({"started": ids[1]})] {
        check.json("the next report", &channel.recv(&check), &expected);
    }
    mailbox.wait_held(&check, 1);
    drop(mailbox);
    let unknown = channel.recv(&check);
    check.json("the report about the second mail: its \"unknown\"", &unknown["unknown"], &json!(ids[1]));
    check.holds("a report that says \"why\"", unknown["why"].is_string(), &unknown);
    let failed = channel.recv(&check);
    check.json("the report about the third mail: its \"failed\"", &failed["failed"], &json!(ids[2]));
    check.json("the reply", &channel.recv(&check), &json!({"counter": 1}));
}

#[test]
fn a_letter_that_is_refused_has_failed() {
    let spec = support::spec!("11-faults");
    for (point, when) in [(ReplyTo::Data, "at DATA"), (ReplyTo::Letter, "after the letter")] {
        let mailbox = spec.mailbox();
        let (mails, ids) = (spec.mails(1), ids(&spec, 1));
        mailbox.quirk(Quirk::Says(point, b"554 no\r\n".to_vec()));
        let check =
            spec.check(REPORT, format!("sent the worker a mail, which the mail server refuses {when}"));
        let (_worker, mut channel) = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url()).fork();
        channel.send(&check, &assignment(&mails, &ids));
        check.json("the report before DATA", &channel.recv(&check), &json!({"started": ids[0]}));
        let report = channel.recv(&check);
        check.json(
            "the report about the letter that is refused: its \"failed\"",
            &report["failed"],
            &json!(ids[0]),
        );
        check.json("the reply", &channel.recv(&check), &json!({"counter": 0}));
    }
}

#[test]
fn the_worker_does_what_it_did_in_lesson_09() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let (mut worker, mut channel) = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url()).fork();
    let check = spec.check(REPORT, "sent the worker {\"mails\":5}, which is JSON and not a job");
    channel.send(&check, &json!({"mails": 5}));
    check.json("the counter for what is not a job", &channel.recv(&check)["counter"], &json!(0));
    let check = spec.check(REPORT, "sent SIGINT to the worker, and then a job of 2 mails");
    worker.signal(Signal::SIGINT);
    channel.send(&check, &mail::job(&spec.mails(2)));
    check.json("the counter for the job", &channel.recv(&check)["counter"], &json!(2));
    let check = spec.check(REPORT, "sent the worker a line that isn't JSON");
    channel.send_bytes(&check, b"{\"mails\": oops}\n");
    channel.ends(&check);
    worker.finish(&check).code(2);
}

#[test]
fn a_real_node_parent_goes_on_working() {
    let spec = support::spec!("11-faults");
    let Some(node) = support::node::node() else { return };
    let mailbox = spec.mailbox();
    let count = spec.number(2..6);
    let check = spec.check(REPORT, "let the article's server in real Node fork the worker");
    let script = Scratch::new(SCRIPTS, "worker.sh");
    let text = format!("#!/bin/sh\nexec '{}' send-mail\n", spec.program_path().display());
    write_executable(&check, script.path(), &text);
    let node_server = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/node/server.mjs");
    let program = spec.other_program(node, "node").arg(node_server).env("PORT", "0");
    let (server, http) =
        started(&check, program.env("SMTP_URL", mailbox.url()).env("WORKER_EXEC", script.path()));
    let answer = http.post(&check, "/endpoint", &mail::request(&spec.mails(count)));
    check.json("the answer", &answer.json(), &json!({"status": true, "sent": true}));
    server.log_line(&check, &contains(format!("Number of mails sent {count}")));
}

fn write_executable(check: &Check, script: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let written =
        fs::write(script, text).and_then(|()| fs::set_permissions(script, fs::Permissions::from_mode(0o755)));
    if let Err(error) = written {
        check.fail("a script in the target folder", &error.to_string());
    }
}

#[test]
fn a_worker_that_is_killed_leaves_an_exact_account() {
    let spec = support::spec!("11-faults");
    // Before DATA nothing can have been accepted; after it, nobody knows.
    let points = [
        (Point::Connect, "it connects", 0),
        (Point::Rcpt, "it names the recipient", 0),
        (Point::Data, "it has said DATA", 1),
        (Point::Accept, "it has sent the letter", 1),
        (Point::Answer, "the mail is accepted, but not answered", 1),
    ];
    for (point, when, unknown) in points {
        let mailbox = spec.mailbox();
        let mails = spec.mails(spec.number(3..7));
        // All mails go over one connection, so only the first one can be held at its beginning.
        let victim = if point == Point::Connect { 0 } else { spec.number(0..mails.len()) };
        let (count, sent) = (mails.len() as u64, victim as u64);
        let reported = if unknown == 1 { "has reported" } else { "has not reported" };
        let did = format!(
            "posted {count} mails and killed the worker at mail {} when {when}, so it {reported} \"started\" (step 1)",
            victim + 1
        );
        let check = spec.check(SETTLE, did.as_str());
        match point {
            Point::Connect => mailbox.hold(point),
            _ => mailbox.hold_recipient(point, &mails[victim].to),
        }
        let (server, http) = started(&check, server(&spec, &mailbox));
        let job = post(&check, &http, &mails);
        mailbox.wait_held(&check, 1);
        kill_worker(&check, &server);
        let not_started = count - sent - unknown;
        let status = ends_with(&check, &http, &job, "failed", [sent, 0, unknown, not_started]);
        if unknown == 1 {
            let problem = &status["problems"][0];
            check.json("the recipient of the unknown mail", &problem["to"], &json!(mails[victim].to));
            check.json("the state of that mail", &problem["state"], &json!("unknown"));
        }
        check_error(&check, &status);
        wait_without_children(&check, &server);
        mailbox.wait_all_closed(&check);

        let check = spec.check(RETRY, format!("{did}; then tried the job again"));
        mailbox.release_all();
        retry(&check, &http, &job);
        ends_with(&check, &http, &job, "done", [count, 0, 0, 0]);
        let letters = mailbox.letters();
        let twice = u64::from(point == Point::Answer);
        check.equal("the number of mails in the mailbox", &(letters.len() as u64), &(count + twice));
        let different: HashSet<String> = message_ids(&letters).into_iter().collect();
        check.equal("the number of different Message-IDs", &(different.len() as u64), &count);
        check.holds("every mail has a Message-ID", !different.contains(""), "one has none");
    }
}

#[test]
fn message_ids_are_different_between_jobs_and_between_runs() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(ACCEPT, "posted two jobs of the same two mails to each of two servers");
    let mails = spec.mails(2);
    for _ in 0..2 {
        let (_server, http) = started(&check, server(&spec, &mailbox));
        for _ in 0..2 {
            let job = post(&check, &http, &mails);
            ends_with(&check, &http, &job, "done", [2, 0, 0, 0]);
        }
    }
    let different: HashSet<String> = message_ids(&mailbox.letters()).into_iter().collect();
    check.equal("the number of different Message-IDs", &different.len(), &8);
}

#[test]
fn a_retry_is_for_a_finished_job_with_something_to_send() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(3);
    let check = spec.check(TALK, "posted 3 mails: one is refused, and the mailbox holds the last one");
    mailbox.reply(&mails[1].to, Reply::Refuse(450));
    mailbox.hold_recipient(Point::Rcpt, &mails[2].to);
    let (_server, http) = started(&check, server(&spec, &mailbox));
    let job = post(&check, &http, &mails);
    mailbox.wait_held(&check, 1);
    let again = format!("{}/retry", path(&job));
    let check = spec.check(RETRY, "tried a job again that still runs");
    check.equal("the status of the answer", &http.post(&check, &again, &json!({})).status, &409);
    let check = spec.check(RETRY, "let the job of 3 mails end, of which one is refused, and tried it again");
    mailbox.release_all();
    ends_with(&check, &http, &job, "done", [2, 1, 0, 0]);
    retry(&check, &http, &job);
    ends_with(&check, &http, &job, "done", [2, 1, 0, 0]);
    let expected = [mails[0].to.clone(), mails[2].to.clone()].to_vec();
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &expected);

    let check = spec.check(RETRY, "posted one mail, and tried the job again when it was sent");
    let job = post(&check, &http, &mails[..1]);
    ends_with(&check, &http, &job, "done", [1, 0, 0, 0]);
    let again = http.post(&check, &format!("{}/retry", path(&job)), &json!({}));
    check.equal("the status of the answer when there is nothing to send", &again.status, &409);
}

#[test]
fn a_mail_server_that_goes_silent_after_the_letter_makes_one_mail_unknown() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(4);
    let check = spec.check(REPORT, "posted 4 mails; the mail server closes after it got the second letter");
    mailbox.hold_recipient(Point::Accept, &mails[1].to);
    let (_server, http) = started(&check, server(&spec, &mailbox));
    let job = post(&check, &http, &mails);
    mailbox.wait_held(&check, 1);
    drop(mailbox);
    let status = ends_with(&check, &http, &job, "failed", [1, 2, 1, 0]);
    check.json("the recipient of the unknown mail", &status["problems"][0]["to"], &json!(mails[1].to));
}

/// Starts the first mail and sends it, and starts the second one.
const ONE_AND_A_HALF: &str =
    r#"say "{\"started\":\"$1\"}"; say "{\"sent\":\"$1\"}"; say "{\"started\":\"$2\"}"; "#;
/// Reports each mail as started and as sent, replies, and exits when its channel closes.
const EVERYTHING: &str = r#"for id; do say "{\"started\":\"$id\"}"; say "{\"sent\":\"$id\"}"; done; say "{\"counter\":$#}"; read -r _ <&3"#;
/// Sleeps forever, without holding the channel by another process.
const SLEEP: &str = "while :; do sleep 0.05 3>&-; done";

/// How long the server waits for a worker, in seconds.
struct Waits {
    timeout: &'static str,
    grace: &'static str,
}

/// For a worker that goes wrong by itself: however slow the machine is, its words are waited for.
const PATIENT: Waits = Waits { timeout: "30", grace: "0.25" };
/// For a worker that hangs. It must be able to say its first words within the timeout, also on a busy machine.
const DEADLINE: Waits = Waits { timeout: "1", grace: "0.25" };

/// Which sections speak of a worker that goes wrong: of what the server does about it, and of what it then says of
/// the mails.
type Sections = (&'static str, &'static str);

/// Starts a server with this worker, posts four mails, and looks how the job ends and that nothing is left over.
fn with_worker(sections: Sections, what: &str, body: &str, state: &str, expected: [u64; 4]) -> Value {
    with_waiting_for(&PATIENT, sections, what, body, state, expected)
}

/// The same with other limits.
fn with_waiting_for(
    waits: &Waits,
    sections: Sections,
    what: &str,
    body: &str,
    state: &str,
    expected: [u64; 4],
) -> Value {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let (of_the_end, of_the_mails) = sections;
    let hangs = format!(" for longer than WORKER_TIMEOUT_SECONDS={} (steps 3 and 4)", waits.timeout);
    let hangs = if waits.timeout == PATIENT.timeout { String::new() } else { hangs };
    let check = spec.check(of_the_end, format!("posted 4 mails to a server whose worker {what}{hangs}"));
    let script = Script::new(&check, SCRIPTS, body);
    let program = server(&spec, &mailbox).env("WORKER", script.command());
    let program = program.env("WORKER_TIMEOUT_SECONDS", waits.timeout);
    let program = program.env("WORKER_GRACE_SECONDS", waits.grace);
    let (server, http) = started(&check, program);
    let job = post(&check, &http, &spec.mails(4));
    let status = ended(&check, &http, &job);
    check_account(&check.about(of_the_mails), &status, state, expected);
    if state == "failed" {
        check_error(&check, &status);
    } else if of_the_end == TALK {
        check.holds("no error: the worker did nothing wrong", status["error"].is_null(), &status);
    }
    wait_without_children(&check, &server);
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
    status
}

#[test]
fn a_worker_that_exits_half_way() {
    let body = format!("{ONE_AND_A_HALF} exit 3");
    with_worker((SETTLE, SETTLE), "exits with status 3 at the second mail", &body, "failed", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_crashes() {
    let body = format!("{ONE_AND_A_HALF} ulimit -c 0; kill -SEGV $$");
    with_worker((SETTLE, SETTLE), "crashes with SIGSEGV at the second mail", &body, "failed", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_is_killed_in_the_middle_of_a_report() {
    let body = format!("{ONE_AND_A_HALF} printf '{{\"sent\":\"%s' \"$2\" >&3; kill -KILL $$");
    with_worker(
        (SETTLE, SETTLE),
        "is killed when it has written half of a report",
        &body,
        "failed",
        [1, 0, 1, 2],
    );
}

#[test]
fn a_worker_that_is_killed_before_its_reply() {
    let all = r#"for id; do say "{\"started\":\"$id\"}"; say "{\"sent\":\"$id\"}"; done; kill -KILL $$"#;
    let what = "is killed when it has sent all mails and not replied";
    let status = with_worker((END, END), what, all, "done", [4, 0, 0, 0]);
    check_error(
        &support::spec!("11-faults").check(TALK, format!("posted 4 mails to a server whose worker {what}")),
        &status,
    );
}

#[test]
fn a_worker_that_never_connects() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    // A task of the second size does not fit into the channel while nobody reads.
    for (kib, of_size) in [(0, ""), (220, " of 220 KiB")] {
        let did = format!("posted 4 mails{of_size} to a server whose worker never opens the channel");
        let check = spec.check(TALK, did);
        let program = server(&spec, &mailbox).env("WORKER", "sleep 60");
        let program = program.env("WORKER_TIMEOUT_SECONDS", "0.2").env("WORKER_GRACE_SECONDS", "0.1");
        let (server, http) = started(&check, program);
        let mails: Vec<_> =
            spec.mails(4).into_iter().map(|mail| Mail { text: "x".repeat(kib << 10), ..mail }).collect();
        let job = post(&check, &http, &mails);
        let status = ended(&check, &http, &job);
        check_account(&check.about(SETTLE), &status, "failed", [0, 0, 4, 0]);
        wait_without_children(&check, &server);
    }
}

#[test]
fn a_worker_whose_mail_server_hangs_is_not_waited_for() {
    let spec = support::spec!("11-faults");
    // Without a greeting nothing is started. After DATA one mail is.
    for (point, when, unknown) in
        [(Point::Connect, "before its greeting", 0), (Point::Accept, "after a letter", 1)]
    {
        let mailbox = spec.mailbox();
        mailbox.hold(point);
        let check = spec.check(TALK, format!("posted 3 mails; the mail server says nothing more {when}"));
        let program = server(&spec, &mailbox).env("WORKER_TIMEOUT_SECONDS", "1");
        let (server, http) = started(&check, program.env("WORKER_GRACE_SECONDS", "0.25"));
        let job = post(&check, &http, &spec.mails(3));
        let status = ended(&check, &http, &job);
        check_account(&check.about(SETTLE), &status, "failed", [0, 0, unknown, 3 - unknown]);
        wait_without_children(&check, &server);
    }
}

#[test]
fn a_worker_that_never_says_a_word_and_ends() {
    // Whether it has sent anything, nobody can know: an article-style worker reports nothing.
    with_worker((SETTLE, SETTLE), "says nothing and exits", "exit 1", "failed", [0, 0, 4, 0]);
}

// Before those that write what they should not: they go on, so the server must be able to end them.
#[test]
fn a_worker_that_closes_the_channel_and_lives_on() {
    let body = format!("trap '' TERM; {ONE_AND_A_HALF} exec 3>&-; {SLEEP}");
    with_worker((END, SETTLE), "closes the channel and lives on", &body, "failed", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_writes_garbage() {
    let body = format!("{ONE_AND_A_HALF} say 'Hello, world!'; {SLEEP}");
    with_worker((TALK, SETTLE), "writes what is no JSON and goes on", &body, "failed", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_says_other_things_too() {
    let body = format!("say '\"ready\"'; say '{{\"progress\":1}}'; say '[\"<1>\"]'; say 7; {EVERYTHING}");
    with_worker(
        (TALK, TALK),
        "says \"ready\" and other things before its reports",
        &body,
        "done",
        [4, 0, 0, 0],
    );
}

#[test]
fn a_worker_that_reports_what_it_was_not_given() {
    let body = format!("{ONE_AND_A_HALF} say '{{\"sent\":\"<other@spec.test>\"}}'; {SLEEP}");
    with_worker((TALK, SETTLE), "reports a mail that it was not given", &body, "failed", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_reports_the_start_of_a_mail_twice() {
    let body = format!("{ONE_AND_A_HALF} say \"{{\\\"started\\\":\\\"$2\\\"}}\"; {SLEEP}");
    with_worker(
        (TALK, SETTLE),
        "reports twice that the second mail is started",
        &body,
        "failed",
        [1, 0, 1, 2],
    );
}

#[test]
fn a_worker_that_counts_too_much() {
    with_worker(
        (TALK, SETTLE),
        "replies with a counter of 5",
        &format!("say '{{\"counter\":5}}'; {SLEEP}"),
        "failed",
        [0, 0, 4, 0],
    );
}

#[test]
fn a_worker_that_hangs() {
    let body = format!("{ONE_AND_A_HALF} {SLEEP}");
    with_waiting_for(
        &DEADLINE,
        (TALK, SETTLE),
        "is silent at the second mail",
        &body,
        "failed",
        [1, 0, 1, 2],
    );
}

#[test]
fn a_worker_that_ignores_sigterm() {
    let body = format!("trap '' TERM; {ONE_AND_A_HALF} {SLEEP}");
    with_waiting_for(
        &DEADLINE,
        (END, SETTLE),
        "is silent and ignores SIGTERM",
        &body,
        "failed",
        [1, 0, 1, 2],
    );
}

#[test]
fn a_worker_that_hangs_speaks_once_more_before_it_ends() {
    let body = format!("trap 'say \"{{\\\"sent\\\":\\\"'$2'\\\"}}\"; exit 1' TERM; {ONE_AND_A_HALF} {SLEEP}");
    let what = "reports its mail at SIGTERM and exits, but before that it is silent";
    // The grace is for its last words, and it ends with them.
    let waits = Waits { grace: "10", ..DEADLINE };
    with_waiting_for(&waits, (END, END), what, &body, "failed", [2, 0, 0, 2]);
}

#[test]
fn a_worker_that_replies_and_does_not_exit() {
    let body = format!("trap '' TERM; say '{{\"counter\":4}}'; {SLEEP}");
    with_worker((END, END), "replies, and then ignores that it is to exit", &body, "done", [4, 0, 0, 0]);
}

#[test]
fn a_worker_that_exits_by_itself_is_given_the_time() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let did = "posted 4 mails to a server whose worker sends them, closes the channel, and exits 0.2 seconds later with status 7";
    let check = spec.check(END, did);
    let all = r#"for id; do say "{\"sent\":\"$id\"}"; done; exec 3>&-; sleep 0.2; exit 7"#;
    let script = Script::new(&check, SCRIPTS, &format!("trap 'exit 15' TERM; {all}"));
    let (_server, http) = started(&check, server(&spec, &mailbox).env("WORKER", script.command()));
    let job = post(&check, &http, &spec.mails(4));
    let status = ends_with(&check, &http, &job, "done", [4, 0, 0, 0]);
    let error = status["error"].as_str().unwrap_or_default();
    check.holds(
        "an \"error\" with the status 7: no signal came before",
        error.contains("exit status: 7"),
        &status,
    );
}

#[test]
fn a_worker_whose_last_words_come_with_its_exit() {
    let say = r#"say "{\"sent\":\"$id\"}""#;
    let body = format!("trap 'for id; do {say}; done; exit 1' TERM; {SLEEP}");
    let what = "is silent; its last words lie in the channel when it exits: all mails are sent";
    let waits = Waits { timeout: "0.5", grace: "10" };
    with_waiting_for(&waits, (END, END), what, &body, "done", [4, 0, 0, 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_sleeps_while_it_waits_for_a_worker_to_exit() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let did = "posted 4 mails to a server whose worker closes the channel and ignores SIGTERM, with WORKER_GRACE_SECONDS=0.5";
    let check = spec.check(END, did);
    let go = Scratch::new(SCRIPTS, "go");
    let body = format!(
        r#"trap '' TERM; while ! [ -e '{}' ]; do sleep 0.02 3>&-; done
           for id; do say "{{\"sent\":\"$id\"}}"; done; exec 3>&-; {SLEEP}"#,
        go.path().display()
    );
    let script = Script::new(&check, SCRIPTS, &body);
    let program = server(&spec, &mailbox).env("WORKER", script.command()).env("WORKER_GRACE_SECONDS", "0.5");
    let (server, http) = started(&check, program);
    let job = post(&check, &http, &spec.mails(4));
    let worker =
        check.eventually("a worker, a child of the server", || process::children(server.pid()).pop());
    if let Err(error) = fs::write(go.path(), "") {
        check.fail("a file in the target folder", &error.to_string());
    }
    // Nobody asks the server anything meanwhile.
    let mut awake = Vec::new();
    while process::info(worker.pid).is_some() && awake.len() < 2000 {
        awake.push(process::info(server.pid()).is_some_and(|info| info.state == 'R'));
        std::thread::sleep(Duration::from_millis(5));
    }
    let (looks, running) = (awake.len(), awake.iter().filter(|awake| **awake).count());
    let expected = "a server that sleeps while it waits for its worker to exit";
    check.holds(
        expected,
        running <= looks / 2,
        format!("it was running at {running} of {looks} looks: it looks again and again"),
    );
    let status = ends_with(&check, &http, &job, "done", [4, 0, 0, 0]);
    check_error(&check, &status);
}

#[test]
fn a_worker_whose_own_child_holds_the_channel() {
    let body = format!("sleep 30 & {ONE_AND_A_HALF} {SLEEP}");
    with_waiting_for(
        &DEADLINE,
        (END, SETTLE),
        "has a child that holds the channel, and is silent",
        &body,
        "failed",
        [1, 0, 1, 2],
    );
}

#[test]
fn a_worker_whose_own_child_holds_the_channel_when_it_exits() {
    let body = format!("sleep 30 & {ONE_AND_A_HALF} exit 3");
    // Its last words have a limit of their own: LAST_WORDS.
    let waits = Waits { grace: "30", ..DEADLINE };
    with_waiting_for(
        &waits,
        (END, SETTLE),
        "exits, but its child holds the channel, and it is silent",
        &body,
        "failed",
        [1, 0, 1, 2],
    );
}

#[test]
fn a_slow_worker_is_not_silent() {
    let slow =
        r#"for id; do sleep 0.15; say "{\"started\":\"$id\"}"; sleep 0.15; say "{\"sent\":\"$id\"}"; done"#;
    let waits = Waits { timeout: "0.8", ..PATIENT };
    let what = "reports something every 0.15 seconds, and takes 1.2 seconds for all: it is never silent";
    let body = format!(r#"{slow}; say "{{\"counter\":$#}}"; read -r _ <&3"#);
    with_waiting_for(&waits, (TALK, TALK), what, &body, "done", [4, 0, 0, 0]);
}

#[test]
fn a_server_that_was_stopped_looks_at_what_has_come_before_it_looks_at_the_clock() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let did = "stopped the server for longer than WORKER_TIMEOUT_SECONDS=1 (Ctrl-Z), while its worker reported all, and let it go on";
    let check = spec.check(TALK, did);
    let [go, done] = [Scratch::new(SCRIPTS, "go"), Scratch::new(SCRIPTS, "done")];
    let body = format!(
        r#"say "{{\"started\":\"$1\"}}"; say "{{\"sent\":\"$1\"}}"; shift
           while ! [ -e '{}' ]; do say '"tick"'; sleep 0.2 3>&-; done
           for id; do say "{{\"started\":\"$id\"}}"; say "{{\"sent\":\"$id\"}}"; done
           say '{{"counter":4}}'; : > '{}'; read -r _ <&3"#,
        go.path().display(),
        done.path().display(),
    );
    let script = Script::new(&check, SCRIPTS, &body);
    let program = server(&spec, &mailbox).env("WORKER", script.command()).env("WORKER_TIMEOUT_SECONDS", "1");
    let (server, http) = started(&check, program);
    let job = post(&check, &http, &spec.mails(4));
    check
        .eventually("a first mail that is sent", || (status(&check, &http, &job)["sent"] == 1).then_some(()));
    // It is to sleep when it is stopped: then it wakes up because of the clock, and not of the channel.
    std::thread::sleep(Duration::from_millis(30));
    server.pause(&check);
    if let Err(error) = fs::write(go.path(), "") {
        check.fail("a file in the target folder", &error.to_string());
    }
    check.eventually("a worker that has reported all mails", || done.path().exists().then_some(()));
    // Longer than the deadline.
    std::thread::sleep(Duration::from_millis(1_300));
    server.resume(&check);
    let status = ends_with(&check, &http, &job, "done", [4, 0, 0, 0]);
    check.holds("no error: the worker was not silent", status["error"].is_null(), &status);
}

#[test]
fn an_article_style_worker_is_believed_when_it_counts_all() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(TALK, "posted 2 mails to a server whose worker only replies {\"counter\":2}");
    let script = Script::new(&check, SCRIPTS, "say '{\"counter\":2}'; read -r _ <&3");
    let (server, http) = started(&check, server(&spec, &mailbox).env("WORKER", script.command()));
    let job = post(&check, &http, &spec.mails(2));
    ends_with(&check, &http, &job, "done", [2, 0, 0, 0]);
    server.log_line(&check, &contains("Number of mails sent 2"));
}

#[test]
fn an_article_style_worker_that_counts_less_leaves_all_unknown() {
    // Nothing says which of the mails were sent.
    for reply in [r#"{"counter":2}"#, r#"{"counter":0}"#, r#"{"counter":2,"failed":1,"unknown":1}"#] {
        let spec = support::spec!("11-faults");
        let mailbox = spec.mailbox();
        let check =
            spec.check(SETTLE, format!("posted 4 mails to a server whose worker only replies {reply}"));
        let script = Script::new(&check, SCRIPTS, &format!("say '{reply}'; read -r _ <&3"));
        let (_server, http) = started(&check, server(&spec, &mailbox).env("WORKER", script.command()));
        let job = post(&check, &http, &spec.mails(4));
        ends_with(&check, &http, &job, "failed", [0, 0, 4, 0]);
        let check =
            spec.check(RETRY, format!("tried a job again whose worker only replied {reply} for 4 mails"));
        retry(&check, &http, &job);
        ends_with(&check, &http, &job, "failed", [0, 0, 4, 0]);
    }
}

#[test]
fn a_worker_that_starts_a_mail_and_does_not_count_it() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let did = "posted 4 mails to a server whose worker starts the first one and replies {\"counter\":0}";
    let check = spec.check(SETTLE, did);
    let body = r#"say "{\"started\":\"$1\"}"; say '{"counter":0}'; read -r _ <&3"#;
    let script = Script::new(&check, SCRIPTS, body);
    let (_server, http) = started(&check, server(&spec, &mailbox).env("WORKER", script.command()));
    let job = post(&check, &http, &spec.mails(4));
    ends_with(&check, &http, &job, "failed", [0, 0, 1, 3]);
}

#[test]
fn what_a_worker_says_is_not_kept_without_a_limit() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(CONTRACT, "posted 30 mails to a server whose worker sends a report of 6 MB");
    let long = r#"{ printf '{"started":"'; head -c 6000000 /dev/zero | tr '\0' x; echo '"}'; } >&3"#;
    let script = Script::new(&check, SCRIPTS, &format!("{long}; read -r _ <&3"));
    let (server, http) = started(&check, server(&spec, &mailbox).env("WORKER", script.command()));
    let job = post(&check, &http, &spec.mails(30));
    let status = ends_with(&check, &http, &job, "failed", [0, 0, 30, 0]);
    check_error(&check, &status);
    let length = status.to_string().len();
    check.holds("a status of at most 30 kB", length <= 30_000, format!("{length} bytes"));
    let peak = server.peak_memory().unwrap_or_default() >> 20;
    check.holds("a server of at most 40 MiB", peak <= 40, format!("{peak} MiB"));
}

#[test]
fn a_mail_server_that_talks_much_is_cut_short() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    mailbox
        .quirk(Quirk::Says(ReplyTo::Rcpt, format!("550 \u{1b}[31m{}\r\n", "no ".repeat(150)).into_bytes()));
    let check = spec.check(
        CONTRACT,
        "posted 3 mails; the mail server refuses each with 450 characters, and an escape sequence",
    );
    let (server, http) = started(&check, server(&spec, &mailbox));
    let job = post(&check, &http, &spec.mails(3));
    let status = ends_with(&check, &http, &job, "done", [0, 3, 0, 0]);
    let why = status["problems"][0]["why"].as_str().unwrap_or_default();
    let is_cut = why.contains("no no") && why.chars().count() <= 300;
    check.holds("a \"why\" with the mail server's words, and at most 300 characters", is_cut, &status);
    let raw = server.stderr().contains('\u{1b}') || why.contains('\u{1b}');
    check.holds("no escape character from the mail server in the log", !raw, server.stderr());
}

#[test]
fn the_worker_can_be_a_real_node_program() {
    let spec = support::spec!("11-faults");
    let Some(node) = support::node::node() else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(3..6));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/node/send_mail.mjs");
    let worker = support::worker([&node, &script]);
    let check = spec.check(TALK, format!("posted {} mails to a server with WORKER={worker}", mails.len()));
    let (server, http) = started(&check, server(&spec, &mailbox).env("WORKER", worker));
    let job = post(&check, &http, &mails);
    ends_with(&check, &http, &job, "done", [mails.len() as u64, 0, 0, 0]);
    wait_without_children(&check, &server);
}

#[test]
fn a_worker_without_a_parent_sends_nothing_more() {
    let spec = support::spec!("11-faults");
    let points = [
        (Point::Connect, "has the first of 5 mails and waits for the greeting", 0),
        (Point::Rcpt, "names the recipient of the second of 5 mails", 1),
        (Point::Accept, "has sent the second letter of 5", 2),
    ];
    for (point, when, sent) in points {
        let mailbox = spec.mailbox();
        let mails = spec.mails(5);
        let check = spec.check(REPORT, format!("killed the server with SIGKILL while its worker {when}"));
        match point {
            Point::Connect => mailbox.hold(point),
            _ => mailbox.hold_recipient(point, &mails[1].to),
        }
        let (mut server, http) = started(&check, server(&spec, &mailbox));
        post(&check, &http, &mails);
        mailbox.wait_held(&check, 1);
        server.signal(Signal::SIGKILL);
        server.wait(&check);
        mailbox.release_all();
        server.leaves_nothing_behind(&check);
        check.equal(
            "the list of recipients in the mailbox",
            &mailbox.recipients(),
            &mail::recipients(&mails[..sent]),
        );
    }
}

#[test]
fn a_signal_ends_the_server_after_the_job_in_hand() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(3);
    let check = spec.check(CONTRACT, "sent SIGTERM to a server with a job whose first mail is held");
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let (mut server, http) = started(&check, server(&spec, &mailbox));
    post(&check, &http, &mails);
    mailbox.wait_held(&check, 1);
    server.signal(Signal::SIGTERM);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    mailbox.release_all();
    server.ends_well(&check);
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
    server.leaves_nothing_behind(&check);
}

#[test]
fn a_signal_to_the_whole_group_cuts_nothing_off() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(8);
    let did = "sent SIGTERM twice to the server and its worker (as a service manager and `timeout` do), with 8 mails in hand";
    let check = spec.check(CONTRACT, did);
    mailbox.hold_recipient(Point::Rcpt, &mails[1].to);
    let (mut server, http) = started(&check, server(&spec, &mailbox));
    post(&check, &http, &mails);
    mailbox.wait_held(&check, 1);
    server.signal_group(Signal::SIGTERM);
    server.signal_group(Signal::SIGTERM);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    mailbox.release_all();
    server.ends_well(&check);
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
    server.leaves_nothing_behind(&check);
}

#[test]
fn a_client_that_stops_in_the_middle_does_not_keep_the_server() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let did = "sent SIGTERM while clients are in the middle of a request line, a header and a body";
    let check = spec.check(CONTRACT, did);
    let (mut server, http) = started(&check, server(&spec, &mailbox));
    let head = "POST /endpoint HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-le";
    let body = format!("{head}ngth: 1000\r\n\r\n{{\"emails\": [");
    let mut clients = Vec::new();
    for request in ["POST /endp", head, body.as_str()] {
        let mut client = http.connect(&check);
        if let Err(error) = client.write(request) {
            check.fail("a server that reads", &error.to_string());
        }
        clients.push(client);
    }
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
    server.signal(Signal::SIGTERM);
    server.ends_well(&check);
}

#[test]
fn a_web_page_from_elsewhere_cannot_send_mails_again() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(CONTRACT, "posted to /jobs/1/retry as a browser does for a page of another site");
    let (_server, http) = started(&check, server(&spec, &mailbox).env("WORKER", "no-such-worker"));
    let job = post(&check, &http, &spec.mails(1));
    ends_with(&check, &http, &job, "failed", [0, 0, 0, 1]);
    let again = format!("{}/retry", path(&job));
    let answer = http.post_with(&check, &again, &[("origin", "http://example.org")], &json!({}));
    check.equal("the status of the answer", &answer.status, &403);
    let answer = http.send_bytes(
        &check,
        "GET as example.org",
        format!("GET {} HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n", path(&job)).into_bytes(),
    );
    let answer = answer.unwrap_or_else(|error| check.fail("an answer", &error));
    check.equal("the status of the answer for another host's name", &answer.status, &421);
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_server() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(
        CONTRACT,
        "posted 200 bad addresses, twice, to a server whose stderr is read, is full, or is closed",
    );
    for reader in [Reader::Stays, Reader::Stopped, Reader::Left] {
        let (mut server, http) = started(&check, server(&spec, &mailbox).stderr(reader));
        for _ in 0..2 {
            let bad = |mail: Mail| Mail { to: format!("no address {}", "x".repeat(500)), ..mail };
            let mails: Vec<Mail> = spec.mails(200).into_iter().map(bad).collect();
            let job = post(&check, &http, &mails);
            ends_with(&check, &http, &job, "done", [0, 200, 0, 0]);
        }
        server.signal(Signal::SIGTERM);
        server.ends_well(&check);
    }
}

#[test]
fn a_signal_ends_the_server_even_when_a_worker_hangs() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let did = "sent SIGTERM to a server whose worker is silent for longer than WORKER_TIMEOUT_SECONDS=0.5 \
               and ignores SIGTERM (steps 3 and 4)";
    let check = spec.check(END, did);
    let script = Script::new(&check, SCRIPTS, &format!("trap '' TERM; {ONE_AND_A_HALF} {SLEEP}"));
    let program = server(&spec, &mailbox).env("WORKER", script.command());
    let program = program.env("WORKER_TIMEOUT_SECONDS", "0.5").env("WORKER_GRACE_SECONDS", "0.25");
    let (mut server, http) = started(&check, program);
    post(&check, &http, &spec.mails(2));
    server.signal(Signal::SIGTERM);
    server.ends_well(&check);
    server.leaves_nothing_behind(&check);
}

#[test]
fn bad_configuration_is_told_at_the_start() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let bad = [
        ("WORKER_TIMEOUT_SECONDS", "soon"),
        ("WORKER_TIMEOUT_SECONDS", "0"),
        ("WORKER_GRACE_SECONDS", "-1"),
        ("SMTP_URL", "nowhere"),
    ];
    for (name, value) in bad {
        let check = spec.check(CONTRACT, format!("started the server with {name}={value:?}"));
        server(&spec, &mailbox).env(name, value).run(&check).code(2).reports_error(&[name]);
    }
}

/// Jobs that are posted at the same time.
const ROUND: usize = 10;

/// The sum of the numbers of all jobs.
fn sum(statuses: &[Value]) -> [u64; 4] {
    statuses.iter().map(numbers).fold([0; 4], |sum, more| std::array::from_fn(|at| sum[at] + more[at]))
}

/// How many mails were asked for and what became of them, in a line.
fn account(when: &str, asked: usize, statuses: &[Value], mailbox: &Mailbox) -> String {
    let [sent, failed, unknown, not_started] = sum(statuses);
    let letters = mailbox.letters();
    let different: HashSet<String> = message_ids(&letters).into_iter().collect();
    format!(
        "{when}: asked {asked}, sent {sent}, failed {failed}, unknown {unknown}, not started {not_started}; \
         in the mailbox {}, duplicated {}",
        letters.len(),
        letters.len() - different.len()
    )
}

#[test]
fn after_random_kills_every_mail_is_accounted_for() {
    println!("{}", random_kills(5, 4));
}

#[test]
#[ignore = "takes some seconds: cargo test -p solution-11 -- --ignored --nocapture two_hundred"]
fn two_hundred_jobs_with_random_kills() {
    figures::publish("11-kills", &random_kills(20, 4));
}

#[test]
#[ignore = "takes half a minute: cargo test -p solution-11 -- --ignored --nocapture five_hundred"]
fn five_hundred_random_kills() {
    println!("{}", random_kills(100, 5));
}

/// Posts jobs in rounds, kills some of their workers, tries them again, and gives the figures.
fn random_kills(rounds: usize, victims: usize) -> String {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(
        SETTLE,
        format!(
            "posted {ROUND} jobs at a time, {rounds} times, and killed {victims} of their workers each time"
        ),
    );
    let (server, http) = started(&check, server(&spec, &mailbox));
    let mut jobs: Vec<(Value, Vec<Mail>)> = Vec::new();
    let (mut refused, mut accepted_unreported) = (0, 0);
    let mut before = None;
    for _ in 0..rounds {
        let mut held = Vec::new();
        let first = jobs.len();
        for number in 0..ROUND {
            let mails = spec.mails(spec.number(1..5));
            let at = spec.number(0..mails.len());
            if number < victims {
                let points = [Point::Rcpt, Point::Data, Point::Accept, Point::Answer];
                let point = points[spec.number(0..4)];
                mailbox.hold_recipient(point, &mails[at].to);
                accepted_unreported += usize::from(point == Point::Answer);
                held.push(first + number);
            } else if spec.number(0..3) == 0 {
                mailbox.reply(&mails[at].to, Reply::Refuse(550));
                refused += 1;
            }
            jobs.push((post(&check, &http, &mails), mails));
        }
        mailbox.wait_held(&check, victims);
        for victim in held {
            let running = status(&check, &http, &jobs[victim].0);
            let Some(pid) = running["workers"][0].as_u64().and_then(|pid| u32::try_from(pid).ok()) else {
                check.fail("the pid of the worker in the status of a running job", &running.to_string())
            };
            process::signal(pid, Signal::SIGKILL);
        }
        for (job, _) in &jobs[first..] {
            ended(&check, &http, job);
        }
        wait_without_children(&check, &server);
        // A gate that opens before the mailbox has seen that the worker is gone lets the letter in.
        mailbox.wait_all_closed(&check);
        mailbox.release_all();
        // After the first round everything that is made once is there.
        before.get_or_insert_with(|| Holdings::of(&server));
    }

    let asked: usize = jobs.iter().map(|(_, mails)| mails.len()).sum();
    let statuses: Vec<Value> = jobs.iter().map(|(job, _)| status(&check, &http, job)).collect();
    let after_kills = account("after the kills", asked, &statuses, &mailbox);
    for ((_, mails), status) in jobs.iter().zip(&statuses) {
        let all: u64 = numbers(status).iter().sum();
        check.holds(
            "every mail of a job is sent, failed, unknown or not started",
            all == mails.len() as u64,
            status,
        );
        check.holds("at most one mail of a job is unknown", numbers(status)[2] <= 1, status);
    }
    let [sent, failed, _, _] = sum(&statuses);
    check.equal("the number of failed mails, of all jobs", &failed, &refused);
    let letters = mailbox.letters().len() as u64;
    check.equal(
        "mails in the mailbox that no report told of",
        &(letters - sent),
        &(accepted_unreported as u64),
    );

    let check = spec.check(RETRY, "killed workers of many jobs, and then tried the failed jobs again");
    let again: Vec<&Value> = jobs
        .iter()
        .zip(&statuses)
        .filter(|(_, status)| status["state"] == "failed")
        .map(|((job, _), _)| job)
        .collect();
    for round in again.chunks(ROUND) {
        round.iter().for_each(|job| retry(&check, &http, job));
        for job in round {
            ended(&check, &http, job);
        }
    }
    wait_without_children(&check, &server);
    let statuses: Vec<Value> = jobs.iter().map(|(job, _)| status(&check, &http, job)).collect();
    let after_retries = account("after the retries", asked, &statuses, &mailbox);
    let sent = asked as u64 - refused;
    check.equal("sent, failed, unknown, not started, of all jobs", &sum(&statuses), &[sent, refused, 0, 0]);
    check_duplicates(&check, &mailbox.letters(), accepted_unreported);
    let before = before.unwrap_or_default();
    let after = nothing_grew(&check, &server, before);
    let kills = format!("{} jobs, {} workers killed", jobs.len(), victims * rounds);
    let holdings = format!("the server before: {before}\nthe server after:  {after}");
    format!("{kills}\n{after_kills}\n{after_retries}\n{holdings}")
}

/// Only what was accepted and not told came twice, and then with one Message-ID.
fn check_duplicates(check: &Check, letters: &[Letter], expected: usize) {
    let mut by_recipient: HashMap<&str, Vec<String>> = HashMap::new();
    for letter in letters {
        let recipient = letter.recipients.first().map_or("", String::as_str);
        by_recipient.entry(recipient).or_default().push(letter.header("Message-ID"));
    }
    let twice: Vec<_> = by_recipient.values().filter(|ids| ids.len() > 1).collect();
    check.equal("the number of mails that came twice", &twice.len(), &expected);
    for ids in twice {
        check.holds("both have one Message-ID", ids.iter().all(|id| *id == ids[0]), format!("{ids:?}"));
    }
}

/// The server holds as much as before, within reason. Gives what it holds.
fn nothing_grew(check: &Check, server: &Running, before: Holdings) -> Holdings {
    let expected = format!("no zombie, and no more than {} open descriptors", before.descriptors);
    let after = check.eventually(&expected, || {
        Some(Holdings::of(server))
            .filter(|after| after.zombies == 0 && after.descriptors <= before.descriptors)
    });
    let grown = after.resident_kib.saturating_sub(before.resident_kib);
    check.holds("at most 4 MiB of memory more", grown <= 4 << 10, format!("{grown} KiB more"));
    after
}
