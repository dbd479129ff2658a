//! A deadline for silence: it begins again with every word.

use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

// ANCHOR: shown
#[derive(Debug)]
enum Trouble {
    Silent,
    Closed,
}

async fn listen(words: &mut mpsc::Receiver<&'static str>) -> Result<(), Trouble> {
    loop {
        // `timeout` returns `Err` when time is up. `ok` turns that into
        // `None`, which is what `within` returns in your task.
        let received = timeout(Duration::from_millis(150), words.recv()).await.ok();
        match received.ok_or(Trouble::Silent)? {
            Some("good night") => return Ok(()),
            Some(word) => println!("{word}"),
            None => return Err(Trouble::Closed),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, mut words) = mpsc::channel(1);
    tokio::spawn(async move {
        for word in ["tick", "tock", "tick"] {
            sleep(Duration::from_millis(60)).await;
            sender.send(word).await.expect("a listener");
        }
        sleep(Duration::from_secs(3600)).await;
    });
    println!("{:?}", listen(&mut words).await);
}
// ANCHOR_END: shown
