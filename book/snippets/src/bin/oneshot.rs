//! One value over a channel, and what comes when there is none.

use std::thread;
use tokio::sync::oneshot;

// ANCHOR: shown
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || sender.send("tock".len()));
    println!("{:?}", receiver.await);

    let (sender, receiver) = oneshot::channel::<usize>();
    // The thread ends without a word, and its sender is dropped.
    thread::spawn(move || drop(sender));
    println!("{:?}", receiver.await);
}
// ANCHOR_END: shown
