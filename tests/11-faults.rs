//! The task of lesson 11: every mail is accounted for, whatever becomes of the worker.
//!
//! 1. In the worker, report each mail before the dangerous moment and after it.
//! 2. Answer a request with the number of a job, at once.
//! 3. Take down what the worker says, but do not wait for ever.
//! 4. End a worker: disconnect, SIGTERM, SIGKILL; and listen until it has gone.
//! 5. Settle the account of a worker that has gone: what is unknown, what is left?
//! 6. Try again, with what was not sent, under the same Message-IDs.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use support::figures::{self, Holdings};
use support::mailbox::Letter;
use support::predicates::str::contains;
use support::{Check, Http, Mail, Mailbox, Point, Program, Reply, Running, Scratch, Script, Signal, Spec};
use support::{Value, json, mail, process};

const REPORT: &str = "1. Report each mail";
const ACCEPT: &str = "2. A number instead of a promise";
const TALK: &str = "3. Listen, but not for ever";
const END: &str = "4. End a worker";
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

/// What a job says of its mails: sent, failed, unknown, left.
fn numbers(status: &Value) -> [u64; 4] {
    ["sent", "failed", "unknown", "left"].map(|name| status[name].as_u64().unwrap_or(u64::MAX))
}

/// The job must have ended like this: done or failed, and the numbers sent, failed, unknown, left.
fn ends_with(check: &Check, http: &Http, job: &Value, state: &str, expected: [u64; 4]) -> Value {
    let status = ended(check, http, job);
    check_account(check, &status, state, expected);
    status
}

/// What is said when all mails are left although some must be sent.
const NOT_GIVEN: &str = "\nNo mail was given to the worker, so it seems. `unsent` (number 6) chooses them for the first attempt, too.";

/// Waits until the mailbox holds a mail of the job. A job that ends before, without a fault, was one without mails.
fn wait_held(check: &Check, http: &Http, job: &Value, mailbox: &Mailbox) {
    let early = check.eventually("a worker that offers a mail to the mailbox, which holds it", || {
        if mailbox.held() > 0 {
            return Some(None);
        }
        let status = status(check, http, job);
        (status["state"] == "done" || status["state"] == "failed").then_some(Some(status))
    });
    let Some(status) = early else { return };
    let faulty = status["error"].is_string();
    let (check, hint) = if faulty { (check.clone(), "") } else { (check.about(RETRY), NOT_GIVEN) };
    check.fail("a job that runs while the mailbox holds its mail", &format!("{status}{hint}"));
}

fn check_account(check: &Check, status: &Value, state: &str, expected: [u64; 4]) {
    let got = numbers(status);
    // Where no mail is sent, all may be left because of the account, too.
    let untouched = expected[0] > 0 && got == [0, 0, 0, expected.iter().sum()];
    let hint = if untouched { NOT_GIVEN } else { "" };
    check.holds(
        &format!("sent, failed, unknown, left are {expected:?}"),
        got == expected,
        format!("{got:?}, from {status}{hint}"),
    );
    check.holds(&format!("the state is {state}"), status["state"] == state, status);
    check.json("the number \"asked\"", &status["asked"], &json!(expected.iter().sum::<u64>()));
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
    check.equal("sent, failed, unknown, left", &numbers(&running), &[0, 0, 0, count]);
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

/// A task as the server sends it, with a Message-ID for each mail.
fn task(mails: &[Mail], ids: &[String]) -> Value {
    let mut task = mail::job(mails);
    task["reports"] = json!(true);
    for (number, id) in ids.iter().enumerate() {
        task["mails"][number]["messageId"] = json!(id);
    }
    task
}

#[test]
fn the_worker_reports_each_mail_before_and_after_the_dangerous_moment() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(3);
    let ids: Vec<String> = (0..3).map(|number| format!("<{number}.{}@spec.test>", spec.word())).collect();
    let check =
        spec.check(REPORT, "sent the worker a task of 3 mails; the mailbox holds the first one at RCPT");
    mailbox.reply(&mails[1].to, Reply::Refuse(450));
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let program = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url());
    let (_worker, mut channel) = program.fork();
    channel.send(&check, &task(&mails, &ids));
    mailbox.wait_held(&check, 1);
    channel.stays_silent(&check, "the mail server has not taken the recipient yet");
    mailbox.hold_recipient(Point::Data, &mails[0].to);
    mailbox.hold_recipient(Point::Answer, &mails[0].to);
    let check = spec.check(REPORT, "let the first of 3 mails pass RCPT; the mailbox holds it at DATA");
    mailbox.release_one();
    mailbox.wait_held(&check, 1);
    check.json("the report before DATA", &channel.recv(&check), &json!({"begun": ids[0]}));
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
    check.json("the next report", &channel.recv(&check), &json!({"begun": ids[2]}));
    check.json("the next report", &channel.recv(&check), &json!({"sent": ids[2]}));
    let answer = channel.recv(&check);
    check.json("the answer's counter", &answer["counter"], &json!(2));
    check.json("the answer's \"failed\"", &answer["failed"], &json!(1));
    let sent = [ids[0].clone(), ids[2].clone()].to_vec();
    check.equal("the Message-IDs in the mailbox", &message_ids(&mailbox.letters()), &sent);
}

#[test]
fn an_article_style_parent_hears_the_answer_only() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(3..6));
    let check = spec.check(REPORT, "sent the worker a job without \"reports\"; one mail is refused");
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let (_worker, mut channel) = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url()).fork();
    channel.send(&check, &mail::job(&mails));
    let answer = channel.recv(&check);
    check.holds("the answer as the first message", answer["counter"] == mails.len() - 1, &answer);
}

#[test]
fn an_answer_says_what_failed_and_what_nobody_knows() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let mails = spec.mails(4);
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    mailbox.hold_recipient(Point::Accept, &mails[2].to);
    let check = spec.check(
        REPORT,
        "sent the worker 4 mails: one is refused, and the mail server closes after the third letter",
    );
    let (_worker, mut channel) = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url()).fork();
    channel.send(&check, &mail::job(&mails));
    mailbox.wait_held(&check, 1);
    drop(mailbox);
    let answer = channel.recv(&check);
    let numbers = ["counter", "failed", "unknown"].map(|name| answer[name].clone());
    check.holds("counter 1, failed 2, unknown 1", numbers == [json!(1), json!(2), json!(1)], &answer);
}

#[test]
fn the_worker_does_what_it_did_in_lesson_09() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let (mut worker, mut channel) = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url()).fork();
    let check = spec.check(REPORT, "sent the worker {\"mails\":5}, which is JSON and no job");
    channel.send(&check, &json!({"mails": 5}));
    check.json("the counter for what is no job", &channel.recv(&check)["counter"], &json!(0));
    let check = spec.check(REPORT, "sent SIGINT to the worker, and then a job of 2 mails");
    worker.signal(Signal::SIGINT);
    channel.send(&check, &mail::job(&spec.mails(2)));
    check.json("the counter for the job", &channel.recv(&check)["counter"], &json!(2));
    let check = spec.check(REPORT, "sent the worker a line that is no JSON");
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
            "posted {count} mails and killed the worker at mail {} when {when}, so it {reported} \"begun\" (number 1)",
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
        let left = count - sent - unknown;
        let status = ends_with(&check, &http, &job, "failed", [sent, 0, unknown, left]);
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
fn a_retry_is_for_a_job_that_has_ended_with_something_left() {
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
    check.equal("the status of the answer when nothing is left", &again.status, &409);
    let check = check.about(ACCEPT);
    for path in ["/jobs/123456789", "/jobs/no-such-job"] {
        check.equal(&format!("the status of GET {path}"), &http.get(&check, path).status, &404);
    }
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

/// Begins the first mail and sends it, and begins the second one.
const ONE_AND_A_HALF: &str =
    r#"say "{\"begun\":\"$1\"}"; say "{\"sent\":\"$1\"}"; say "{\"begun\":\"$2\"}"; "#;
/// Sleeps for ever, without holding the channel by another process.
const SLEEP: &str = "while :; do sleep 0.05 3>&-; done";

/// How long the server waits for a worker, in seconds.
struct Waits {
    timeout: &'static str,
    grace: &'static str,
}

/// For a worker that goes wrong by itself: however slow the machine is, its words are waited for.
const PATIENT: Waits = Waits { timeout: "30", grace: "0.25" };
/// For a worker that hangs. It must be able to say its first words within the timeout, also on a busy machine.
const DEADLINE: Waits = Waits { timeout: "2", grace: "0.25" };

/// Which sections speak of a worker that goes wrong: of what the server does about it, and of what it then says of
/// the mails.
type Sections = (&'static str, &'static str);

/// Starts a server with this worker, posts four mails, and looks how the job ends and that nothing is left over.
fn with_worker(sections: Sections, what: &str, body: &str, state: &str, expected: [u64; 4]) {
    with_waiting_for(&PATIENT, sections, what, body, state, expected);
}

/// The same with other limits.
fn with_waiting_for(
    waits: &Waits,
    sections: Sections,
    what: &str,
    body: &str,
    state: &str,
    expected: [u64; 4],
) {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let (of_the_end, of_the_mails) = sections;
    let hangs = format!(" for longer than WORKER_TIMEOUT_SECONDS={} (numbers 3 and 4)", waits.timeout);
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
    }
    wait_without_children(&check, &server);
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
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
fn a_worker_that_is_killed_before_its_answer() {
    let all = r#"for id; do say "{\"begun\":\"$id\"}"; say "{\"sent\":\"$id\"}"; done; kill -KILL $$"#;
    with_worker(
        (SETTLE, SETTLE),
        "is killed when it has sent all mails and not answered",
        all,
        "done",
        [4, 0, 0, 0],
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
        let program = program.env("WORKER_TIMEOUT_SECONDS", "0.5").env("WORKER_GRACE_SECONDS", "0.25");
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
    // Without a greeting nothing is begun. After DATA one mail is.
    for (point, when, unknown) in
        [(Point::Connect, "before its greeting", 0), (Point::Accept, "after a letter", 1)]
    {
        let mailbox = spec.mailbox();
        mailbox.hold(point);
        let check = spec.check(TALK, format!("posted 3 mails; the mail server says nothing more {when}"));
        let program = server(&spec, &mailbox).env("WORKER_TIMEOUT_SECONDS", "2");
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

#[test]
fn a_worker_that_does_not_exist() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(CONTRACT, "posted 2 mails to a server whose WORKER does not exist");
    let (_server, http) = started(&check, server(&spec, &mailbox).env("WORKER", "no-such-worker"));
    let job = post(&check, &http, &spec.mails(2));
    ends_with(&check, &http, &job, "failed", [0, 0, 0, 2]);
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
fn a_worker_that_writes_another_shape() {
    let body = format!("{ONE_AND_A_HALF} say '{{\"hello\":1}}'; {SLEEP}");
    with_worker((TALK, SETTLE), "writes JSON that is no report", &body, "failed", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_reports_what_it_was_not_given() {
    let body = format!("{ONE_AND_A_HALF} say '{{\"sent\":\"<other@spec.test>\"}}'; {SLEEP}");
    with_worker((TALK, SETTLE), "reports a mail that nobody gave it", &body, "failed", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_reports_the_begin_of_a_mail_twice() {
    let body = format!("{ONE_AND_A_HALF} say \"{{\\\"begun\\\":\\\"$2\\\"}}\"; {SLEEP}");
    with_worker(
        (TALK, SETTLE),
        "reports twice that the second mail has begun",
        &body,
        "failed",
        [1, 0, 1, 2],
    );
}

#[test]
fn a_worker_that_counts_too_much() {
    with_worker(
        (TALK, SETTLE),
        "answers with a counter of 5",
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
fn a_worker_that_answers_and_does_not_end() {
    let body = format!("trap '' TERM; say '{{\"counter\":3}}'; {SLEEP}");
    with_worker((END, TALK), "answers, and then ignores its end", &body, "done", [3, 1, 0, 0]);
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
fn an_article_style_worker_is_counted() {
    with_worker((TALK, TALK), "only answers {\"counter\":2}", "say '{\"counter\":2}'", "done", [2, 2, 0, 0]);
}

#[test]
fn an_article_style_worker_that_sent_nothing_is_tried_again() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(RETRY, "posted 2 mails to a server whose worker only answers {\"counter\":0}");
    let script = Script::new(&check, SCRIPTS, "say '{\"counter\":0}'");
    let (_server, http) = started(&check, server(&spec, &mailbox).env("WORKER", script.command()));
    let job = post(&check, &http, &spec.mails(2));
    let status = ends_with(&check, &http, &job, "done", [0, 2, 0, 0]);
    let problems = status["problems"].as_array().map_or(0, Vec::len);
    check.holds("a problem for each mail: none of them is sent", problems == 2, &status);
    retry(&check, &http, &job);
    ends_with(&check, &http, &job, "done", [0, 2, 0, 0]);
}

#[test]
fn the_worker_can_be_a_real_node_program() {
    let spec = support::spec!("11-faults");
    let Some(node) = support::node::node() else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(3..6));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/node/send_mail.mjs");
    let worker = support::worker([&node, &script]);
    let check = spec.check(TALK, format!("posted {} mails to a server with WORKER={worker:?}", mails.len()));
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let (server, http) = started(&check, server(&spec, &mailbox).env("WORKER", worker));
    let job = post(&check, &http, &mails);
    ends_with(&check, &http, &job, "done", [mails.len() as u64 - 1, 1, 0, 0]);
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
fn a_signal_ends_the_server_also_when_a_worker_hangs() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let did = "sent SIGTERM to a server whose worker is silent for longer than WORKER_TIMEOUT_SECONDS=0.5 \
               and ignores SIGTERM (numbers 3 and 4)";
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
/// How many of them lose their worker.
const VICTIMS: usize = 4;
const ROUNDS: usize = 20;

/// The sum of the numbers of all jobs.
fn sum(statuses: &[Value]) -> [u64; 4] {
    statuses.iter().map(numbers).fold([0; 4], |sum, more| std::array::from_fn(|at| sum[at] + more[at]))
}

/// How many mails were asked for and what became of them, in a line.
fn account(when: &str, asked: usize, statuses: &[Value], mailbox: &Mailbox) -> String {
    let [sent, failed, unknown, left] = sum(statuses);
    let letters = mailbox.letters();
    let different: HashSet<String> = message_ids(&letters).into_iter().collect();
    format!(
        "{when}: asked {asked}, sent {sent}, failed {failed}, unknown {unknown}, left {left}; \
         in the mailbox {}, duplicated {}",
        letters.len(),
        letters.len() - different.len()
    )
}

#[test]
fn after_two_hundred_jobs_with_random_kills_every_mail_is_accounted_for() {
    let spec = support::spec!("11-faults");
    let mailbox = spec.mailbox();
    let check = spec.check(
        SETTLE,
        format!(
            "posted {ROUND} jobs at a time, {ROUNDS} times, and killed {VICTIMS} of their workers each time"
        ),
    );
    let (server, http) = started(&check, server(&spec, &mailbox));
    let mut jobs: Vec<(Value, Vec<Mail>)> = Vec::new();
    let (mut refused, mut accepted_untold) = (0, 0);
    let mut before = None;
    for _ in 0..ROUNDS {
        let mut victims = Vec::new();
        let begun = jobs.len();
        for number in 0..ROUND {
            let mails = spec.mails(spec.number(1..5));
            let at = spec.number(0..mails.len());
            if number < VICTIMS {
                let points = [Point::Rcpt, Point::Data, Point::Accept, Point::Answer];
                let point = points[spec.number(0..4)];
                mailbox.hold_recipient(point, &mails[at].to);
                accepted_untold += usize::from(point == Point::Answer);
                victims.push(begun + number);
            } else if spec.number(0..3) == 0 {
                mailbox.reply(&mails[at].to, Reply::Refuse(550));
                refused += 1;
            }
            jobs.push((post(&check, &http, &mails), mails));
        }
        mailbox.wait_held(&check, VICTIMS);
        for victim in victims {
            let running = status(&check, &http, &jobs[victim].0);
            let Some(pid) = running["worker"].as_u64().and_then(|pid| u32::try_from(pid).ok()) else {
                check.fail("the pid of the worker in the status of a running job", &running.to_string())
            };
            process::signal(pid, Signal::SIGKILL);
        }
        for (job, _) in &jobs[begun..] {
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
            "every mail of a job is sent, failed, unknown or left",
            all == mails.len() as u64,
            status,
        );
        check.holds("at most one mail of a job is unknown", numbers(status)[2] <= 1, status);
    }
    let [sent, failed, _, _] = sum(&statuses);
    check.equal("the number of failed mails, of all jobs", &failed, &refused);
    let letters = mailbox.letters().len() as u64;
    check.equal("mails in the mailbox that nobody was told of", &(letters - sent), &(accepted_untold as u64));

    let check = spec.check(RETRY, "killed workers of 200 jobs, and then tried the failed jobs again");
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
    check.equal("sent, failed, unknown, left, of all jobs", &sum(&statuses), &[sent, refused, 0, 0]);
    check_duplicates(&check, &mailbox.letters(), accepted_untold);
    let before = before.unwrap_or_default();
    let after = nothing_grew(&check, &server, before);
    let kills = format!("{} jobs, {} workers killed", jobs.len(), VICTIMS * ROUNDS);
    let holdings = format!("the server before: {before}\nthe server after:  {after}");
    figures::publish("11-kills", &format!("{kills}\n{after_kills}\n{after_retries}\n{holdings}"));
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
