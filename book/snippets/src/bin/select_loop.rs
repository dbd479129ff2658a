//! One future that finishes once, and events that keep coming, in one loop.

use std::pin::pin;
use std::time::Duration;
use tokio::time::{interval, sleep};

// ANCHOR: shown
async fn boil() -> &'static str {
    sleep(Duration::from_millis(250)).await;
    "the egg is done"
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut clock = interval(Duration::from_millis(100)); // The first tick is immediate.
    let mut egg = pin!(boil());
    let (mut done, mut ticks) = (None, 0);
    while done.is_none() || ticks < 5 {
        tokio::select! {
            words = &mut egg, if done.is_none() => done = Some(words),
            _ = clock.tick() => ticks += 1,
        }
        println!("tick {ticks}: {done:?}");
    }
}
// ANCHOR_END: shown
