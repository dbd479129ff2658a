//! All jobs of a server.

use crate::account::Account;
use crate::{NumberedMail, Numbers, Problem, Progress, State};
use mail::{Mail, excerpt, log};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many finished jobs are remembered. Without a limit, a server's memory would grow forever.
const KEPT_JOBS: usize = 1000;
/// How much memory they may take, in bytes: a job that is to be tried again keeps its mails.
const KEPT_BYTES: usize = 64 << 20;

/// All jobs of a server. A clone is the same list.
#[derive(Clone)]
pub struct Jobs {
    list: Arc<Mutex<List>>,
    /// A part of each Message-ID that is different for each run of the server.
    run: Arc<str>,
}

#[derive(Default)]
struct List {
    last: u64,
    jobs: HashMap<u64, Job>,
    /// The finished ones, the one that finished first in front.
    finished: VecDeque<u64>,
    finished_bytes: usize,
}

struct Job {
    account: Account,
    phase: Phase,
    /// The workers that have some of its mails.
    workers: Vec<u32>,
    error: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Queued,
    Running,
    /// With so many bytes.
    Finished(usize),
}

/// What `GET /jobs/ID` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    job: u64,
    state: &'static str,
    #[serde(flatten)]
    numbers: Numbers,
    /// The pids of the workers that have some of its mails.
    workers: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    problems: Vec<Problem>,
}

/// Why a job cannot be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryError {
    /// There is no such job (any more).
    NoSuchJob,
    /// It has not finished yet.
    StillRunning,
    /// Every mail is sent.
    NothingToSend,
}

impl Jobs {
    /// An empty list.
    pub fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{:x}-{:x}", since_1970.as_nanos(), std::process::id());
        Self { list: Arc::default(), run: run.into() }
    }

    /// Writes down a new job. Returns its number, and its mails, each with a Message-ID that no other mail has. A job
    /// without mails is finished.
    pub fn accept(&self, mails: Vec<Mail>) -> (u64, Vec<NumberedMail>) {
        let mut list = self.lock();
        list.last += 1;
        let job = list.last;
        let number = |(place, mail)| NumberedMail {
            mail: Arc::new(mail),
            message_id: format!("<{job}.{place}.{}@send-mail.test>", self.run),
            place,
        };
        let mails: Vec<_> = mails.into_iter().enumerate().map(number).collect();
        let account = Account::new(&mails);
        list.jobs.insert(job, Job { account, phase: Phase::Queued, workers: Vec::new(), error: None });
        drop(list);
        self.finish_if_settled(job);
        (job, mails)
    }

    /// A job that was not accepted after all.
    pub fn forget(&self, job: u64) {
        self.lock().jobs.remove(&job);
    }

    /// A worker is given these mails of a job. `reports` says whether it is known to report each mail. The result takes
    /// down what the worker says.
    pub fn assign(&self, job: u64, mails: &[NumberedMail], worker: u32, reports: bool) -> Progress {
        self.change(job, |job| {
            job.phase = Phase::Running;
            job.workers.push(worker);
        });
        Progress::new(self.clone(), job, mails, worker, reports)
    }

    /// These mails have failed, and won't be tried again.
    pub fn fail(&self, job: u64, mails: &[NumberedMail], why: &str) {
        let why = State::Failed(excerpt(why).into());
        self.change(job, |job| mails.iter().for_each(|mail| job.account.set(mail.place, why.clone())));
        self.finish_if_settled(job);
    }

    /// The job is finished, whatever is left of it; `error` says what went wrong.
    pub fn finish(&self, id: u64, error: Option<&str>) {
        let mut list = self.lock();
        let Some(job) = list.jobs.get_mut(&id).filter(|job| !job.is_finished()) else { return };
        let bytes = job.account.bytes();
        (job.phase, job.error) = (Phase::Finished(bytes), error.map(excerpt));
        let numbers = job.account.numbers();
        list.finished.push_back(id);
        list.finished_bytes += bytes;
        list.forget_old();
        drop(list);
        match error {
            None => log!("Number of mails sent {}", numbers.sent),
            Some(error) => log!("error: job {id}: {error}; {numbers}"),
        }
    }

    /// The job is finished if each of its mails is.
    pub fn finish_if_settled(&self, id: u64) {
        let settled = self.change(id, |job| {
            let numbers = job.account.numbers();
            numbers.started + numbers.not_started == 0
        });
        if settled == Some(true) {
            self.finish(id, None);
        }
    }

    /// Lets a finished job start again, with the mails of which `is_unsent` is true. Returns them.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn retry(
        &self,
        id: u64,
        is_unsent: impl Fn(&State) -> bool,
    ) -> Result<Vec<NumberedMail>, RetryError> {
        let mut list = self.lock();
        let job = list.jobs.get_mut(&id).ok_or(RetryError::NoSuchJob)?;
        let Phase::Finished(bytes) = job.phase else { return Err(RetryError::StillRunning) };
        let mails = job.account.restart(is_unsent);
        if mails.is_empty() {
            return Err(RetryError::NothingToSend);
        }
        (job.phase, job.error) = (Phase::Queued, None);
        list.finished.retain(|finished| *finished != id);
        list.finished_bytes -= bytes;
        Ok(mails)
    }

    /// What is known about a job; `None` when there is no such job (any more).
    pub fn status(&self, id: u64) -> Option<Status> {
        let list = self.lock();
        let Job { account, phase, workers, error } = list.jobs.get(&id)?;
        let numbers = account.numbers();
        let state = match phase {
            Phase::Queued => "queued",
            Phase::Running => "running",
            // A refused mail needs no retry; an unknown one may.
            Phase::Finished(_) if numbers.not_started + numbers.unknown == 0 => "done",
            Phase::Finished(_) => "failed",
        };
        let (workers, error) = (workers.clone(), error.clone());
        Some(Status { job: id, state, numbers, workers, error, problems: account.problems() })
    }

    /// The worker is gone.
    pub(crate) fn leave(&self, job: u64, worker: u32) {
        self.change(job, |job| job.workers.retain(|pid| *pid != worker));
    }

    pub(crate) fn with_account<T>(&self, job: u64, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.change(job, |job| act(&mut job.account))
    }

    fn change<T>(&self, id: u64, act: impl FnOnce(&mut Job) -> T) -> Option<T> {
        self.lock().jobs.get_mut(&id).map(act)
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // A task that panicked has at most left one job half changed. The others are right.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self::new()
    }
}

impl Job {
    fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished(_))
    }
}

impl List {
    /// Forgets those that finished first. The one that finished last stays, however large it is.
    fn forget_old(&mut self) {
        while self.finished.len() > KEPT_JOBS || (self.finished_bytes > KEPT_BYTES && self.finished.len() > 1)
        {
            let Some(Job { phase: Phase::Finished(bytes), .. }) =
                self.finished.pop_front().and_then(|id| self.jobs.remove(&id))
            else {
                return;
            };
            self.finished_bytes -= bytes;
        }
    }
}
