//! Waiting for every task: each holds a token, an mpsc sender through which nothing is sent.

// ANCHOR: shown
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

fn forgets_the_token(guest: &'static str, _token: mpsc::Sender<()>) {
    tokio::spawn(async move {
        sleep(Duration::from_millis(10)).await;
        println!("{guest} leaves");
    });
    // The block doesn't mention the token, so it is dropped here.
}

fn keeps_the_token(guest: &'static str, token: mpsc::Sender<()>) {
    tokio::spawn(async move {
        sleep(Duration::from_millis(10)).await;
        println!("{guest} leaves");
        drop(token);
    });
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for enter in [forgets_the_token, keeps_the_token] {
        let (token, mut all_gone) = mpsc::channel(1);
        enter("Ann", token);
        // Nothing is ever sent, so `recv` waits until the last token is dropped.
        println!("lights out: {:?}", all_gone.recv().await);
        sleep(Duration::from_millis(50)).await;
    }
}
// ANCHOR_END: shown
