//! A child that replies to every message with its pid and the message, until its parent disconnects:
//! `node tests/node/parent.mjs target/debug/examples/worker hello`

use std::error::Error;

use node_channel::Inherited;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let inherited = node_channel::inherited()?; // before there is a runtime
    serve(inherited)
}

#[tokio::main(flavor = "current_thread")]
async fn serve(inherited: Inherited) -> Result<(), Box<dyn Error>> {
    let mut channel = inherited.open()?;
    while let Some(message) = channel.recv::<Value>().await? {
        channel.send(&json!({"pid": std::process::id(), "echo": message})).await?;
    }
    Ok(())
}
