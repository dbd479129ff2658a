//! The number that all threads share. This part is given.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// How long [`Counter::store`] takes.
const A_WHILE: Duration = Duration::from_millis(50);

/// An [`AtomicUsize`] with a slow [`store`](Self::store). All else is as it is there.
#[derive(Debug, Default)]
pub struct Counter(AtomicUsize);

impl Deref for Counter {
    type Target = AtomicUsize;

    fn deref(&self) -> &AtomicUsize {
        &self.0
    }
}

impl Counter {
    /// [`AtomicUsize::store`], but after a while, in which other threads go on. The operating system may stop a thread
    /// right here on every machine. It rarely does, so a mistake hides for weeks. Here it shows at once.
    #[allow(dead_code, reason = "for those who try it")]
    pub fn store(&self, number: usize, order: Ordering) {
        sleep(A_WHILE);
        self.0.store(number, order);
    }
}
