//! Step 3: a worker is at fault when it is silent for too long, when it closes the channel before its reply, and when
//! what it says makes no sense. What is slow, or says other things too, is not.
//!
//! What becomes of a worker at fault is step 4. So a worker here soon exits by itself.

use super::*;
use std::thread::sleep;
use std::time::Duration;
use support::Script;

/// The server must find this fault with the worker, in the words that `work` has for it.
fn is_at_fault(spec: &Spec, mailbox: &Mailbox, timeout: &'static str, what: &str, body: &str, fault: &str) {
    let check = spec.early_check(format!("posted 4 mails to a server whose worker {what}"));
    let server = server_of_played(&check, mailbox, body, (timeout, PATIENT.1));
    let job = server.post(&check, &spec.mails(4));
    check.as_far_as_written(|| {
        has_error(&check, &server.ended(&check, &job), fault);
        server.is_healthy(&check);
    });
}

#[test]
fn a_worker_that_is_silent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "says nothing for longer than WORKER_TIMEOUT_SECONDS=0.1";
    is_at_fault(&spec, &mailbox, "0.1", what, "exec sleep 3", "was silent");
}

#[test]
fn a_worker_that_does_not_read() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 4 mails of 220 KiB to a server whose worker never opens the channel, with \
               WORKER_TIMEOUT_SECONDS=0.1";
    let check = spec.early_check(did);
    let program = spec.server(&mailbox).env("WORKER", "sleep 3").env("WORKER_TIMEOUT_SECONDS", "0.1");
    let server = JobServer::start(&check, program);
    let job = server.post(&check, &large_mails(&spec));
    check.as_far_as_written(|| has_error(&check, &server.ended(&check, &job), "was silent"));
}

#[test]
fn a_worker_that_disconnects_before_its_reply() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "reports that all mails are sent, and exits without a reply";
    is_at_fault(&spec, &mailbox, PATIENT.0, what, "each $@; exit 3", "disconnected before its reply");
}

#[test]
fn a_worker_that_writes_garbage() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (what, body) = ("writes a line that isn't JSON, and exits", "say 'Hello, world!'; exit 3");
    is_at_fault(&spec, &mailbox, PATIENT.0, what, body, "sent an invalid message");
}

#[test]
fn a_worker_that_reports_what_it_was_not_given() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "reports a mail that it was not given, and exits";
    is_at_fault(&spec, &mailbox, PATIENT.0, what, "wrong; exit 3", "sent an invalid message");
}

#[test]
fn a_worker_that_reports_the_start_of_a_mail_twice() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (what, body) = ("reports twice that the second mail is started", "half_way $@; started $2; exit 3");
    is_at_fault(&spec, &mailbox, PATIENT.0, what, body, "sent an invalid message");
}

#[test]
fn a_worker_that_counts_too_much() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (what, body) = ("replies with a counter of 5, and exits", r#"say '{"counter":5}'; exit 3"#);
    is_at_fault(&spec, &mailbox, PATIENT.0, what, body, "sent an invalid message");
}

#[test]
fn a_worker_that_says_other_things_without_end() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "says \"tick\", which isn't a report, 400 times, and exits";
    let body = r#"for _ in $(seq 400); do say '"tick"'; done; exit 3"#;
    is_at_fault(&spec, &mailbox, PATIENT.0, what, body, "sent an invalid message");
}

#[test]
fn a_worker_may_say_other_things_too() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 4 mails to a server whose worker says 100 other things before its reports";
    let check = spec.check(did);
    let others = r#"say '"ready"'; say '{"progress":1}'; say '["<1>"]'; for _ in $(seq 97); do say 7; done"#;
    let (server, status) = run_played(&check, &mailbox, &format!("{others}; all $@; disconnected"), PATIENT);
    check_account(&check, &status, "done", [4, 0, 0, 0]);
    has_no_error(&check, &status);
    server.log_line(&check, &contains("Number of mails sent 4"));
    let log = server.stderr();
    let is_told = log.lines().any(|line| !line.contains("Number of mails sent"));
    check.holds("a line of stderr about what isn't a report", is_told, &log);
    server.wait_for_workers(&check, 0);
}

#[test]
fn a_slow_worker_is_not_silent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for (timeout, pause) in [("0.25", "0.05"), ("3", "0.45")] {
        let check = spec.check(format!(
            "posted 4 mails to a server with WORKER_TIMEOUT_SECONDS={timeout}, whose worker reports something \
             every {pause} seconds: it is never silent"
        ));
        let body = format!(
            "for id; do sleep {pause} 3>&-; started $id; sleep {pause} 3>&-; sent $id; done
             say '{{\"counter\":4}}'"
        );
        let (_server, status) = run_played(&check, &mailbox, &body, (timeout, PATIENT.1));
        // A machine can be so busy that a worker says nothing for that long.
        if timeout != "3" && status["error"].is_string() {
            continue;
        }
        has_no_error(&check, &status);
        check_account(&check, &status, "done", [4, 0, 0, 0]);
        break;
    }
}

/// How long a timeout takes that runs out while the server is stopped. Only time brings that about, so no gate can replace it.
fn longer_than(timeout: &str) -> Duration {
    Duration::from_secs_f64(1.2 * timeout.parse::<f64>().unwrap_or_default())
}

/// Stops the server for longer than this timeout while its worker reports all. False: the timeout was over before the server
/// was stopped.
fn stopped_meanwhile(check: &Check, mailbox: &Mailbox, timeout: &'static str) -> (bool, Value) {
    let [begun, go, done] = ["begun", "go", "done"].map(Flag::new);
    let (begins, awaits, ends) = (begun.quoted(), go.awaited(), done.quoted());
    let body = format!(": > {begins}; {awaits}; all $@; : > {ends}");
    let server = server_of_played(check, mailbox, &body, (timeout, PATIENT.1));
    let job = server.post(check, &check.spec().mails(4));
    let has_ended = || server.status(check, &job)["state"] == "failed";
    check.eventually("a worker that has its assignment", || (begun.is_raised() || has_ended()).then_some(()));
    // Stopped in its sleep, it wakes up because of the clock, and not of the channel.
    let sleeps = || process::info(server.pid()).filter(|info| info.state == 'S').map(drop);
    check.eventually("a server that sleeps until its worker speaks", sleeps);
    server.pause(check);
    go.raise(check);
    let lives = || !server.workers().is_empty();
    check.eventually("a worker that has reported all mails", || (done.is_raised() || !lives()).then_some(()));
    let is_in_time = done.is_raised();
    sleep(longer_than(timeout));
    server.resume(check);
    (is_in_time, server.ended(check, &job))
}

#[test]
fn a_server_that_was_stopped_looks_at_what_has_come_before_it_looks_at_the_clock() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (check, status) = with_a_deadline(|timeout| {
        let check = spec.check(format!(
            "stopped the server for longer than WORKER_TIMEOUT_SECONDS={timeout} (Ctrl-Z), while its worker \
             reported all, and let it go on"
        ));
        let (in_time, status) = stopped_meanwhile(&check, &mailbox, timeout);
        (in_time && status["error"].is_null(), check, status)
    });
    has_no_error(&check, &status);
    check_account(&check, &status, "done", [4, 0, 0, 0]);
}

/// Mails that don't fit into the channel while nobody reads.
fn large_mails(spec: &Spec) -> Vec<Mail> {
    let large = |mail| Mail { text: "x".repeat(220 << 10), ..mail };
    spec.mails(4).into_iter().map(large).collect()
}

/// Stops the server for longer than this timeout while its worker begins to read. False: the timeout was over before the
/// server was stopped.
fn stopped_while_it_sends(check: &Check, mailbox: &Mailbox, timeout: &'static str) -> (bool, Value) {
    let [begun, go] = ["begun", "go"].map(Flag::new);
    // Where the timeout was over, no more comes to read, and the worker exits by itself at last.
    let ends = "(sleep 6; kill -KILL $$) 3>&- &";
    let reads = "head -n 1 <&3 >/dev/null; say '{\"counter\":4}'";
    let body = format!("{ends}\n: > {}; {}; {reads}", begun.quoted(), go.awaited());
    let script = Script::without_reading(check, SCRIPTS, &body);
    let program = check.spec().server(mailbox).env("WORKER_TIMEOUT_SECONDS", timeout);
    let server = JobServer::start_with(check, program, script);
    let job = server.post(check, &large_mails(check.spec()));
    let has_ended = || server.status(check, &job)["state"] == "failed";
    check.eventually("a worker that has begun", || (begun.is_raised() || has_ended()).then_some(()));
    server.pause(check);
    go.raise(check);
    sleep(longer_than(timeout));
    let is_in_time = !server.workers().is_empty();
    server.resume(check);
    (is_in_time, server.ended(check, &job))
}

#[test]
fn a_server_that_was_stopped_while_it_sends_goes_on_sending() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (check, status) = with_a_deadline(|timeout| {
        let check = spec.check(format!(
            "posted 4 mails of 220 KiB, and stopped the server for longer than WORKER_TIMEOUT_SECONDS={timeout} \
             (Ctrl-Z) before its worker began to read"
        ));
        let (in_time, status) = stopped_while_it_sends(&check, &mailbox, timeout);
        // What is left of the time may be too short for so much, too.
        (in_time && status["error"].is_null(), check, status)
    });
    has_no_error(&check, &status);
    check_account(&check, &status, "done", [4, 0, 0, 0]);
}
