//! A worker is an async fn with a loop. It exits when its channel closes.

use tokio::sync::mpsc;

// ANCHOR: shown
async fn shout(mut words: mpsc::Receiver<&'static str>, replies: mpsc::Sender<String>) {
    while let Some(word) = words.recv().await {
        let reply = word.to_uppercase();
        if replies.send(reply).await.is_err() {
            return; // No one is left to reply to.
        }
    }
    println!("the channel is closed");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, words) = mpsc::channel(4);
    let (replies, mut received) = mpsc::channel(4);
    let worker = tokio::spawn(shout(words, replies));
    for word in ["tick", "tock"] {
        sender.send(word).await.expect("a worker");
        println!("{:?}", received.recv().await);
    }
    drop(sender);
    worker.await.expect("no panic");
}
// ANCHOR_END: shown
