//! A wake-up that comes before anybody waits is not lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

// ANCHOR: shown
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (ready, bell) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let cook = (Arc::clone(&ready), Arc::clone(&bell));
    tokio::spawn(async move {
        cook.0.store(true, Ordering::Relaxed);
        // Without a task that waits, one permit stays behind.
        cook.1.notify_one();
    });
    while !ready.load(Ordering::Relaxed) {
        println!("not ready: I wait for the bell");
        bell.notified().await;
    }
    println!("ready");
}
// ANCHOR_END: shown
