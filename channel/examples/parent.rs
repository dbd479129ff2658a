//! Forks the program that the arguments name, sends it one message, and prints the reply:
//! `cargo run -p node-channel --example parent -- node tests/node/echo.mjs`

use std::error::Error;
use std::io::{Write, stdout};
use std::process::Command;

use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let mut command = Command::new(words.next().ok_or("which program?")?);
    command.args(words);

    let mut child = node_channel::fork(command)?;
    child.send(&json!({"hello": "Node"})).await?;
    let reply: Value = child.recv().await?.ok_or("the child disconnected")?;
    child.disconnect().await?;
    let status = child.wait().await?;

    // Not by `println!`, which panics when nobody reads stdout.
    writeln!(stdout(), "{reply}\n{status}")?;
    Ok(())
}
