//! What became of each job: lesson 11, with several batches a job. This part is given.

use crate::Batch;
use faults::account::Problem;
use faults::{Account, NumberedMail, Numbers, Report, State};
use mail::Mail;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many jobs that have ended are remembered.
const KEPT_JOBS: usize = 1000;

/// All jobs of a server. A clone is the same list.
#[derive(Clone)]
pub struct Jobs {
    jobs: Arc<Mutex<Inner>>,
    run: String,
}

#[derive(Default)]
struct Inner {
    last: u64,
    open: BTreeMap<u64, Open>,
    /// Numbers and problems alone: the mails themselves are given up when a job has ended.
    ended: BTreeMap<u64, Status>,
}

struct Open {
    account: Account,
    begun: bool,
}

/// What `GET /jobs/ID` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    job: u64,
    state: &'static str,
    #[serde(flatten)]
    numbers: Numbers,
    problems: Vec<Problem>,
}

impl Jobs {
    /// No job yet.
    pub fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { jobs: Arc::default(), run: format!("{:x}-{:x}", since_1970.as_nanos(), std::process::id()) }
    }

    /// Writes down a new job. Gives its number and its mails, each with a Message-ID.
    pub fn accept(&self, mails: Vec<Mail>) -> (u64, Vec<NumberedMail>) {
        let mut jobs = self.lock();
        jobs.last += 1;
        let job = jobs.last;
        let number = |(index, mail)| NumberedMail {
            mail,
            message_id: format!("<{job}.{index}.{}@send-mail.test>", self.run),
        };
        let mails: Vec<_> = mails.into_iter().enumerate().map(number).collect();
        jobs.open.insert(job, Open { account: Account::new(mails.clone()), begun: false });
        drop(jobs);
        self.end_if_complete(job);
        (job, mails)
    }

    /// A job that was not accepted after all.
    pub fn forget(&self, job: u64) {
        self.lock().open.remove(&job);
    }

    /// Takes down what a worker says about this batch. `reports` is whether it is known to report each mail.
    pub fn errand(&self, batch: &Batch, reports: bool) -> Errand {
        if let Some(open) = self.lock().open.get_mut(&batch.job) {
            open.begun = true;
        }
        let ids = batch.mails.iter().map(|mail| mail.message_id.clone()).collect();
        Errand { jobs: self.clone(), job: batch.job, ids, reports }
    }

    /// What is known about a job; `None` when there is no such job (any more).
    pub fn status(&self, job: u64) -> Option<Status> {
        let jobs = self.lock();
        let Some(open) = jobs.open.get(&job) else { return jobs.ended.get(&job).cloned() };
        let state = if open.begun { "running" } else { "queued" };
        let (numbers, problems) = (open.account.numbers(), open.account.problems());
        Some(Status { job, state, numbers, problems })
    }

    fn end_if_complete(&self, job: u64) {
        let mut jobs = self.lock();
        let Some(open) = jobs.open.get(&job) else { return };
        let numbers = open.account.numbers();
        if numbers.left > 0 {
            return;
        }
        let state = if numbers.unknown == 0 { "done" } else { "failed" };
        let status = Status { job, state, numbers, problems: open.account.problems() };
        jobs.open.remove(&job);
        jobs.ended.insert(job, status);
        if jobs.ended.len() > KEPT_JOBS {
            jobs.ended.pop_first();
        }
        drop(jobs);
        eprintln!("Number of mails sent {}", numbers.sent);
    }

    fn account<T: Default>(&self, job: u64, act: impl FnOnce(&mut Account) -> T) -> T {
        self.lock().open.get_mut(&job).map(|open| act(&mut open.account)).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.jobs.lock().expect("nobody panics with the lock held")
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
    /// Writes down what the worker says. True when it was the answer, after which nothing more comes.
    ///
    /// # Errors
    /// One line of text when it cannot be true.
    pub fn note(&mut self, report: &Report) -> Result<bool, String> {
        let noted = self.jobs.account(self.job, |account| Some(account.note(&self.ids, report)));
        noted.unwrap_or(Ok(()))?;
        let answered = matches!(report, Report::Answer(_));
        self.reports |= !answered;
        Ok(answered)
    }

    /// The worker has answered, or it has gone: then `why` says how. Gives back those mails of the batch that
    /// nobody has begun.
    pub fn close(self, batch: &Batch, why: &str) -> Vec<NumberedMail> {
        let left = self.jobs.account(self.job, |account| {
            account.close(&self.ids, self.reports, why);
            let is_left = |mail: &&NumberedMail| account.state(&mail.message_id) == Some(&State::Left);
            batch.mails.iter().filter(is_left).cloned().collect()
        });
        self.jobs.end_if_complete(self.job);
        left
    }

    /// Nobody will try these mails again: they have failed.
    pub fn give_up(self, why: &str) {
        for id in &self.ids {
            let report = Report::Failed { failed: id.clone(), why: why.to_owned() };
            // That a mail is settled already is no error here.
            let _ = self.jobs.account(self.job, |account| Some(account.note(&self.ids, &report)));
        }
        self.jobs.end_if_complete(self.job);
    }
}
