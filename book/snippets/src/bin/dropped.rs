//! Dropping a future cancels it, at the `.await` where it paused.

use std::time::Duration;
use tokio::time::{sleep, timeout};

// ANCHOR: shown
async fn bake() {
    println!("dough");
    sleep(Duration::from_secs(3600)).await;
    println!("bread");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // After 10 ms, `timeout` drops the future of `bake`. "bread" is never printed.
    let baked = timeout(Duration::from_millis(10), bake()).await;
    println!("{baked:?}");
}
// ANCHOR_END: shown
