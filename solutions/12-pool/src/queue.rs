//! The queue between the requests and the workers: bounded, so that memory is, and fair, so that a small job isn't stuck
//! behind a huge one.

use jobs::{NumberedMail, Size};
use mail::log;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Jobs that wait for workers. A clone is the same queue.
#[derive(Clone)]
pub struct Queue {
    state: Arc<Mutex<State>>,
    /// Wakes every task that waits for a change.
    changed: Arc<Notify>,
    limit: Size,
    batch_mails: usize,
}

#[derive(Default)]
struct State {
    /// What is left of each job, in the order in which their turns come. None of them is empty.
    jobs: VecDeque<Waiting>,
    /// All mails that wait.
    size: Size,
    closed: bool,
}

struct Waiting {
    job: u64,
    mails: VecDeque<NumberedMail>,
    attempts: usize,
}

impl Waiting {
    /// A batch of these mails, which were taken out of the job.
    fn batch(&self, mails: Vec<NumberedMail>) -> Batch {
        Batch { job: self.job, mails, attempts: self.attempts }
    }
}

/// Some mails of one job: what a worker is given at a time.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The job's number.
    pub job: u64,
    /// The mails.
    pub mails: Vec<NumberedMail>,
    /// How many workers died during it before they started a single mail.
    pub attempts: usize,
}

/// Why a job is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It doesn't fit, even when the queue is empty.
    TooLarge,
    /// There is no room for it now.
    Full,
}

impl Queue {
    /// An empty queue with room for `limit`, which hands out batches of at most `batch_mails`.
    pub fn new(limit: Size, batch_mails: usize) -> Self {
        Self { state: Arc::default(), changed: Arc::default(), limit, batch_mails }
    }

    /// How much has room in it.
    pub fn limit(&self) -> Size {
        self.limit
    }

    /// Puts a job into the queue, and logs a refusal.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn push(&self, job: u64, mails: Vec<NumberedMail>) -> Result<(), Refused> {
        if mails.is_empty() {
            return Ok(()); // The job is finished already.
        }
        self.let_in(job, mails).inspect_err(|why| log!("job {job} is refused: {why:?}"))
    }

    // ANCHOR: push
    /// Puts a job at the end of the queue, the whole job or nothing of it.
    fn let_in(&self, job: u64, mails: Vec<NumberedMail>) -> Result<(), Refused> {
        // ANCHOR: step_2 todo!("2: room for the whole job, or an error; then wake the workers")
        let size = Size::of(&mails);
        if !size.fits(self.limit) {
            return Err(Refused::TooLarge);
        }
        let mut state = self.lock();
        if !(state.size + size).fits(self.limit) {
            return Err(Refused::Full);
        }
        state.size += size;
        state.jobs.push_back(Waiting { job, mails: mails.into(), attempts: 0 });
        self.changed.notify_waiters();
        Ok(())
        // ANCHOR_END: step_2
    }
    // ANCHOR_END: push

    // ANCHOR: next
    /// The next batch: of the job whose turn it is. What is left of the job goes to the end of the queue.
    fn next_batch(&self, state: &mut State) -> Option<Batch> {
        // ANCHOR: step_3 todo!("3: a batch of the first job; what is left of the job goes to the end")
        let mut waiting = state.jobs.pop_front()?;
        let count = waiting.mails.len().min(self.batch_mails);
        let mails: Vec<_> = waiting.mails.drain(..count).collect();
        state.size -= Size::of(&mails);
        let batch = waiting.batch(mails);
        if !waiting.mails.is_empty() {
            state.jobs.push_back(waiting);
        }
        Some(batch)
        // ANCHOR_END: step_3
    }
    // ANCHOR_END: next

    /// The next batch, or `None` when nothing waits.
    pub fn try_take(&self) -> Option<Batch> {
        let mut state = self.lock();
        if state.jobs.is_empty() { None } else { self.next_batch(&mut state) }
    }

    /// Waits for the next batch. `None` when the queue is closed and empty. Cancel safe.
    pub async fn take(&self) -> Option<Batch> {
        self.wait_for(|| match self.try_take() {
            None if !self.is_finished() => None,
            batch => Some(batch),
        })
        .await
    }

    /// Waits until the queue is closed and empty.
    pub async fn finished(&self) {
        self.wait_for(|| self.is_finished().then_some(())).await;
    }

    async fn wait_for<T>(&self, look: impl Fn() -> Option<T>) -> T {
        loop {
            // Register before looking, so no notification is lost in between.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }

    /// Puts back what a worker left behind, at the front. It had been accepted, so there is always room.
    pub fn put_back(&self, batch: Batch) {
        if !batch.mails.is_empty() {
            let mut state = self.lock();
            state.size += Size::of(&batch.mails);
            let Batch { job, mails, attempts } = batch;
            state.jobs.push_front(Waiting { job, mails: mails.into(), attempts });
            self.changed.notify_waiters();
        }
    }

    /// Nothing new will come. What is in the queue is still handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
    }

    fn is_finished(&self) -> bool {
        let state = self.lock();
        state.closed && state.jobs.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in one task is no reason for the others to stop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
