//! The number that all threads share. This part is already written.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// How long [`Counter::store`] takes.
const A_WHILE: Duration = Duration::from_millis(50);

/// An [`AtomicUsize`] with a slow [`store`](Self::store). Everything else behaves like it.
#[derive(Debug, Default)]
pub struct Counter(AtomicUsize);

impl Deref for Counter {
    type Target = AtomicUsize;

    fn deref(&self) -> &AtomicUsize {
        &self.0
    }
}

impl Counter {
    /// [`AtomicUsize::store`], but after a delay, during which other threads keep running. The operating system may pause
    /// a thread right here on any machine. It rarely does, so a mistake hides for weeks. Here it shows right away.
    #[allow(dead_code, reason = "for those who try it")]
    pub fn store(&self, number: usize, order: Ordering) {
        sleep(A_WHILE);
        self.0.store(number, order);
    }
}
