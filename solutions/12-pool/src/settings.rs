//! The numbers that the environment sets.

use jobs::Size;
use mail::env::{number, seconds};
use server::Timeouts;
use std::thread::available_parallelism;
use std::time::Duration;

/// How large everything is.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many workers there are: `WORKERS`, by default as many as processor cores.
    pub workers: usize,
    /// How much can wait: `QUEUE_MAILS`, 10,000 by default, and `QUEUE_MB` of text, 64 by default.
    pub queue: Size,
    /// How many mails a worker is given at a time: `BATCH_MAILS`, 10 by default.
    pub batch_mails: usize,
    /// After how many batches a worker is replaced by a new one: `MAX_JOBS_PER_WORKER`, 1,000 by default.
    pub max_jobs_per_worker: usize,
    /// How long there may be no worker at all before the mails that
    /// wait fail: `GIVE_UP_SECONDS`, 30 by default.
    pub give_up: Duration,
    /// How long to wait for a worker.
    pub timeouts: Timeouts,
}

impl Settings {
    /// As the environment says.
    ///
    /// # Errors
    /// One line of text when a variable cannot be used.
    pub fn from_env() -> Result<Self, String> {
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            workers: number("WORKERS", cores, 1..=1000)?,
            queue: Size {
                mails: number("QUEUE_MAILS", 10_000, 1..=usize::MAX)?,
                bytes: number("QUEUE_MB", 64, 1..=1_000_000)? << 20,
            },
            batch_mails: number("BATCH_MAILS", 10, 1..=usize::MAX)?,
            max_jobs_per_worker: number("MAX_JOBS_PER_WORKER", 1_000, 1..=usize::MAX)?,
            give_up: seconds("GIVE_UP_SECONDS", Duration::from_secs(30))?,
            timeouts: Timeouts::from_env()?,
        })
    }
}
