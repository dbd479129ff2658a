//! The spec of lesson 11: account for every mail, whatever becomes of the worker.

mod step_1_report;
mod step_2_accept;
mod step_3_faults;
mod step_3_talk;
mod step_4_end;
mod step_5_settle;
mod step_6_retry;
mod storm;

use std::fs;
use support::ipc::Channel;
use support::jobs::{self, JobServer, check_account, message_ids, numbers, path, played};
use support::predicates::str::contains;
use support::{Check, Mail, Mailbox, Point, Quirk, Reader, Reply, ReplyTo, Running, Scratch};
use support::{Signal, Spec, Value, json, mail, process};

/// Where the workers are that the spec plays.
const SCRIPTS: &str = env!("CARGO_TARGET_TMPDIR");

/// A server for the mailbox, with workers of its own.
fn server(check: &Check, mailbox: &Mailbox) -> JobServer {
    JobServer::start(check, check.spec().server(mailbox))
}

/// How long the server waits for a worker, in seconds: for a word, and for its exit.
type Waits = (&'static str, &'static str);

/// For a worker that does something by itself: however busy the machine is, the server waits for it.
const PATIENT: Waits = ("60", "60");
/// For a worker that doesn't exit when it is asked to.
const HURRIED: Waits = ("60", "0.1");

/// More words for a played worker. `wrong` reports a mail that it was not given, which is a fault. `still` does nothing
/// until a signal comes; one without a trap says `exec sleep` instead, and leaves no other process behind.
const WORDS: &str = r#"
wrong() { sent '<other@spec.test>'; }
still() { while :; do sleep 60 3>&- & wait $!; done; }
"#;

/// A server with a worker that the spec plays.
fn server_of_played(check: &Check, mailbox: &Mailbox, body: &str, (timeout, grace): Waits) -> JobServer {
    let program = check.spec().server(mailbox).env("WORKER_TIMEOUT_SECONDS", timeout);
    let program = program.env("WORKER_GRACE_SECONDS", grace);
    JobServer::start_with(check, program, played(check, SCRIPTS, &format!("{WORDS}{body}")))
}

/// Posts 4 mails to a server with this worker. Returns the server, and what it says of the job at the end.
fn run_played(check: &Check, mailbox: &Mailbox, body: &str, waits: Waits) -> (JobServer, Value) {
    let server = server_of_played(check, mailbox, body, waits);
    let job = server.post(check, &check.spec().mails(4));
    let status = server.ended(check, &job);
    (server, status)
}

/// The job has an error with these words.
fn has_error(check: &Check, status: &Value, words: &str) {
    let error = status["error"].as_str().unwrap_or_default();
    check.holds(&format!("an \"error\" that says `{words}`"), error.contains(words), status);
}

fn has_no_error(check: &Check, status: &Value) {
    check.holds("no \"error\": the worker did nothing wrong", status["error"].is_null(), status);
}

/// Tries something with short and with longer deadlines, in seconds, until the machine was fast enough for one. The last one
/// counts in any case. Returns the check, and what the server says of the job.
fn with_a_deadline(attempt: impl Fn(&'static str) -> (bool, Check, Value)) -> (Check, Value) {
    for deadline in ["0.2", "1"] {
        if let (true, check, status) = attempt(deadline) {
            return (check, status);
        }
    }
    let (_, check, status) = attempt("3");
    (check, status)
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

    /// What a script says to wait for it.
    fn awaited(&self) -> String {
        format!("while ! [ -e {} ]; do sleep 0.01 3>&-; done", self.quoted())
    }

    fn raise(&self, check: &Check) {
        if let Err(error) = fs::write(self.0.path(), "") {
            check.fail("a file in the target folder", &error.to_string());
        }
    }

    fn is_raised(&self) -> bool {
        self.0.path().exists()
    }

    /// What a script has written into it.
    fn words(&self, check: &Check) -> Vec<String> {
        let text = fs::read_to_string(self.0.path());
        let text = text.unwrap_or_else(|error| check.fail("a worker that was started", &error.to_string()));
        text.split_whitespace().map(str::to_owned).collect()
    }
}
