//! The task of lesson 12: a bounded pool of workers behind a bounded queue. The checks of each step are in a file
//! of their own.

mod step_1_full;
mod step_2_bound;
mod step_3_fair;
mod step_4_life;
mod step_5_settle;
mod step_6_drain;

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::time::{Duration, Instant};
use support::figures::{self, Holdings};
use support::jobs::{self, JobServer, check_recipients, message_ids, played, sum};
use support::predicates::str::contains;
use support::{Answer, Check, Mail, Mailbox, Point, Program, Reader, Scratch, Script, Signal, Spec};
use support::{Value, counted, limit, mail, process};

/// Where the workers are that the spec plays.
const SCRIPTS: &str = env!("CARGO_TARGET_TMPDIR");

/// The lesson's program, with so many workers.
fn program(check: &Check, mailbox: &Mailbox, workers: usize) -> Program {
    let program = check.spec().program().env("PORT", "0").env("SMTP_URL", mailbox.url());
    program.env("WORKERS", workers.to_string()).env("SIGN_ROUNDS", "1")
}

/// A server with so many workers, which are given so many mails at a time.
fn server(check: &Check, mailbox: &Mailbox, workers: usize, batch: usize) -> JobServer {
    JobServer::start(check, program(check, mailbox, workers).env("BATCH_MAILS", batch.to_string()))
}

/// A server whose worker does not exist: what is accepted waits.
fn server_without_workers(check: &Check, mailbox: &Mailbox, name: &str, value: &str) -> JobServer {
    let program = program(check, mailbox, 1).env("WORKER", format!("no-{}", check.spec().word()));
    JobServer::start(check, program.env(name, value))
}

/// `expected` begins with the status that the answer must have.
fn check_answer(check: &Check, answer: &Answer, expected: &str) {
    check.holds(expected, expected.starts_with(&answer.status.to_string()), answer);
}

fn check_state(check: &Check, server: &JobServer, job: &Value, state: &str) {
    let status = server.status(check, job);
    check.holds(&format!("the state of job {job} is {state}"), status["state"] == state, status);
}
