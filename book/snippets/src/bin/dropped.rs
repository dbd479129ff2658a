//! Dropping a future cancels it, at the `.await` where it paused.

// ANCHOR: shown
use std::time::Duration;
use tokio::time::{sleep, timeout};

struct Oven;

impl Drop for Oven {
    fn drop(&mut self) {
        println!("oven off");
    }
}

async fn bake() {
    let _oven = Oven;
    println!("oven on");
    sleep(Duration::from_secs(3600)).await;
    println!("bread");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // After 10 ms, `timeout` drops the future of `bake`: no bread.
    let baked = timeout(Duration::from_millis(10), bake()).await;
    println!("{baked:?}");
}
// ANCHOR_END: shown
