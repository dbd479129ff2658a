//! The numbers that the environment sets. This part is given.

use faults::Patience;
use std::env;
use std::thread::available_parallelism;

/// How big everything is. Every number has a limit: that is the lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many workers there are: `WORKERS`, by default as many as processor cores.
    pub workers: usize,
    /// How many mails may wait: `QUEUE_MAILS`, 10,000 by default.
    pub queue_mails: usize,
    /// How many mails a worker is given at a time: `BATCH_MAILS`, 10 by default.
    pub batch_mails: usize,
    /// After how many batches a worker is replaced by a new one: `MAX_JOBS_PER_WORKER`, 1,000 by default.
    pub max_jobs_per_worker: usize,
    /// How long to wait for a worker.
    pub patience: Patience,
}

impl Settings {
    /// As the environment says.
    ///
    /// # Errors
    /// One line of text when a variable cannot be used.
    pub fn from_env() -> Result<Self, String> {
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            workers: number("WORKERS", cores)?,
            queue_mails: number("QUEUE_MAILS", 10_000)?,
            batch_mails: number("BATCH_MAILS", 10)?,
            max_jobs_per_worker: number("MAX_JOBS_PER_WORKER", 1_000)?,
            patience: Patience::from_env()?,
        })
    }
}

/// A whole number from 1 up.
pub(crate) fn number(name: &str, default: usize) -> Result<usize, String> {
    let Ok(text) = env::var(name) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("cannot use {name} \"{text}\": it must be a whole number from 1 up"))
}
