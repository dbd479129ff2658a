//! A future does nothing until it is awaited.

// ANCHOR: shown
async fn ring() {
    println!("ring");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let later = ring();
    println!("nothing has happened yet");
    later.await;

    // A task is driven by the event loop. Nobody has to await it.
    let task = tokio::spawn(ring());
    println!("the task waits for its turn");
    task.await.expect("the task did not panic");
}
// ANCHOR_END: shown
