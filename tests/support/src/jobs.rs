//! A server that takes jobs, as in lessons 11 and 12, and workers that a spec plays for it.

use crate::figures::Holdings;
use crate::{Answer, Check, Http, Mail, Mailbox, Program, Running, Script, Signal, Value, counted, json};
use crate::{mail, process};
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How many mails of a job are sent, failed, unknown, not started.
pub type Numbers = [usize; 4];

const NAMES: [&str; 4] = ["sent", "failed", "unknown", "not_started"];

/// A running server that takes jobs. It is [`Running`], and has all its methods.
pub struct JobServer {
    running: Running,
    /// What asks it.
    pub http: Http,
    /// Workers may be started as long as the server runs.
    _script: Option<Script>,
}

impl Deref for JobServer {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for JobServer {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

impl JobServer {
    /// Starts the program, and waits until it listens.
    pub fn start(check: &Check, program: Program) -> Self {
        let mut running = program.start();
        let http = running.listening(check);
        Self { running, http, _script: None }
    }

    /// As [`start`](Self::start), with a worker that the spec plays.
    pub fn start_with(check: &Check, program: Program, script: Script) -> Self {
        let program = program.env("WORKER", script.command());
        Self { _script: Some(script), ..Self::start(check, program) }
    }

    /// Posts mails, whatever the answer is.
    pub fn offer(&self, check: &Check, mails: &[Mail]) -> Answer {
        self.http.post(check, "/endpoint", &mail::request(mails))
    }

    /// Posts mails, which must be accepted. Returns the number of the job.
    pub fn post(&self, check: &Check, mails: &[Mail]) -> Value {
        job_of(check, &self.offer(check, mails))
    }

    /// What the server says of a job.
    pub fn status(&self, check: &Check, job: &Value) -> Value {
        let answer = self.http.get(check, &path(job));
        check.equal("the status of the answer", &answer.status, &200);
        answer.json()
    }

    /// Waits until the job is done or failed. Returns what the server says of it.
    pub fn ended(&self, check: &Check, job: &Value) -> Value {
        check.eventually_gives(&format!("GET {} says done or failed", path(job)), || {
            let status = self.status(check, job);
            if is_finished(&status) { Ok(status) } else { Err(status.to_string()) }
        })
    }

    /// The job must finish like this: done or failed, and the numbers.
    pub fn ends_with(&self, check: &Check, job: &Value, state: &str, expected: Numbers) -> Value {
        let status = self.ended(check, job);
        check_account(check, &status, state, expected);
        status
    }

    /// Posts mails as a job, which must finish like this.
    pub fn runs(&self, check: &Check, mails: &[Mail], state: &str, expected: Numbers) -> Value {
        self.ends_with(check, &self.post(check, mails), state, expected)
    }

    /// Tries a finished job again.
    pub fn retry(&self, check: &Check, job: &Value) -> Answer {
        self.http.post(check, &format!("{}/retry", path(job)), &json!({}))
    }

    /// The server must answer `GET /health`, whatever happens.
    pub fn is_healthy(&self, check: &Check) {
        check.equal("the status of the answer to GET /health", &self.http.get(check, "/health").status, &200);
    }

    /// The pids of the living workers.
    pub fn workers(&self) -> BTreeSet<u32> {
        let children = process::children(self.pid());
        children.iter().filter(|child| !child.is_zombie()).map(|child| child.pid).collect()
    }

    /// Waits until so many workers live, and no child is a zombie. Returns their pids.
    pub fn wait_for_workers(&self, check: &Check, count: usize) -> BTreeSet<u32> {
        let expected = format!("{}, and no zombie among the server's children", counted(count, "worker"));
        check.eventually_gives(&expected, || {
            let (zombies, living): (Vec<_>, Vec<_>) =
                process::children(self.pid()).into_iter().partition(process::Info::is_zombie);
            let came = format!("{}, {}", counted(living.len(), "worker"), counted(zombies.len(), "zombie"));
            let is_so = living.len() == count && zombies.is_empty();
            if is_so { Ok(living.iter().map(|child| child.pid).collect()) } else { Err(came) }
        })
    }

    /// Waits until there is a worker, and none of these. Returns the pids.
    pub fn wait_for_other_workers(
        &self,
        check: &Check,
        expected: &str,
        old: &BTreeSet<u32>,
    ) -> BTreeSet<u32> {
        check.eventually(expected, || {
            let now = self.workers();
            (now.len() == old.len() && now.is_disjoint(old)).then_some(now)
        })
    }

    /// Kills the one worker that the server has, and waits until it is gone.
    pub fn kill_worker(&self, check: &Check) {
        let victims = self.workers();
        check.equal("the number of workers, children of the server", &victims.len(), &1);
        kill(check, &victims);
        check.eventually("the worker has gone", || self.workers().is_disjoint(&victims).then_some(()));
    }

    /// Waits until the mailbox holds a mail of the job. A job that finishes before is one that went wrong.
    pub fn wait_held(&self, check: &Check, job: &Value, mailbox: &Mailbox) {
        let expected =
            "a job that runs, and a worker of it that offers a mail to the mailbox, which holds it";
        let early = check.eventually(expected, || {
            let status = || Some(self.status(check, job)).filter(is_finished).map(Some);
            if mailbox.held() > 0 { Some(None) } else { status() }
        });
        if let Some(status) = early {
            check.fail(expected, &status.to_string());
        }
    }

    /// Waits until no client can connect any more.
    pub fn wait_closed(&self, check: &Check) {
        check.eventually("the port is closed to new requests", || self.http.is_refused().then_some(()));
    }
}

/// Kills processes.
pub fn kill<'a>(check: &Check, pids: impl IntoIterator<Item = &'a u32>) {
    for pid in pids {
        check.spec().note(format!("SIGKILL to worker {pid}"));
        process::signal(*pid, Signal::SIGKILL);
    }
}

/// The answer must be `{"status": true, "job": ID}`. Returns the number of the job.
pub fn job_of(check: &Check, answer: &Answer) -> Value {
    check.holds("the status of the answer is 202", answer.status == 202, answer);
    let said = answer.json();
    let job = said["job"].clone();
    let holds =
        said["status"] == true && (job.is_number() || job.as_str().is_some_and(|job| !job.is_empty()));
    check.holds("an answer {\"status\": true, \"job\": ID}", holds, &said);
    job
}

/// Where a job is.
pub fn path(job: &Value) -> String {
    format!("/jobs/{}", job.as_str().map_or_else(|| job.to_string(), str::to_owned))
}

fn is_finished(status: &Value) -> bool {
    status["state"] == "done" || status["state"] == "failed"
}

/// What a job says of its mails.
pub fn numbers(status: &Value) -> Numbers {
    NAMES.map(|name| status[name].as_u64().map_or(usize::MAX, |number| number as usize))
}

/// The sum of the numbers of all jobs.
pub fn sum(statuses: &[Value]) -> Numbers {
    statuses.iter().map(numbers).fold([0; 4], |sum, more| std::array::from_fn(|at| sum[at] + more[at]))
}

/// `sent 8, failed 0, unknown 1, not started 0`.
pub fn describe(numbers: Numbers) -> String {
    let each = NAMES.iter().zip(numbers).map(|(name, number)| format!("{} {number}", name.replace('_', " ")));
    each.collect::<Vec<_>>().join(", ")
}

/// The job must have finished like this: done or failed, and the numbers.
pub fn check_account(check: &Check, status: &Value, state: &str, expected: Numbers) {
    let (wanted, got) = (describe(expected), numbers(status));
    check.holds(&wanted, got == expected, format!("{}, from {status}", describe(got)));
    check.holds(&format!("the state is {state}"), status["state"] == state, status);
    check.json("the number \"asked\"", &status["asked"], &json!(expected.iter().sum::<usize>()));
    check.json("the number \"started\" when the job is finished", &status["started"], &json!(0));
}

/// How many mails were asked for and what became of them, in a line.
pub fn account(when: &str, asked: usize, statuses: &[Value], mailbox: &Mailbox) -> String {
    let letters = mailbox.letters().len();
    let (numbers, different) = (describe(sum(statuses)), message_ids(mailbox).len());
    format!("{when}: asked {asked}, {numbers}; in the mailbox {letters}, duplicated {}", letters - different)
}

/// The program must hold as much as before: no zombie, no more descriptors, and at most so many MiB more of memory.
/// Returns what it holds.
pub fn nothing_grew(check: &Check, running: &Running, before: Holdings, mib: u64) -> Holdings {
    let expected = format!("no zombie, and no more than {} open descriptors", before.descriptors);
    let after = check.eventually(&expected, || {
        let after = Holdings::of(running);
        (after.zombies == 0 && after.descriptors <= before.descriptors).then_some(after)
    });
    let grown = after.resident_kib.saturating_sub(before.resident_kib);
    check.holds(
        &format!("at most {mib} MiB of memory more"),
        grown <= mib << 10,
        format!("{grown} KiB more"),
    );
    after
}

/// The different Message-IDs of the letters in a mailbox.
pub fn message_ids(mailbox: &Mailbox) -> HashSet<String> {
    mailbox.letters().iter().map(|letter| letter.header("Message-ID")).collect()
}

/// The mailbox must hold these mails, in whatever order several workers have sent them.
pub fn check_recipients(check: &Check, mailbox: &Mailbox, mails: &[Mail]) {
    let [mut got, mut expected] = [mailbox.recipients(), mail::recipients(mails)];
    got.sort();
    expected.sort();
    check.equal("the list of recipients in the mailbox", &got, &expected);
}

/// Mails with an address that no program takes, so long that a log of them fills a pipe.
pub fn bad_mails(check: &Check, count: usize) -> Vec<Mail> {
    let bad = |mail: Mail| Mail { to: format!("no address {}", "x".repeat(900)), ..mail };
    check.spec().mails(count).into_iter().map(bad).collect()
}

/// What a played worker can do: `started ID` and `sent ID` report, `all` does its whole assignment and replies,
/// `half_way` sends the first mail and starts the second, `hang` sleeps forever without holding the channel by another
/// process, and `disconnected` waits until the channel closes.
const WORDS: &str = r#"
started() { say "{\"started\":\"$1\"}"; }
sent() { say "{\"sent\":\"$1\"}"; }
half_way() { started "$1"; sent "$1"; started "$2"; }
each() { for id; do started "$id"; sent "$id"; done; }
all() { each "$@"; say "{\"counter\":$#}"; }
hang() { while :; do sleep 0.05 3>&-; done; }
disconnected() { read -r _ <&3; }
"#;

/// A worker written in sh, with the words above. When `body` begins it has read its assignment, whose Message-IDs are
/// `$1`, `$2` and so on.
pub fn played(check: &Check, folder: &str, body: &str) -> Script {
    Script::new(check, folder, &format!("{WORDS}{body}"))
}

/// Writes a script that can be started. It is written under another name: a program that is open for writing cannot
/// be started.
pub fn write_executable(check: &Check, path: &Path, text: &str) {
    let new = path.with_extension("new");
    let written = fs::write(&new, format!("#!/bin/sh\n{text}\n"))
        .and_then(|()| fs::set_permissions(&new, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        check.fail("a script in the target folder", &error.to_string());
    }
}
