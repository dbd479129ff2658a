//! One value over a channel, and what the receiver gets when the sender is dropped.

use std::thread;
use tokio::sync::oneshot;

// ANCHOR: shown
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || sender.send("tock".len()));
    println!("{:?}", receiver.await);

    let (sender, receiver) = oneshot::channel::<usize>();
    // This thread drops its sender without sending anything.
    thread::spawn(move || drop(sender));
    println!("{:?}", receiver.await);
}
// ANCHOR_END: shown
