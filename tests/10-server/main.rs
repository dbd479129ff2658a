//! The spec of lesson 10: the article's `server`, which forks `send_mail` for every request.

mod step_1_fork;
mod step_2_talk;
mod step_3_reap;
mod step_4_end;

use std::fs;
use support::ipc::Child;
use support::predicates::prelude::PredicateBooleanExt;
use support::predicates::str::{contains, starts_with};
use support::{Answer, Check, Http, Mail, Mailbox, Point, Reader, Reply, Running, Scratch, Script, Signal};
use support::{Spec, json, limit, mail, process};

/// A worker that does nothing at all, whatever becomes of its channel.
const IDLE: &str = "exec sleep 60";

/// A worker that the spec plays with some lines of sh.
fn script(check: &Check, body: &str) -> Script {
    Script::without_reading(check, env!("CARGO_TARGET_TMPDIR"), body)
}

/// A path below the target folder, whose disk has room.
fn scratch(name: &str) -> Scratch {
    Scratch::new(env!("CARGO_TARGET_TMPDIR"), name)
}

/// Posts these mails; the answer must be the article's.
fn post(check: &Check, http: &Http, mails: &[Mail]) {
    let answer = http.post_mails(check, mails);
    has_status(check, &answer, 200);
    check.is_sent(&answer);
}

fn has_status(check: &Check, answer: &Answer, status: u16) {
    check.holds(&format!("the status of the answer is {status}"), answer.status == status, answer);
}

/// An answer that says no, and why.
fn refuses(check: &Check, answer: &Answer, status: u16, word: &str) {
    has_status(check, answer, status);
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    check.holds(&format!("an \"error\" that says {word}"), error.contains(word), answer);
}

fn logs_number(check: &Check, server: &Running, number: usize) {
    server.logs(check, &format!("Number of mails sent {number}"));
}

fn logs_no_number(check: &Check, server: &Running) {
    let log = server.stderr();
    check.holds("no number in the log", !log.contains("Number of mails"), &log);
}

fn pids_of_children(server: &Running) -> Vec<u32> {
    process::children(server.pid()).iter().map(|child| child.pid).collect()
}

fn wait_without_children(check: &Check, server: &Running) {
    check.eventually("no child of the server is left, and no zombie", || {
        process::children(server.pid()).is_empty().then_some(())
    });
}

/// The name of the test that plays a worker without a reply.
const TAKES_THE_JOB_AND_ENDS: &str = "a_worker_that_takes_a_job_and_ends";

/// This test program again, as a worker.
#[test]
#[ignore = "plays a worker; the tests of a worker without a reply start it"]
fn a_worker_that_takes_a_job_and_ends() {
    if let Some(mut parent) = Child::from_environment() {
        parent.recv();
    }
}

/// The command line of that worker.
fn takes_the_job_and_ends() -> String {
    support::worker(support::ipc::test_as_child(TAKES_THE_JOB_AND_ENDS))
}
