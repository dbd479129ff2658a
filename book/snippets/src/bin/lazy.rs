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

    // Once spawned, it runs whenever the event loop gives it a turn.
    let task = tokio::spawn(ring());
    println!("the task waits for its turn");
    task.await.expect("the task did not panic");
}
// ANCHOR_END: shown
