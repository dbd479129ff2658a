//! Step 4: make a worker exit: close the channel (unless it hangs), SIGTERM, SIGKILL. After each request, wait for its
//! exit, but not too long, and listen to what it still says.
//!
//! What becomes of mails that are not settled then is step 5. So the workers here have sent all of theirs, or nothing is
//! said of them.

use super::*;

/// The worker must end in this way. It reports that all mails are sent before it goes wrong.
fn ends(spec: &Spec, mailbox: &Mailbox, waits: Waits, what: &str, body: &str, how: &str) {
    let check = spec.check(format!(
        "posted 4 mails to a server with WORKER_GRACE_SECONDS={}, whose worker sends them and then {what}",
        waits.1
    ));
    let (server, status) = run_played(&check, mailbox, body, waits);
    has_error(&check, &status, how);
    check_account(&check, &status, "done", [4, 0, 0, 0]);
    server.wait_for_workers(&check, 0);
    server.is_healthy(&check);
}

#[test]
fn a_worker_that_was_killed() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    ends(&spec, &mailbox, PATIENT, "is killed before its reply", "each $@; kill -KILL $$", "signal: 9");
}

#[test]
fn a_worker_that_exits_when_its_channel_closes_is_given_the_time() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "reports what it was not given; it exits with status 7 some time after its channel is closed";
    let body = "trap 'exit 15' TERM; each $@; wrong; disconnected; sleep 0.3; exit 7";
    ends(&spec, &mailbox, PATIENT, what, body, "exit status: 7");
}

#[test]
fn a_worker_that_exits_by_itself_is_given_the_time() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "closes the channel, and exits with status 7 some time later";
    let body = "trap 'exit 15' TERM; each $@; exec 3>&-; sleep 0.3; exit 7";
    ends(&spec, &mailbox, PATIENT, what, body, "exit status: 7");
}

#[test]
fn a_worker_that_closes_the_channel_and_lives_on_gets_sigterm() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "closes the channel and lives on";
    // Where SIGKILL comes before the worker has died of SIGTERM, it dies of that.
    let waits = (PATIENT.0, "0.4");
    ends(&spec, &mailbox, waits, what, "each $@; exec 3>&-; exec sleep 2", "signal: 15");
}

#[test]
fn a_worker_that_ignores_sigterm_gets_sigkill() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "reports what it was not given, and ignores SIGTERM";
    ends(&spec, &mailbox, HURRIED, what, "trap '' TERM; each $@; wrong; exec sleep 2", "signal: 9");
}

#[test]
fn a_worker_that_hangs_gets_sigterm_at_once() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 4 mails to a server with WORKER_TIMEOUT_SECONDS=0.1 and WORKER_GRACE_SECONDS=60, whose \
               worker is silent";
    let check = spec.early_check(did);
    let server = server_of_played(&check, &mailbox, "exec sleep 2", ("0.1", "60"));
    let job = server.post(&check, &spec.mails(4));
    check.as_far_as_written(|| has_error(&check, &server.ended(&check, &job), "signal: 15"));
}

#[test]
fn a_worker_that_replies_and_does_not_exit() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.check("posted 4 mails to a server whose worker replies, and then ignores that it is to exit");
    let body = r#"trap '' TERM; say '{"counter":4}'; exec sleep 60"#;
    let (server, status) = run_played(&check, &mailbox, body, HURRIED);
    check_account(&check, &status, "done", [4, 0, 0, 0]);
    has_no_error(&check, &status);
    server.wait_for_workers(&check, 0);
}

#[test]
fn a_worker_that_hangs_speaks_once_more_before_it_ends() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (check, status) = with_a_deadline(|timeout| {
        let check = spec.check(format!(
            "posted 4 mails to a server with WORKER_TIMEOUT_SECONDS={timeout}, whose worker is silent, reports all \
             mails at SIGTERM, and exits"
        ));
        let begun = Flag::new("begun");
        let body = format!("trap 'each $@; exit 1' TERM; : > {}; still $@", begun.quoted());
        let (_server, status) = run_played(&check, &mailbox, &body, (timeout, PATIENT.1));
        (begun.is_raised(), check, status)
    });
    has_error(&check, &status, "exit status: 1");
    check_account(&check, &status, "done", [4, 0, 0, 0]);
}

#[test]
fn reports_that_lie_in_the_channel_when_a_worker_has_exited_are_heard() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "stopped the server while its worker reported a mail that it was not given, then all of its 30 \
               mails, and exited; then let it go on";
    let check = spec.check(did);
    let [begun, go] = ["begun", "go"].map(Flag::new);
    let body = format!(": > {}; {}; wrong; each $@; exit 5", begun.quoted(), go.awaited());
    let server = server_of_played(&check, &mailbox, &body, PATIENT);
    let job = server.post(&check, &spec.mails(30));
    check.eventually("a worker that has its assignment", || begun.is_raised().then_some(()));
    server.pause(&check);
    go.raise(&check);
    check.eventually("a worker that has exited", || server.workers().is_empty().then_some(()));
    server.resume(&check);
    let status = server.ends_with(&check, &job, "done", [30, 0, 0, 0]);
    has_error(&check, &status, "exit status: 5");
}

#[test]
fn the_server_sleeps_while_it_waits_for_a_worker_to_exit() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.check("posted 4 mails to a server whose worker sends them, closes the channel and lives on");
    let [closed, go] = ["closed", "go"].map(Flag::new);
    let body = format!("each $@; exec 3>&-; : > {}; {}; exit 7", closed.quoted(), go.awaited());
    let server = server_of_played(&check, &mailbox, &body, PATIENT);
    let job = server.post(&check, &spec.mails(4));
    check.eventually("a worker that has closed the channel", || closed.is_raised().then_some(()));
    server.sleeps(&check, "it waits for its worker to exit");
    go.raise(&check);
    let status = server.ends_with(&check, &job, "done", [4, 0, 0, 0]);
    has_error(&check, &status, "exit status: 7");
}

/// The worker leaves a child that holds the channel, says nothing more, and exits. The server must not wait for the child.
fn leaves_a_child(spec: &Spec, mailbox: &Mailbox, what: &str, then: &str) {
    let check = spec.early_check(format!(
        "posted 4 mails to a server with WORKER_TIMEOUT_SECONDS=0.2, whose worker {what}, while its child holds the \
         channel"
    ));
    let gone = Flag::new("gone");
    let body = format!("(sleep 4; : > {}) & {then}", gone.quoted());
    let server = server_of_played(&check, mailbox, &body, ("0.2", PATIENT.1));
    let job = server.post(&check, &spec.mails(4));
    check.as_far_as_written(|| {
        let status = server.ended(&check, &job);
        let expected = "a job that is finished before the worker's child has let go of the channel";
        check.holds(expected, !gone.is_raised(), format!("the child went first: {status}"));
        has_error(&check, &status, "it ended");
        server.wait_for_workers(&check, 0);
    });
}

#[test]
fn a_child_of_a_worker_that_has_exited_is_not_waited_for() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    leaves_a_child(&spec, &mailbox, "exits", "exit 5");
}

#[test]
fn a_child_of_a_worker_that_is_asked_to_exit_is_not_waited_for() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    leaves_a_child(&spec, &mailbox, "is silent", "exec sleep 60");
}

#[test]
fn a_signal_ends_the_server_even_when_a_worker_hangs() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "sent SIGTERM to a server whose worker is silent for longer than WORKER_TIMEOUT_SECONDS=0.2 \
               and ignores SIGTERM";
    let check = spec.check(did);
    let mut server =
        server_of_played(&check, &mailbox, "trap '' TERM; each $@; exec sleep 60", ("0.2", "0.1"));
    server.post(&check, &spec.mails(4));
    server.stops(&check);
    server.leaves_nothing_behind(&check);
}
