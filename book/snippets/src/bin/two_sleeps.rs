//! The wrong sleep blocks the thread; the right one pauses only the function that sleeps.

use std::time::Duration;

// ANCHOR: shown
async fn greet(name: &str, millis: u64, blocks: bool) {
    let time = Duration::from_millis(millis);
    println!("{name} begins");
    if blocks {
        std::thread::sleep(time);
    } else {
        tokio::time::sleep(time).await;
    }
    println!("{name} is done");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("std's sleep:");
    tokio::join!(greet("Ann", 20, true), greet("Bob", 10, true));
    println!("tokio's sleep:");
    tokio::join!(greet("Ann", 20, false), greet("Bob", 10, false));
}
// ANCHOR_END: shown
