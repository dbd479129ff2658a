//! Five tasks, two permits.

// ANCHOR: shown
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let permits = Arc::new(Semaphore::new(2));
    let mut tasks = JoinSet::new();
    for number in 1..=5 {
        let permits = Arc::clone(&permits);
        tasks.spawn(async move {
            // Pauses until a permit is free. Dropping the permit puts it back.
            let _permit = permits.acquire_owned().await.expect("never closed");
            println!("{number} has a permit");
            sleep(Duration::from_millis(50 * number)).await;
            number
        });
    }
    while let Some(number) = tasks.join_next().await {
        println!("{} is done", number.expect("the task did not panic"));
    }
}
// ANCHOR_END: shown
