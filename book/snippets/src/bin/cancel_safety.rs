//! What is lost when a read is canceled in its middle.

use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use tokio::time::{sleep, timeout};

// ANCHOR: shown
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let (mut writer, reader) = duplex(64);
    let mut reader = BufReader::new(reader);
    tokio::spawn(async move {
        writer.write_all(b"ti").await.expect("a reader");
        sleep(Duration::from_millis(50)).await;
        writer.write_all(b"ck\ntock\n").await.expect("a reader");
    });

    // `read_line` keeps half a line to itself. When it is dropped, so is the half: not cancel safe.
    let mut line = String::new();
    let early = timeout(Duration::from_millis(10), reader.read_line(&mut line)).await;
    println!("timed out: {}, kept: {line:?}", early.is_err());

    // `read` returns what there is, or takes nothing: cancel safe. So keep the bytes yourself.
    let mut bytes = [0; 64];
    let count = reader.read(&mut bytes).await?;
    println!("then came: {:?}", String::from_utf8_lossy(&bytes[..count]));
    Ok(())
}
// ANCHOR_END: shown
