//! Stop taking work, and finish what was started.

// ANCHOR: shown
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, mut orders) = mpsc::channel(4);
    for name in ["soup", "pizza"] {
        sender.send(name).await.expect("the kitchen is open");
    }
    // No sender is left, so `recv` returns `None` after the last order: the shop is closed.
    drop(sender);
    let mut cooking = JoinSet::new();
    while let Some(name) = orders.recv().await {
        cooking.spawn(async move {
            sleep(Duration::from_millis(10)).await;
            println!("{name} is served");
        });
    }
    println!("closed, {} still cooking", cooking.len());
    cooking.join_all().await;
    println!("lights out");
}
// ANCHOR_END: shown
