//! `select!` waits for whatever comes first. A guard takes a branch out.

use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

// ANCHOR: shown
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, mut words) = mpsc::channel(4);
    tokio::spawn(async move {
        for word in ["tick", "tock"] {
            sender.send(word).await.expect("somebody receives");
        }
    });
    let mut open = true;
    let bell = sleep(Duration::from_millis(50));
    tokio::pin!(bell);
    loop {
        tokio::select! {
            // Without `if open`, a closed channel would be ready at once, again and again: a busy loop.
            word = words.recv(), if open => match word {
                Some(word) => println!("{word}"),
                None => open = false,
            },
            () = &mut bell => break println!("the bell"),
        }
    }
}
// ANCHOR_END: shown
