//! A wake-up that comes before a task listens is lost; one that comes after it is not.

use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

// ANCHOR: shown
/// Whether a ring of the bell arrives within 10 ms.
async fn heard(ring: impl Future<Output = ()>) -> bool {
    timeout(Duration::from_millis(10), ring).await.is_ok()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let bell = Notify::new();
    bell.notify_waiters(); // Wakes every task that listens now. None does.
    println!("rung before I listen: heard {}", heard(bell.notified()).await);
    let ring = bell.notified(); // From here on I listen, …
    bell.notify_waiters(); // … so this ring is not lost.
    println!("rung while I listen: heard {}", heard(ring).await);
}
// ANCHOR_END: shown
