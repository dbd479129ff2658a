//! The workers: a fixed number of slots, with one worker at a time in each.

use faults::{Worker, settle};
use jobs::{Assignment, Jobs, NumberedMail};
use mail::log;
use server::WorkerCommand;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::queue::{Batch, Queue};
use solution_12::Settings;

/// How many workers may die before they start a mail. Then it has failed.
const MAX_ATTEMPTS: usize = 3;
/// The pause before a worker is replaced that has done nothing: a
/// broken program must not be forked without end. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The queue, the jobs, and how to make a worker. A clone is the same pool.
#[derive(Clone)]
pub struct Pool {
    pub queue: Queue,
    pub jobs: Jobs,
    command: WorkerCommand,
    settings: Settings,
    /// Each living worker holds a permit.
    permits: Arc<Semaphore>,
}

impl Pool {
    pub fn new(command: WorkerCommand, settings: Settings) -> Self {
        let queue = Queue::new(settings.queue, settings.batch_mails);
        let permits = Arc::new(Semaphore::new(settings.workers));
        Self { queue, jobs: Jobs::new(), command, settings, permits }
    }

    fn has_worker(&self) -> bool {
        self.permits.available_permits() < self.settings.workers
    }
}

/// Keeps the slots going until the queue is closed and empty.
pub async fn keep(pool: Pool) {
    let mut slots = JoinSet::new();
    (0..pool.settings.workers).for_each(|_| drop(slots.spawn(slot(pool.clone()))));
    while let Some(finished) = slots.join_next().await {
        if let Err(panic) = finished {
            // A mistake in this program, but no reason to keep running with one worker fewer.
            log!("error: a slot starts again: {panic}");
            sleep(FIRST_PAUSE).await;
            slots.spawn(slot(pool.clone()));
        }
    }
}

/// A place for one worker at a time. When its workers do nothing but die, the pauses grow;
/// and when no other worker lives either, then after some time the mails that wait fail.
async fn slot(pool: Pool) {
    let (mut pause, mut failing_since) = (FIRST_PAUSE, None);
    loop {
        let error = match one_worker(&pool).await {
            Next::Stop => return,
            Next::Replace => {
                (pause, failing_since) = (FIRST_PAUSE, None);
                continue;
            }
            Next::ReplaceLater(error) => error,
        };
        let since = *failing_since.get_or_insert_with(Instant::now);
        if pool.has_worker() {
            failing_since = None;
        } else if since.elapsed() > pool.settings.give_up {
            while let Some(batch) = pool.queue.try_take() {
                pool.jobs.fail(batch.job, &batch.mails, &error);
            }
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = pool.queue.finished() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What comes after a worker.
enum Next {
    Replace,
    /// It did nothing but die; why.
    ReplaceLater(String),
    /// There is no more work.
    Stop,
}

/// Forks a worker, and lets it work.
async fn one_worker(pool: &Pool) -> Next {
    let _permit = pool.permits.acquire().await;
    let mut worker = match Worker::fork(pool.command.command(), pool.settings.timeouts) {
        Ok(worker) => worker,
        Err(error) => {
            log!("error: {error}");
            return Next::ReplaceLater(error);
        }
    };
    live(pool, &mut worker).await.unwrap_or_else(|error| {
        log!("error: {error}");
        if worker.has_worked() { Next::Replace } else { Next::ReplaceLater(error) }
    })
}

/// The life of a worker: batch after batch, until it has done
/// its last batch, or no more work will come. Then it is dismissed.
///
/// # Errors
/// How the worker died.
async fn live(pool: &Pool, worker: &mut Worker) -> Result<Next, String> {
    todo!("4: batch after batch, at most max_jobs_per_worker; a worker that exits; no more work")
}

/// Gives the batch to the worker, and settles it.
///
/// # Errors
/// How the worker died during it.
async fn give(pool: &Pool, worker: &mut Worker, batch: Batch) -> Result<(), String> {
    let mut progress = pool.jobs.assign(batch.job, &batch.mails, worker.id(), pool.command.is_own());
    let assignment = Assignment { mails: batch.mails.clone(), reports: true };
    let worked = worker.work(&assignment, &mut progress).await;
    let why = worked.clone().err().unwrap_or_else(|| "the worker's reply doesn't say".into());
    let (reports, shared) = (progress.reports(), why.as_str().into());
    let job = batch.job;
    let rest = progress.close(|state| settle(state, reports, &shared));
    if !rest.is_empty() {
        settle_rest(pool, batch, rest, &why);
    }
    pool.jobs.finish_if_settled(job);
    worked
}

/// A worker died during its batch. `rest` is what it had not started: it goes back into the queue,
/// and another worker does it. But a mail that kills every worker must not go around forever.
fn settle_rest(pool: &Pool, batch: Batch, mut rest: Vec<NumberedMail>, why: &str) {
    todo!("5: put back the rest; if that is all, its first mail alone, and at most MAX_ATTEMPTS times")
}
