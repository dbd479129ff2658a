//! The queue between the requests and the workers: bounded, so that memory is, and fair, so that a small job is
//! not stuck behind a huge one.

use faults::NumberedMail;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// Jobs that wait, at most so many mails of them. A clone is the same queue.
#[derive(Clone)]
pub struct Queue {
    state: Arc<Mutex<State>>,
    /// Somebody should look again.
    changed: Arc<Notify>,
    max_mails: usize,
    batch_mails: usize,
}

#[derive(Default)]
struct State {
    /// What is left of each job, in the order in which their turns come.
    jobs: VecDeque<Waiting>,
    /// The mails of all of them.
    mails: usize,
    closed: bool,
}

struct Waiting {
    job: u64,
    mails: VecDeque<NumberedMail>,
    attempts: usize,
}

/// Some mails of one job: what a worker is given at a time.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The job's number.
    pub job: u64,
    /// The mails.
    pub mails: Vec<NumberedMail>,
    /// How many workers have died over it without beginning a single mail.
    pub attempts: usize,
}

/// There is no room for so many mails now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Queue {
    /// An empty queue with room for `max_mails`, which gives batches of at most `batch_mails`.
    pub fn new(max_mails: usize, batch_mails: usize) -> Self {
        Self { state: Arc::default(), changed: Arc::default(), max_mails, batch_mails }
    }

    // ANCHOR: push
    /// Puts a job at the end of the queue, the whole job or nothing of it.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn push(&self, job: u64, mails: Vec<NumberedMail>) -> Result<(), Full> {
        // ANCHOR: step_1 todo!("1: room for the whole job, or an error; then tell those who wait")
        let mut state = self.lock();
        if state.mails + mails.len() > self.max_mails {
            return Err(Full);
        }
        state.mails += mails.len();
        state.jobs.push_back(Waiting { job, mails: mails.into(), attempts: 0 });
        self.changed.notify_waiters();
        Ok(())
        // ANCHOR_END: step_1
    }
    // ANCHOR_END: push

    // ANCHOR: next
    /// The next batch: of the job whose turn it is, which then goes to the end of the queue with what is left.
    pub fn try_take(&self) -> Option<Batch> {
        // ANCHOR: step_2 todo!("2: a batch of the first job; what is left of the job goes to the end")
        let mut state = self.lock();
        let mut waiting = state.jobs.pop_front()?;
        let count = waiting.mails.len().min(self.batch_mails);
        let mails: Vec<_> = waiting.mails.drain(..count).collect();
        state.mails -= mails.len();
        let batch = Batch { job: waiting.job, mails, attempts: waiting.attempts };
        if !waiting.mails.is_empty() {
            state.jobs.push_back(waiting);
        }
        Some(batch)
        // ANCHOR_END: step_2
    }
    // ANCHOR_END: next

    /// Waits for the next batch. `None` when the queue is closed and empty. Cancel safe.
    pub async fn take(&self) -> Option<Batch> {
        loop {
            // Enabled before the look, so that no change after the look is missed.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(batch) = self.try_take() {
                return Some(batch);
            }
            if self.is_closed() {
                return None;
            }
            changed.await;
        }
    }

    /// Puts back what a worker has left behind, at the front. It had been accepted, so there is always room.
    pub fn put_back(&self, batch: Batch) {
        if !batch.mails.is_empty() {
            let mut state = self.lock();
            state.mails += batch.mails.len();
            let Batch { job, mails, attempts } = batch;
            state.jobs.push_front(Waiting { job, mails: mails.into(), attempts });
            self.changed.notify_waiters();
        }
    }

    /// Nothing new will come. What is in the queue is still given out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
    }

    /// Whether nothing new will come.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the lock held")
    }
}
