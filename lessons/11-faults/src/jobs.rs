//! All jobs of a server, and what `GET /jobs/ID` says of them. This part is given.

use crate::account::Problem;
use crate::{Account, NumberedMail, Numbers, Report, Task};
use mail::Mail;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many jobs that have ended are remembered. Without a limit, a server's memory grows for ever.
const KEPT_JOBS: usize = 1000;

/// All jobs of a server. A clone is the same list.
#[derive(Clone)]
pub struct Jobs {
    jobs: Arc<Mutex<BTreeMap<u64, Job>>>,
    /// What tells this run of the server from every other one, as a part of each Message-ID.
    run: String,
}

struct Job {
    account: Account,
    phase: Phase,
    error: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Queued,
    Running(u32),
    Ended,
}

/// What `GET /jobs/ID` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    job: u64,
    state: &'static str,
    #[serde(flatten)]
    numbers: Numbers,
    /// The worker's pid, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    problems: Vec<Problem>,
}

/// Why a job cannot be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryError {
    /// There is no such job (any more).
    NoSuchJob,
    /// It has not ended yet.
    StillRunning,
    /// Every mail is sent.
    NothingLeft,
}

impl Jobs {
    /// No job yet.
    pub fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{:x}-{:x}", since_1970.as_nanos(), std::process::id());
        Self { jobs: Arc::default(), run }
    }

    /// Writes down a new job and gives its number. Each mail gets a Message-ID that no other mail has.
    pub fn accept(&self, mails: Vec<Mail>) -> u64 {
        let mut jobs = self.lock();
        let id = jobs.keys().next_back().map_or(1, |last| last + 1);
        let number = |(index, mail)| NumberedMail {
            mail,
            message_id: format!("<{id}.{index}.{}@send-mail.test>", self.run),
        };
        let account = Account::new(mails.into_iter().enumerate().map(number).collect());
        jobs.insert(id, Job { account, phase: Phase::Queued, error: None });
        id
    }

    /// Lets a job that has ended begin again.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn retry(&self, id: u64) -> Result<(), RetryError> {
        let mut jobs = self.lock();
        let job = jobs.get_mut(&id).ok_or(RetryError::NoSuchJob)?;
        let Numbers { failed, unknown, left, .. } = job.account.numbers();
        if job.phase != Phase::Ended {
            return Err(RetryError::StillRunning);
        }
        if failed + unknown + left == 0 {
            return Err(RetryError::NothingLeft);
        }
        (job.phase, job.error) = (Phase::Queued, None);
        Ok(())
    }

    /// What a worker is to be told about this job: the mails that are not sent. The second value takes down what
    /// the worker says. `reports` is whether it is known to report each mail.
    pub fn task(&self, id: u64, reports: bool) -> (Task, Errand) {
        let mails = self.lock().get_mut(&id).map(|job| job.account.unsent()).unwrap_or_default();
        let ids = mails.iter().map(|mail| mail.message_id.clone()).collect();
        let errand = Errand { jobs: self.clone(), job: id, ids, reports };
        (Task { mails, reports: true }, errand)
    }

    /// What is known about a job; `None` when there is no such job (any more).
    pub fn status(&self, id: u64) -> Option<Status> {
        let jobs = self.lock();
        let Job { account, phase, error } = jobs.get(&id)?;
        let numbers = account.numbers();
        let (state, worker) = match *phase {
            Phase::Queued => ("queued", None),
            Phase::Running(pid) => ("running", Some(pid)),
            // A mail that was refused is done with. One of which nobody knows is not.
            Phase::Ended if numbers.left + numbers.unknown == 0 => ("done", None),
            Phase::Ended => ("failed", None),
        };
        Some(Status { job: id, state, numbers, worker, error: error.clone(), problems: account.problems() })
    }

    fn change<T>(&self, id: u64, act: impl FnOnce(&mut Job) -> T) -> Option<T> {
        self.lock().get_mut(&id).map(act)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Job>> {
        self.jobs.lock().expect("nobody panics with the lock held")
    }

    fn forget_old(&self) {
        let mut jobs = self.lock();
        let ended: Vec<u64> =
            jobs.iter().filter(|(_, job)| job.phase == Phase::Ended).map(|(id, _)| *id).collect();
        for id in &ended[..ended.len().saturating_sub(KEPT_JOBS)] {
            jobs.remove(id);
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self::new()
    }
}

/// What one worker was given, and what it says about it.
pub struct Errand {
    jobs: Jobs,
    job: u64,
    ids: HashSet<String>,
    reports: bool,
}

impl Errand {
    /// The worker with this pid has begun to work.
    pub fn begin(&self, pid: u32) {
        self.jobs.change(self.job, |job| job.phase = Phase::Running(pid));
    }

    /// Writes down what the worker says. True when it was the answer, after which nothing more comes.
    ///
    /// # Errors
    /// One line of text when it cannot be true.
    pub fn note(&mut self, report: &Report) -> Result<bool, String> {
        let noted = self.jobs.change(self.job, |job| job.account.note(&self.ids, report));
        noted.unwrap_or(Ok(()))?;
        let answered = matches!(report, Report::Answer(_));
        self.reports |= !answered;
        Ok(answered)
    }

    /// The worker has never seen the mails: none of them can be unknown.
    pub fn never_given(&mut self) {
        self.reports = true;
    }

    /// The worker has gone. Gives the numbers of the job; `error` says what went wrong.
    pub fn close(self, error: Option<String>) -> Numbers {
        let why = error.clone().unwrap_or_else(|| "the worker did not say".into());
        let numbers = self.jobs.change(self.job, |job| {
            job.account.close(&self.ids, self.reports, &why);
            (job.phase, job.error) = (Phase::Ended, error);
            job.account.numbers()
        });
        self.jobs.forget_old();
        numbers.unwrap_or_default()
    }
}
