//! Where an async function pauses.

use std::time::Duration;
use tokio::time::sleep;

// ANCHOR: shown
async fn count(name: &str, pause: u64) {
    for number in 1..=3 {
        println!("{name} {number}");
        sleep(Duration::from_millis(pause)).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    tokio::join!(count("tick", 100), count("tock", 160));
}
// ANCHOR_END: shown
