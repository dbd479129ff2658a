//! A closed channel is always ready. A guard turns its arm off.

use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

// ANCHOR: shown
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, mut words) = mpsc::channel(4);
    tokio::spawn(async move {
        for word in ["tick", "tock"] {
            sender.send(word).await.expect("a receiver");
        }
    });
    let mut open = true;
    let mut bell = pin!(sleep(Duration::from_millis(50)));
    loop {
        tokio::select! {
            // Without `if open`, a closed channel would be ready in every turn: a busy loop.
            word = words.recv(), if open => match word {
                Some(word) => println!("{word}"),
                None => open = false,
            },
            () = &mut bell => {
                println!("the bell");
                break;
            }
        }
    }
}
// ANCHOR_END: shown
