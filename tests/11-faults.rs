//! The task of lesson 11: account for every mail, whatever becomes of the worker.
//!
//! 1. In the worker, report each mail before the dangerous moment and after it.
//! 2. Answer a request with the number of a job, at once.
//! 3. Take down what the worker says, but don't wait forever.
//! 4. Make a worker exit: disconnect, SIGTERM, SIGKILL; and listen until it is gone.
//! 5. Settle the account of a worker that is gone: what is unknown, what is not started?
//! 6. Try again, with what was not sent, under the same Message-IDs.

use std::fs;
use std::time::Duration;
use support::figures::{self, Holdings};
use support::ipc::Channel;
use support::jobs::{self, JobServer, Numbers, check_account, message_ids, numbers, path, played, sum};
use support::predicates::str::contains;
use support::{Check, Mail, Mailbox, Point, Program, Quirk, Reader, Reply, ReplyTo, Running, Scratch};
use support::{Signal, Spec, Value, json, mail};

const REPORT: &str = "1. Report each mail";
const ACCEPT: &str = "2. A number instead of a promise";
const TALK: &str = "3. Listen, but not forever";
const END: &str = "4. Make a worker exit";
const SETTLE: &str = "5. Settle the account";
const RETRY: &str = "6. Try again";
const CONTRACT: &str = "What the spec checks";

/// Where the workers are that the spec plays.
const SCRIPTS: &str = env!("CARGO_TARGET_TMPDIR");

fn spec() -> Spec {
    support::spec!("11-faults")
}

/// A check, and a mailbox for it.
fn begin(section: &str, did: impl Into<String>) -> (Check, Mailbox) {
    let spec = spec();
    (spec.check(section, did), spec.mailbox())
}

/// The lesson's program, with this mail server.
fn program(check: &Check, mailbox: &Mailbox) -> Program {
    check.spec().program().env("PORT", "0").env("SMTP_URL", mailbox.url())
}

fn started(check: &Check, program: Program) -> JobServer {
    JobServer::start(check, program, |_| ACCEPT)
}

/// A server for the mailbox, with workers of its own.
fn server(check: &Check, mailbox: &Mailbox) -> JobServer {
    started(check, program(check, mailbox))
}

/// A server with a worker that the spec plays, and how long it waits for it in seconds: for a word, and for its exit.
fn server_of_played(check: &Check, mailbox: &Mailbox, body: &str, (timeout, grace): Waits) -> JobServer {
    let program = program(check, mailbox).env("WORKER_TIMEOUT_SECONDS", timeout);
    let program = program.env("WORKER_GRACE_SECONDS", grace);
    JobServer::start_with(check, program, |_| ACCEPT, played(check, SCRIPTS, body))
}

/// What went wrong is what `talk` says.
fn check_error(check: &Check, status: &Value) {
    let check = check.about(TALK);
    check.holds("an \"error\" that says what happened", status["error"].is_string(), status);
}

fn retry(check: &Check, server: &JobServer, job: &Value) {
    let again = jobs::job_of(check, &server.retry(check, job));
    check.equal("the number of the job that is tried again", &again, job);
}

#[test]
fn a_job_without_mails_is_done_at_once() {
    let (check, mailbox) = begin(ACCEPT, "posted a job without mails");
    let server = server(&check, &mailbox);
    let job = server.post(&check, &[]);
    server.ends_with(&check, &job, "done", [0, 0, 0, 0]);
    server.wait_for_workers(&check, 0);
    for path in ["/jobs/123456789", "/jobs/0", "/jobs/no-such-job"] {
        check.equal(&format!("the status of GET {path}"), &server.http.get(&check, path).status, &404);
    }
}

#[test]
fn a_worker_that_does_not_exist() {
    let (check, mailbox) = begin(ACCEPT, "posted 2 mails to a server whose WORKER does not exist");
    let server = started(&check, program(&check, &mailbox).env("WORKER", "no-such-worker"));
    let status = server.runs(&check, &check.spec().mails(2), "failed", [0, 0, 0, 2]);
    check.holds("an \"error\" that says what happened", status["error"].is_string(), &status);
}

#[test]
fn a_request_is_answered_with_a_job_that_can_be_followed() {
    let (check, mailbox) = begin(ACCEPT, "posted some mails while the mailbox holds every mail");
    let mails = check.spec().mails(check.spec().number(2..7));
    let count = mails.len();
    mailbox.hold(Point::Rcpt);
    let server = server(&check, &mailbox);
    let job = server.post(&check, &mails);
    server.wait_held(&check.about(TALK), &job, &mailbox);
    let running = server.status(&check, &job);
    check.equal("the job's number in its own status", &running["job"], &job);
    check.json("the state", &running["state"], &json!("running"));
    check.equal("sent, failed, unknown, not started", &numbers(&running), &[0, 0, 0, count]);
    mailbox.release_all();
    server.ends_with(&check, &job, "done", [count, 0, 0, 0]);
    server.log_line(&check, &contains(format!("Number of mails sent {count}")));
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
}

#[test]
fn a_mail_that_is_refused_is_failed_and_the_reason_is_told() {
    let (check, mailbox) = begin(REPORT, "posted 5 mails: one is refused, one address is bad");
    let mut mails = check.spec().mails(5);
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    mails[3].to = format!("no address {}", check.spec().word());
    let server = server(&check, &mailbox);
    let job = server.post(&check, &mails);
    let status = server.ends_with(&check, &job, "done", [3, 2, 0, 0]);
    for (problem, mail) in [(0, &mails[1]), (1, &mails[3])] {
        let problem = &status["problems"][problem];
        check.json("the recipient of a problem", &problem["to"], &json!(mail.to));
        check.json("its state", &problem["state"], &json!("failed"));
    }
    let problem = &status["problems"][0];
    let why = problem["why"].as_str().unwrap_or_default();
    check.holds("a \"why\" that says what the mail server said", why.contains("refuses"), problem);
}

/// The worker alone, with a channel to the spec.
fn worker(check: &Check, mailbox: &Mailbox) -> (Running, Channel) {
    program(check, mailbox).arg("send-mail").fork()
}

/// Sends the worker an assignment as the server does, with a Message-ID for each mail. Returns these.
fn assign(check: &Check, channel: &mut Channel, mails: &[Mail]) -> Vec<String> {
    let mut assignment = mail::job(mails);
    assignment["reports"] = json!(true);
    let ids: Vec<_> =
        (0..mails.len()).map(|number| format!("<{number}.{}@spec.test>", check.spec().word())).collect();
    for (number, id) in ids.iter().enumerate() {
        assignment["mails"][number]["messageId"] = json!(id);
    }
    channel.send(check, &assignment);
    ids
}

/// The next report must be about this mail, and say why.
fn check_report(check: &Check, channel: &mut Channel, what: &str, state: &str, id: &str) {
    let report = channel.recv(check);
    check.json(&format!("the report about {what}: its {state:?}"), &report[state], &json!(id));
    check.holds("a report that says \"why\"", report["why"].is_string(), &report);
}

#[test]
fn the_worker_reports_each_mail_before_and_after_the_dangerous_moment() {
    let did = "sent the worker an assignment of 3 mails; the mailbox holds the first one at RCPT";
    let (check, mailbox) = begin(REPORT, did);
    let spec = check.spec();
    let mails = spec.mails(3);
    mailbox.reply(&mails[1].to, Reply::Refuse(450));
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let (_worker, mut channel) = worker(&check, &mailbox);
    let ids = assign(&check, &mut channel, &mails);
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
    check_report(&check, &mut channel, "the second mail", "failed", &ids[1]);
    for report in [json!({"started": ids[2]}), json!({"sent": ids[2]}), json!({"counter": 2})] {
        check.json("the next message", &channel.recv(&check), &report);
    }
    let got: Vec<_> = mailbox.letters().iter().map(|letter| letter.header("Message-ID")).collect();
    check.equal("the Message-IDs in the mailbox", &got, &vec![ids[0].clone(), ids[2].clone()]);
}

#[test]
fn an_article_style_parent_hears_the_reply_only() {
    let (check, mailbox) = begin(REPORT, "sent the worker a job without \"reports\"; one mail is refused");
    let mails = check.spec().mails(check.spec().number(3..6));
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let (_worker, mut channel) = worker(&check, &mailbox);
    channel.send(&check, &mail::job(&mails));
    let expected = json!({"counter": mails.len() - 1});
    check.json("the first message, which is to be the reply,", &channel.recv(&check), &expected);
}

#[test]
fn the_worker_reports_what_failed_and_what_is_unknown() {
    let did = "sent the worker 3 mails; the mail server closes after the second letter";
    let (check, mailbox) = begin(REPORT, did);
    let mails = check.spec().mails(3);
    mailbox.hold_recipient(Point::Accept, &mails[1].to);
    let (_worker, mut channel) = worker(&check, &mailbox);
    let ids = assign(&check, &mut channel, &mails);
    for expected in [json!({"started": ids[0]}), json!({"sent": ids[0]}), json!({"started": ids[1]})] {
        check.json("the next report", &channel.recv(&check), &expected);
    }
    mailbox.wait_held(&check, 1);
    drop(mailbox);
    check_report(&check, &mut channel, "the second mail", "unknown", &ids[1]);
    check_report(&check, &mut channel, "the third mail", "failed", &ids[2]);
    check.json("the reply", &channel.recv(&check), &json!({"counter": 1}));
}

#[test]
fn a_letter_that_is_refused_has_failed() {
    for (point, when) in [(ReplyTo::Data, "at DATA"), (ReplyTo::Letter, "after the letter")] {
        let did = format!("sent the worker a mail, which the mail server refuses {when}");
        let (check, mailbox) = begin(REPORT, did);
        mailbox.quirk(Quirk::Says(point, b"554 no\r\n".to_vec()));
        let (_worker, mut channel) = worker(&check, &mailbox);
        let ids = assign(&check, &mut channel, &check.spec().mails(1));
        check.json("the report before DATA", &channel.recv(&check), &json!({"started": ids[0]}));
        check_report(&check, &mut channel, "the letter that is refused", "failed", &ids[0]);
        check.json("the reply", &channel.recv(&check), &json!({"counter": 0}));
    }
}

#[test]
fn the_worker_does_what_it_did_in_lesson_09() {
    let (check, mailbox) = begin(REPORT, "sent the worker {\"mails\":5}, which is JSON and not a job");
    let spec = check.spec();
    let (mut worker, mut channel) = worker(&check, &mailbox);
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
    let Some(node) = support::node::node() else { return };
    let (check, mailbox) = begin(REPORT, "let the article's server in real Node fork the worker");
    let spec = check.spec();
    let script = Scratch::new(SCRIPTS, "worker.sh");
    let text = format!("exec '{}' send-mail", spec.program_path().display());
    jobs::write_executable(&check, script.path(), &text);
    let program = spec.other_program(node, "node").arg(support::node_program!("server.mjs")).env("PORT", "0");
    let server = started(&check, program.env("SMTP_URL", mailbox.url()).env("WORKER_EXEC", script.path()));
    let answer = server.offer(&check, &spec.mails(4));
    check.json("the answer", &answer.json(), &json!({"status": true, "sent": true}));
    server.log_line(&check, &contains("Number of mails sent 4"));
}

#[test]
fn a_worker_that_is_killed_leaves_an_exact_account() {
    // Before DATA nothing can have been accepted; after it, nobody knows.
    let points = [
        (Point::Connect, "it connects", 0),
        (Point::Rcpt, "it names the recipient", 0),
        (Point::Data, "it has said DATA", 1),
        (Point::Accept, "it has sent the letter", 1),
        (Point::Answer, "the mail is accepted, but not answered", 1),
    ];
    for (point, when, unknown) in points {
        let spec = spec();
        let mailbox = spec.mailbox();
        let mails = spec.mails(spec.number(3..7));
        // All mails go over one connection, so only the first one can be held at its beginning.
        let sent = if point == Point::Connect { 0 } else { spec.number(0..mails.len()) };
        let count = mails.len();
        let reported = if unknown == 1 { "has reported" } else { "has not reported" };
        let did = format!(
            "posted {count} mails and killed the worker at mail {} when {when}, so it {reported} \"started\" (step 1)",
            sent + 1
        );
        let check = spec.check(SETTLE, did.as_str());
        match point {
            Point::Connect => mailbox.hold(point),
            _ => mailbox.hold_recipient(point, &mails[sent].to),
        }
        let server = server(&check, &mailbox);
        let job = server.post(&check, &mails);
        mailbox.wait_held(&check, 1);
        server.kill_worker(&check);
        let status = server.ends_with(&check, &job, "failed", [sent, 0, unknown, count - sent - unknown]);
        if unknown == 1 {
            let problem = &status["problems"][0];
            check.json("the recipient of the unknown mail", &problem["to"], &json!(mails[sent].to));
            check.json("the state of that mail", &problem["state"], &json!("unknown"));
        }
        check_error(&check, &status);
        server.wait_for_workers(&check, 0);
        mailbox.wait_all_closed(&check);

        let check = spec.check(RETRY, format!("{did}; then tried the job again"));
        mailbox.release_all();
        retry(&check, &server, &job);
        server.ends_with(&check, &job, "done", [count, 0, 0, 0]);
        let twice = usize::from(point == Point::Answer);
        check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &(count + twice));
        let different = message_ids(&mailbox);
        check.equal("the number of different Message-IDs", &different.len(), &count);
        check.holds("every mail has a Message-ID", !different.contains(""), "one has none");
    }
}

#[test]
fn message_ids_are_different_between_jobs_and_between_runs() {
    let (check, mailbox) = begin(ACCEPT, "posted two jobs of the same two mails to each of two servers");
    let mails = check.spec().mails(2);
    for _ in 0..2 {
        let server = server(&check, &mailbox);
        for _ in 0..2 {
            server.runs(&check, &mails, "done", [2, 0, 0, 0]);
        }
    }
    check.equal("the number of different Message-IDs", &message_ids(&mailbox).len(), &8);
}

#[test]
fn a_retry_is_for_a_finished_job_with_something_to_send() {
    let did = "posted 3 mails: one is refused, and the mailbox holds the last one";
    let (check, mailbox) = begin(TALK, did);
    let spec = check.spec();
    let mails = spec.mails(3);
    mailbox.reply(&mails[1].to, Reply::Refuse(450));
    mailbox.hold_recipient(Point::Rcpt, &mails[2].to);
    let server = server(&check, &mailbox);
    let job = server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    let check = spec.check(RETRY, "tried a job again that still runs");
    check.equal("the status of the answer", &server.retry(&check, &job).status, &409);
    let check = spec.check(RETRY, "let the job of 3 mails end, of which one is refused, and tried it again");
    mailbox.release_all();
    server.ends_with(&check, &job, "done", [2, 1, 0, 0]);
    retry(&check, &server, &job);
    server.ends_with(&check, &job, "done", [2, 1, 0, 0]);
    let expected = vec![mails[0].to.clone(), mails[2].to.clone()];
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &expected);

    let check = spec.check(RETRY, "posted one mail, and tried the job again when it was sent");
    let job = server.post(&check, &mails[..1]);
    server.ends_with(&check, &job, "done", [1, 0, 0, 0]);
    let status = server.retry(&check, &job).status;
    check.equal("the status of the answer when there is nothing to send", &status, &409);
}

#[test]
fn a_mail_server_that_goes_silent_after_the_letter_makes_one_mail_unknown() {
    let did = "posted 4 mails; the mail server closes after it got the second letter";
    let (check, mailbox) = begin(REPORT, did);
    let mails = check.spec().mails(4);
    mailbox.hold_recipient(Point::Accept, &mails[1].to);
    let server = server(&check, &mailbox);
    let job = server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    drop(mailbox);
    let status = server.ends_with(&check, &job, "failed", [1, 2, 1, 0]);
    check.json("the recipient of the unknown mail", &status["problems"][0]["to"], &json!(mails[1].to));
}

/// How long the server waits for a worker, in seconds: for a word, and for its exit.
type Waits = (&'static str, &'static str);

/// For a worker that goes wrong by itself: however slow the machine is, its words are waited for.
const PATIENT: Waits = ("30", "0.25");
/// For a worker that hangs. It must be able to say its first words within the timeout, also on a busy machine.
const DEADLINE: Waits = ("1", "0.25");

/// Which sections speak of a worker that goes wrong: of what the server does about it, and of what it then says of
/// the mails.
type Sections = (&'static str, &'static str);

/// Starts a server with this worker, posts four mails, and looks how the job ends and that nothing is left over.
fn worker_plays(
    (of_the_end, of_the_mails): Sections,
    waits: Waits,
    what: &str,
    body: &str,
    state: &str,
    expected: Numbers,
) -> Value {
    let hangs = format!(" for longer than WORKER_TIMEOUT_SECONDS={} (steps 3 and 4)", waits.0);
    let hangs = if waits.0 == PATIENT.0 { "" } else { &hangs };
    let (check, mailbox) =
        begin(of_the_end, format!("posted 4 mails to a server whose worker {what}{hangs}"));
    let server = server_of_played(&check, &mailbox, body, waits);
    let job = server.post(&check, &check.spec().mails(4));
    let status = server.ended(&check, &job);
    check_account(&check.about(of_the_mails), &status, state, expected);
    if state == "failed" {
        check_error(&check, &status);
    } else if of_the_end == TALK {
        check.holds("no error: the worker did nothing wrong", status["error"].is_null(), &status);
    }
    server.wait_for_workers(&check, 0);
    server.is_healthy(&check);
    status
}

/// The worker sends the first of four mails, starts the second one, and goes wrong. So one is unknown.
fn half_way(of_the_end: &'static str, what: &str, then: &str) {
    half_way_with(of_the_end, PATIENT, what, "", then);
}

/// The same with other waits, and with what the worker does before.
fn half_way_with(of_the_end: &'static str, waits: Waits, what: &str, before: &str, then: &str) {
    let body = format!("{before} half_way $@; {then}");
    worker_plays((of_the_end, SETTLE), waits, what, &body, "failed", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_exits_half_way() {
    half_way(SETTLE, "exits with status 3 at the second mail", "exit 3");
}

#[test]
fn a_worker_that_crashes() {
    let what = "crashes with SIGSEGV at the second mail";
    half_way_with(SETTLE, PATIENT, what, "ulimit -c 0;", "kill -SEGV $$");
}

#[test]
fn a_worker_that_is_killed_in_the_middle_of_a_report() {
    let then = r#"printf '{"sent":"%s' "$2" >&3; kill -KILL $$"#;
    half_way(SETTLE, "is killed when it has written half of a report", then);
}

#[test]
fn a_worker_that_is_killed_before_its_reply() {
    let what = "is killed when it has sent all mails and not replied";
    let status = worker_plays((END, END), PATIENT, what, "each $@; kill -KILL $$", "done", [4, 0, 0, 0]);
    check_error(&spec().check(TALK, format!("posted 4 mails to a server whose worker {what}")), &status);
}

#[test]
fn a_worker_that_never_connects() {
    // A task of the second size does not fit into the channel while nobody reads.
    for (kib, of_size) in [(0, ""), (220, " of 220 KiB")] {
        let did = format!("posted 4 mails{of_size} to a server whose worker never opens the channel");
        let (check, mailbox) = begin(TALK, did);
        let program = program(&check, &mailbox).env("WORKER", "sleep 60");
        let program = program.env("WORKER_TIMEOUT_SECONDS", "0.2").env("WORKER_GRACE_SECONDS", "0.1");
        let server = started(&check, program);
        let large = || Mail { text: "x".repeat(kib << 10), ..check.spec().mail() };
        let job = server.post(&check, &[large(), large(), large(), large()]);
        let status = server.ended(&check, &job);
        check_account(&check.about(SETTLE), &status, "failed", [0, 0, 4, 0]);
        server.wait_for_workers(&check, 0);
    }
}

#[test]
fn a_worker_whose_mail_server_hangs_is_not_waited_for() {
    // Without a greeting nothing is started. After DATA one mail is.
    for (point, when, unknown) in
        [(Point::Connect, "before its greeting", 0), (Point::Accept, "after a letter", 1)]
    {
        let did = format!("posted 3 mails; the mail server says nothing more {when}");
        let (check, mailbox) = begin(TALK, did);
        mailbox.hold(point);
        let program = program(&check, &mailbox).env("WORKER_TIMEOUT_SECONDS", "1");
        let server = started(&check, program.env("WORKER_GRACE_SECONDS", "0.25"));
        let job = server.post(&check, &check.spec().mails(3));
        let status = server.ended(&check, &job);
        check_account(&check.about(SETTLE), &status, "failed", [0, 0, unknown, 3 - unknown]);
        server.wait_for_workers(&check, 0);
    }
}

#[test]
fn a_worker_that_never_says_a_word_and_ends() {
    // Whether it has sent anything, nobody can know: an article-style worker reports nothing.
    let what = "says nothing and exits";
    worker_plays((SETTLE, SETTLE), PATIENT, what, "exit 1", "failed", [0, 0, 4, 0]);
}

// Before those that write what they should not: they go on, so the server must be able to end them.
#[test]
fn a_worker_that_closes_the_channel_and_lives_on() {
    let (what, then) = ("closes the channel and lives on", "exec 3>&-; hang");
    half_way_with(END, PATIENT, what, "trap '' TERM;", then);
}

#[test]
fn a_worker_that_writes_garbage() {
    half_way(TALK, "writes what is no JSON and goes on", "say 'Hello, world!'; hang");
}

#[test]
fn a_worker_that_says_other_things_too() {
    let what = "says \"ready\" and other things before its reports";
    let others = r#"say '"ready"'; say '{"progress":1}'; say '["<1>"]'; say 7; all $@; disconnected"#;
    worker_plays((TALK, TALK), PATIENT, what, others, "done", [4, 0, 0, 0]);
}

#[test]
fn a_worker_that_says_other_things_forever() {
    let what = "never stops saying \"tick\", which is not a report";
    half_way(TALK, what, r#"while say '"tick"'; do :; done"#);
}

#[test]
fn a_worker_that_reports_what_it_was_not_given() {
    half_way(TALK, "reports a mail that it was not given", "sent '<other@spec.test>'; hang");
}

#[test]
fn a_worker_that_reports_the_start_of_a_mail_twice() {
    half_way(TALK, "reports twice that the second mail is started", "started $2; hang");
}

#[test]
fn a_worker_that_counts_too_much() {
    let (what, body) = ("replies with a counter of 5", r#"say '{"counter":5}'; hang"#);
    worker_plays((TALK, SETTLE), PATIENT, what, body, "failed", [0, 0, 4, 0]);
}

#[test]
fn a_worker_that_hangs() {
    half_way_with(TALK, DEADLINE, "is silent at the second mail", "", "hang");
}

#[test]
fn a_worker_that_ignores_sigterm() {
    half_way_with(END, DEADLINE, "is silent and ignores SIGTERM", "trap '' TERM;", "hang");
}

#[test]
fn a_worker_that_hangs_speaks_once_more_before_it_ends() {
    let what = "reports its mail at SIGTERM and exits, but before that it is silent";
    let body = "trap 'sent $2; exit 1' TERM; half_way $@; hang $@";
    // The grace is for its last words, and it ends with them.
    worker_plays((END, END), (DEADLINE.0, "10"), what, body, "failed", [2, 0, 0, 2]);
}

#[test]
fn a_worker_that_replies_and_does_not_exit() {
    let what = "replies, and then ignores that it is to exit";
    let body = r#"trap '' TERM; say '{"counter":4}'; hang"#;
    worker_plays((END, END), PATIENT, what, body, "done", [4, 0, 0, 0]);
}

#[test]
fn a_worker_that_exits_by_itself_is_given_the_time() {
    let what = "sends them, closes the channel, and exits 0.2 seconds later with status 7";
    let body = "trap 'exit 15' TERM; for id; do sent $id; done; exec 3>&-; sleep 0.2; exit 7";
    let status = worker_plays((END, END), ("30", "10"), what, body, "done", [4, 0, 0, 0]);
    let error = status["error"].as_str().unwrap_or_default();
    let check = spec().check(END, format!("posted 4 mails to a server whose worker {what}"));
    let expected = "an \"error\" with the status 7: no signal came before";
    check.holds(expected, error.contains("exit status: 7"), &status);
}

#[test]
fn a_worker_whose_last_words_come_with_its_exit() {
    let body = "trap 'for id; do sent $id; done; exit 1' TERM; hang $@";
    let what = "is silent; its last words lie in the channel when it exits: all mails are sent";
    worker_plays((END, END), ("0.5", "10"), what, body, "done", [4, 0, 0, 0]);
}

/// A file that a played worker waits for, or makes.
struct Flag(Scratch);

impl Flag {
    fn new(name: &str) -> Self {
        Self(Scratch::new(SCRIPTS, name))
    }

    /// For the script, in quotes.
    fn quoted(&self) -> String {
        format!("'{}'", self.0.path().display())
    }

    fn raise(&self, check: &Check) {
        if let Err(error) = fs::write(self.0.path(), "") {
            check.fail("a file in the target folder", &error.to_string());
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_sleeps_while_it_waits_for_a_worker_to_exit() {
    let did = "posted 4 mails to a server whose worker closes the channel and ignores SIGTERM, with WORKER_GRACE_SECONDS=0.5";
    let (check, mailbox) = begin(END, did);
    let go = Flag::new("go");
    let wait = format!("while ! [ -e {} ]; do sleep 0.02 3>&-; done", go.quoted());
    let body = format!("trap '' TERM; {wait}; for id; do sent $id; done; exec 3>&-; hang");
    let server = server_of_played(&check, &mailbox, &body, ("30", "0.5"));
    let job = server.post(&check, &check.spec().mails(4));
    let worker = server.wait_for_workers(&check, 1).pop_first().unwrap_or_default();
    go.raise(&check);
    // Nobody asks the server anything meanwhile.
    let (mut looks, mut running) = (0, 0);
    while support::process::info(worker).is_some() && looks < 2000 {
        looks += 1;
        running += usize::from(support::process::info(server.pid()).is_some_and(|info| info.state == 'R'));
        std::thread::sleep(Duration::from_millis(5));
    }
    let expected = "a server that sleeps while it waits for its worker to exit";
    let got = format!("it was running at {running} of {looks} looks: it looks again and again");
    check.holds(expected, running <= looks / 2, got);
    let status = server.ends_with(&check, &job, "done", [4, 0, 0, 0]);
    check_error(&check, &status);
}

#[test]
fn a_worker_whose_own_child_holds_the_channel() {
    let what = "has a child that holds the channel, and is silent";
    half_way_with(END, DEADLINE, what, "sleep 30 &", "hang");
}

#[test]
fn a_worker_whose_own_child_holds_the_channel_when_it_exits() {
    let what = "exits, but its child holds the channel, and it is silent";
    // Its last words have a limit of their own: LAST_WORDS.
    half_way_with(END, (DEADLINE.0, "30"), what, "sleep 30 &", "exit 3");
}

#[test]
fn a_slow_worker_is_not_silent() {
    let what = "reports something every 0.15 seconds, and takes 1.2 seconds for all: it is never silent";
    let slow = r#"for id; do sleep 0.15; started $id; sleep 0.15; sent $id; done; say "{\"counter\":$#}""#;
    let body = format!("{slow}; disconnected");
    worker_plays((TALK, TALK), ("0.8", PATIENT.1), what, &body, "done", [4, 0, 0, 0]);
}

#[test]
fn a_server_that_was_stopped_looks_at_what_has_come_before_it_looks_at_the_clock() {
    let did = "stopped the server for longer than WORKER_TIMEOUT_SECONDS=1 (Ctrl-Z), while its worker reported all, and let it go on";
    let (check, mailbox) = begin(TALK, did);
    let [go, done] = [Flag::new("go"), Flag::new("done")];
    let body = format!(
        r#"started $1; sent $1; shift; while ! [ -e {} ]; do say '"tick"'; sleep 0.2 3>&-; done
           each $@; say '{{"counter":4}}'; : > {}; disconnected"#,
        go.quoted(),
        done.quoted(),
    );
    let server = server_of_played(&check, &mailbox, &body, ("1", "5"));
    let job = server.post(&check, &check.spec().mails(4));
    let expected = "a first mail that is sent";
    check.eventually(expected, || (server.status(&check, &job)["sent"] == 1).then_some(()));
    // Stopped in its sleep, it wakes up because of the clock, and not of the channel.
    let sleeps = || support::process::info(server.pid()).filter(|info| info.state == 'S').map(drop);
    check.eventually("a server that sleeps until its worker speaks", sleeps);
    server.pause(&check);
    go.raise(&check);
    check.eventually("a worker that has reported all mails", || done.0.path().exists().then_some(()));
    // Longer than the deadline.
    std::thread::sleep(Duration::from_millis(1_300));
    server.resume(&check);
    let status = server.ends_with(&check, &job, "done", [4, 0, 0, 0]);
    check.holds("no error: the worker was not silent", status["error"].is_null(), &status);
}

#[test]
fn an_article_style_worker_is_believed_when_it_counts_all() {
    let did = "posted 2 mails to a server whose worker only replies {\"counter\":2}";
    let (check, mailbox) = begin(TALK, did);
    let server = server_of_played(&check, &mailbox, r#"say '{"counter":2}'; disconnected"#, PATIENT);
    server.runs(&check, &check.spec().mails(2), "done", [2, 0, 0, 0]);
    server.log_line(&check, &contains("Number of mails sent 2"));
}

#[test]
fn an_article_style_worker_that_counts_less_leaves_all_unknown() {
    // Nothing says which of the mails were sent.
    for reply in [r#"{"counter":2}"#, r#"{"counter":0}"#, r#"{"counter":2,"failed":1,"unknown":1}"#] {
        let did = format!("posted 4 mails to a server whose worker only replies {reply}");
        let (check, mailbox) = begin(SETTLE, did);
        let server = server_of_played(&check, &mailbox, &format!("say '{reply}'; disconnected"), PATIENT);
        let job = server.post(&check, &check.spec().mails(4));
        server.ends_with(&check, &job, "failed", [0, 0, 4, 0]);
        let did = format!("tried a job again whose worker only replied {reply} for 4 mails");
        let check = check.spec().check(RETRY, did);
        retry(&check, &server, &job);
        server.ends_with(&check, &job, "failed", [0, 0, 4, 0]);
    }
}

#[test]
fn a_worker_that_starts_a_mail_and_does_not_count_it() {
    let what = "starts the first one and replies {\"counter\":0}";
    let body = r#"started $1; say '{"counter":0}'; disconnected"#;
    let (check, mailbox) = begin(SETTLE, format!("posted 4 mails to a server whose worker {what}"));
    let server = server_of_played(&check, &mailbox, body, PATIENT);
    server.runs(&check, &check.spec().mails(4), "failed", [0, 0, 1, 3]);
}

#[test]
fn what_a_worker_says_is_not_kept_without_a_limit() {
    let (check, mailbox) = begin(CONTRACT, "posted 30 mails to a server whose worker sends a report of 6 MB");
    let long = r#"{ printf '{"started":"'; head -c 6000000 /dev/zero | tr '\0' x; echo '"}'; } >&3"#;
    let server = server_of_played(&check, &mailbox, &format!("{long}; disconnected"), PATIENT);
    let status = server.runs(&check, &check.spec().mails(30), "failed", [0, 0, 30, 0]);
    check_error(&check, &status);
    let length = status.to_string().len();
    check.holds("a status of at most 30 kB", length <= 30_000, format!("{length} bytes"));
    let peak = server.peak_memory().unwrap_or_default() >> 20;
    check.holds("a server of at most 40 MiB", peak <= 40, format!("{peak} MiB"));
}

#[test]
fn a_mail_server_that_talks_much_is_cut_short() {
    let did = "posted 3 mails; the mail server refuses each with 450 characters, and an escape sequence";
    let (check, mailbox) = begin(CONTRACT, did);
    let refusal = format!("550 \u{1b}[31m{}\r\n", "no ".repeat(150));
    mailbox.quirk(Quirk::Says(ReplyTo::Rcpt, refusal.into_bytes()));
    let server = server(&check, &mailbox);
    let status = server.runs(&check, &check.spec().mails(3), "done", [0, 3, 0, 0]);
    let why = status["problems"][0]["why"].as_str().unwrap_or_default();
    let is_cut = why.contains("no no") && why.chars().count() <= 300;
    check.holds("a \"why\" with the mail server's words, and at most 300 characters", is_cut, &status);
    let raw = server.stderr().contains('\u{1b}') || why.contains('\u{1b}');
    check.holds("no escape character from the mail server in the log", !raw, server.stderr());
}

#[test]
fn the_worker_can_be_a_real_node_program() {
    let Some(worker) = support::node::worker(support::node_program!("send_mail.mjs")) else { return };
    let (check, mailbox) = begin(TALK, format!("posted 4 mails to a server with WORKER={worker}"));
    let server = started(&check, program(&check, &mailbox).env("WORKER", worker));
    server.runs(&check, &check.spec().mails(4), "done", [4, 0, 0, 0]);
    server.wait_for_workers(&check, 0);
}

#[test]
fn a_worker_without_a_parent_sends_nothing_more() {
    let points = [
        (Point::Connect, "has the first of 5 mails and waits for the greeting", 0),
        (Point::Rcpt, "names the recipient of the second of 5 mails", 1),
        (Point::Accept, "has sent the second letter of 5", 2),
    ];
    for (point, when, sent) in points {
        let did = format!("killed the server with SIGKILL while its worker {when}");
        let (check, mailbox) = begin(REPORT, did);
        let mails = check.spec().mails(5);
        match point {
            Point::Connect => mailbox.hold(point),
            _ => mailbox.hold_recipient(point, &mails[1].to),
        }
        let mut server = server(&check, &mailbox);
        server.post(&check, &mails);
        mailbox.wait_held(&check, 1);
        server.signal(Signal::SIGKILL);
        server.wait(&check);
        mailbox.release_all();
        server.leaves_nothing_behind(&check);
        let expected = mail::recipients(&mails[..sent]);
        check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &expected);
    }
}

/// Posts 8 mails, sends signals while the worker has one of them in hand, and looks that all are sent.
fn finishes_when_stopped(did: &str, signal: impl FnOnce(&Running)) {
    let (check, mailbox) = begin(CONTRACT, did);
    let mails = check.spec().mails(8);
    mailbox.hold_recipient(Point::Rcpt, &mails[1].to);
    let mut server = server(&check, &mailbox);
    server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    signal(&server);
    server.wait_closed(&check);
    mailbox.release_all();
    server.ends_well(&check);
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
    server.leaves_nothing_behind(&check);
}

#[test]
fn a_signal_ends_the_server_after_the_job_in_hand() {
    let did = "sent SIGTERM to a server with a job of 8 mails, of which one is held";
    finishes_when_stopped(did, |server| server.signal(Signal::SIGTERM));
}

#[test]
fn a_signal_to_the_whole_group_cuts_nothing_off() {
    let did = "sent SIGTERM twice to the server and its worker (as a service manager and `timeout` do), with 8 mails in hand";
    finishes_when_stopped(did, |server| (0..2).for_each(|_| server.signal_group(Signal::SIGTERM)));
}

#[test]
fn a_client_that_stops_in_the_middle_does_not_keep_the_server() {
    let did = "sent SIGTERM while clients are in the middle of a request line, a header and a body";
    let (check, mailbox) = begin(CONTRACT, did);
    let mut server = server(&check, &mailbox);
    let clients = server.http.clients_that_stop(&check);
    server.is_healthy(&check);
    server.stops(&check);
    drop(clients);
}

#[test]
fn a_web_page_from_elsewhere_cannot_send_mails_again() {
    let did = "posted to /jobs/1/retry as a browser does for a page of another site";
    let (check, mailbox) = begin(CONTRACT, did);
    let server = started(&check, program(&check, &mailbox).env("WORKER", "no-such-worker"));
    let job = server.post(&check, &check.spec().mails(1));
    server.ends_with(&check, &job, "failed", [0, 0, 0, 1]);
    let (again, elsewhere) = (format!("{}/retry", path(&job)), [("origin", "http://example.org")]);
    let answer = server.http.post_with(&check, &again, &elsewhere, &json!({}));
    check.equal("the status of the answer", &answer.status, &403);
    let request = format!("GET {} HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n", path(&job));
    let answer = server.http.send_bytes(&check, "GET as example.org", request.into_bytes());
    let answer = answer.unwrap_or_else(|error| check.fail("an answer", &error));
    check.equal("the status of the answer for another host's name", &answer.status, &421);
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_server() {
    let did = "posted 200 bad addresses, twice, to a server whose stderr is read, is full, or is closed";
    let (check, mailbox) = begin(CONTRACT, did);
    for reader in [Reader::Stays, Reader::Stopped, Reader::Left] {
        let mut server = started(&check, program(&check, &mailbox).stderr(reader));
        for _ in 0..2 {
            server.runs(&check, &jobs::bad_mails(&check, 200), "done", [0, 200, 0, 0]);
        }
        server.stops(&check);
    }
}

#[test]
fn a_signal_ends_the_server_even_when_a_worker_hangs() {
    let did = "sent SIGTERM to a server whose worker is silent for longer than WORKER_TIMEOUT_SECONDS=0.5 \
               and ignores SIGTERM (steps 3 and 4)";
    let (check, mailbox) = begin(END, did);
    let body = "trap '' TERM; half_way $@; hang";
    let mut server = server_of_played(&check, &mailbox, body, ("0.5", "0.25"));
    server.post(&check, &check.spec().mails(2));
    server.stops(&check);
    server.leaves_nothing_behind(&check);
}

#[test]
fn bad_configuration_is_told_at_the_start() {
    spec().refuses_values(CONTRACT, "WORKER_TIMEOUT_SECONDS", &["soon", "0"], "1");
    spec().refuses_values(CONTRACT, "WORKER_GRACE_SECONDS", &["-1"], "1");
    spec().refuses_values(CONTRACT, "SMTP_URL", &["nowhere"], "smtp://127.0.0.1:2525");
}

#[test]
fn after_random_kills_every_mail_is_accounted_for() {
    println!("{}", random_kills(5));
}

#[test]
#[ignore = "takes some seconds: cargo test -p solution-11 -- --ignored --nocapture two_hundred"]
fn two_hundred_jobs_with_random_kills() {
    figures::publish("11-kills", &random_kills(20));
}

/// Jobs that are posted at the same time, and how many of their workers are killed.
const ROUND: usize = 10;
const VICTIMS: usize = 4;

/// Posts jobs in rounds, kills some of their workers, tries them again, and gives the figures.
fn random_kills(rounds: usize) -> String {
    let did = format!(
        "posted {ROUND} jobs at a time, {rounds} times, and killed {VICTIMS} of their workers each time"
    );
    let (check, mailbox) = begin(SETTLE, did);
    let server = server(&check, &mailbox);
    let mut storm = Storm { jobs: Vec::new(), asked: 0, refused: 0, unreported: 0 };
    let mut before = None;
    for _ in 0..rounds {
        storm.round(&check, &server, &mailbox);
        // After the first round everything that is made once is there.
        before.get_or_insert_with(|| Holdings::of(&server));
    }
    let statuses = storm.statuses(&check, &server);
    let after_kills = jobs::account("after the kills", storm.asked, &statuses, &mailbox);
    for status in &statuses {
        let numbers = numbers(status);
        let expected = "every mail of a job is sent, failed, unknown or not started";
        check.holds(expected, status["asked"] == json!(numbers.iter().sum::<usize>()), status);
        check.holds("at most one mail of a job is unknown", numbers[2] <= 1, status);
    }
    let [sent, failed, unknown, not_started] = sum(&statuses);
    check.equal("the number of mails, of all jobs", &(sent + failed + unknown + not_started), &storm.asked);
    check.equal("the number of failed mails, of all jobs", &failed, &storm.refused);
    let untold = mailbox.letters().len() - sent;
    check.equal("mails in the mailbox that no report told of", &untold, &storm.unreported);

    let check =
        check.spec().check(RETRY, "killed workers of many jobs, and then tried the failed jobs again");
    let failed =
        statuses.iter().filter(|status| status["state"] == "failed").map(|status| status["job"].clone());
    for round in failed.collect::<Vec<_>>().chunks(ROUND) {
        round.iter().for_each(|job| retry(&check, &server, job));
        round.iter().for_each(|job| drop(server.ended(&check, job)));
    }
    server.wait_for_workers(&check, 0);
    let statuses = storm.statuses(&check, &server);
    let after_retries = jobs::account("after the retries", storm.asked, &statuses, &mailbox);
    let expected = [storm.asked - storm.refused, storm.refused, 0, 0];
    check.equal("sent, failed, unknown, not started, of all jobs", &sum(&statuses), &expected);
    // Only what was accepted and not told came twice, and then with one Message-ID.
    let (letters, different) = (mailbox.letters().len(), message_ids(&mailbox).len());
    check.equal("the number of different Message-IDs", &different, &(storm.asked - storm.refused));
    check.equal("the number of mails that came twice", &(letters - different), &storm.unreported);
    let before = before.unwrap_or_default();
    let after = jobs::nothing_grew(&check, &server, before, 4);
    format!(
        "{} jobs, {} workers killed\n{after_kills}\n{after_retries}\nthe server before: {before}\nthe server after:  {after}",
        storm.jobs.len(),
        VICTIMS * rounds
    )
}

/// Many jobs, and what must come of them.
struct Storm {
    jobs: Vec<Value>,
    /// All their mails.
    asked: usize,
    /// Mails that the mail server refuses.
    refused: usize,
    /// Mails that are accepted when their worker is killed, so that no report tells of them.
    unreported: usize,
}

impl Storm {
    /// Posts jobs, and kills the workers of the first ones at a random mail and moment.
    fn round(&mut self, check: &Check, server: &JobServer, mailbox: &Mailbox) {
        let spec = check.spec();
        let first = self.jobs.len();
        for number in 0..ROUND {
            let mails = spec.mails(spec.number(1..5));
            let to = &mails[spec.number(0..mails.len())].to;
            if number < VICTIMS {
                let point = [Point::Rcpt, Point::Data, Point::Accept, Point::Answer][spec.number(0..4)];
                mailbox.hold_recipient(point, to);
                self.unreported += usize::from(point == Point::Answer);
            } else if spec.number(0..3) == 0 {
                mailbox.reply(to, Reply::Refuse(550));
                self.refused += 1;
            }
            self.asked += mails.len();
            self.jobs.push(server.post(check, &mails));
        }
        mailbox.wait_held(check, VICTIMS);
        for job in &self.jobs[first..first + VICTIMS] {
            let running = server.status(check, job);
            let pid = running["workers"][0].as_u64().and_then(|pid| u32::try_from(pid).ok());
            let expected = "the pid of the worker in the status of a running job";
            let pid = pid.unwrap_or_else(|| check.fail(expected, &running.to_string()));
            jobs::kill(check, [&pid]);
        }
        self.jobs[first..].iter().for_each(|job| drop(server.ended(check, job)));
        server.wait_for_workers(check, 0);
        // A gate that opens before the mailbox has seen that the worker is gone lets the letter in.
        mailbox.wait_all_closed(check);
        mailbox.release_all();
    }

    fn statuses(&self, check: &Check, server: &JobServer) -> Vec<Value> {
        self.jobs.iter().map(|job| server.status(check, job)).collect()
    }
}
