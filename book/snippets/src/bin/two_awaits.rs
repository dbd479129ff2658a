//! A future whose result is another future.

use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

// ANCHOR: shown
/// Sends a letter and returns a receipt: a future that is ready when the letter has arrived.
async fn post(letter: char) -> JoinHandle<()> {
    println!("{letter} is on its way");
    tokio::spawn(async move {
        sleep(Duration::from_millis(20)).await;
        println!("{letter} has arrived");
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut receipts = Vec::new();
    for letter in ['a', 'b'] {
        receipts.push(post(letter).await);
    }
    println!("nothing has arrived yet");
    for receipt in receipts {
        receipt.await.expect("the task does not panic");
    }
}
// ANCHOR_END: shown
