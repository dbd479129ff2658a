//! Lesson 08: a channel of its own between parent and child, as Node's `fork` makes it.
//!
//! `solution-08 [COMMAND [ARG…]]` forks COMMAND (itself, if none is given), sends it every line of stdin as a message, and
//! prints every reply on stdout. `solution-08 child` is what it forks of itself: it replies to the message M with
//! `{"pid": …, "echo": M}`. New here: stdout is free again. The chapter is book/src/08-channel.md.

use serde_json::{Value, json};
use std::io::{self, Write, stderr, stdout};
use std::process::{self, Command, ExitCode};
use std::{cell::Cell, env, error::Error, ffi::OsString, pin::pin};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use solution_08::{Channel, Inherited, fork, inherited};

/// `Ok(false)`: something failed and has been reported. `Err`: the caller still has to report it.
type Outcome = Result<bool, Box<dyn Error>>;

fn main() -> ExitCode {
    match start() {
        Ok(well) => ExitCode::from(u8::from(!well)),
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error}");
            // An I/O error means failed work; anything else means bad input.
            ExitCode::from(if error.is::<io::Error>() { 1 } else { 2 })
        }
    }
}

fn start() -> Outcome {
    let mut words: Vec<OsString> = env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == "child") {
        let channel = inherited()?; // before there is a runtime
        return run(child(channel));
    }
    if words.is_empty() {
        words = vec![env::current_exe()?.into(), "child".into()];
    }
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    run(parent(command))
}

fn run(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    // A thread may still be waiting for a line on stdin that no longer matters.
    runtime.shutdown_background();
    outcome
}

// ANCHOR: child
/// Replies to every message until the parent disconnects.
async fn child(channel: Inherited) -> Outcome {
    let channel = channel.open()?;
    while let Some(message) = channel.recv::<Value>().await? {
        match channel.send(&json!({"pid": process::id(), "echo": message})).await {
            Err(solution_08::Error::Disconnected) => break, // No one reads the replies any more.
            sent => sent?,
        }
    }
    Ok(true)
}
// ANCHOR_END: child

// ANCHOR: parent
/// Forks `command`, sends it the lines of stdin and prints its replies at the same time.
async fn parent(command: Command) -> Outcome {
    let mut child = fork(command)?;
    let _ = stderr().write_all(format!("forked process {}\n", child.id()).as_bytes()); // In one piece.
    let sent = Cell::new(0);
    let mut replies = 0;
    let mut input: Option<Outcome> = None; // the result of sending, once it has finished
    {
        let mut sending = pin!(send_lines(&child, &sent));
        // ANCHOR: step_5 todo!("5: send and receive at the same time, until every message has its reply");
        while input.is_none() || replies < sent.get() {
            tokio::select! {
                outcome = &mut sending, if input.is_none() => input = Some(outcome),
                reply = child.recv::<Value>() => {
                    let Some(reply) = reply? else { break };
                    writeln!(stdout(), "{reply}")?;
                    replies += 1;
                }
            }
        }
        // ANCHOR_END: step_5
    }
    // ANCHOR: step_6 todo!("6: disconnect, wait for the child, and return whether all went well")
    let _ = child.disconnect().await; // The child may already be gone.
    while let Ok(Some(_)) = child.recv::<Value>().await {} // It can't exit while it waits to send more.
    let status = child.wait().await?;
    let early = input.is_none() || replies < sent.get();
    input.unwrap_or(Ok(true))?;
    let well = status.success() && !early;
    if !well {
        let sent = sent.get();
        let _ = writeln!(stderr(), "error: the child exited with {status} after {replies} of {sent} replies");
    }
    Ok(well)
    // ANCHOR_END: step_6
}
// ANCHOR_END: parent

/// Sends each line of stdin as a message, up to end of file or the first line that isn't JSON.
async fn send_lines(channel: &Channel, sent: &Cell<usize>) -> Outcome {
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| format!("cannot read stdin: {error}"))? {
        if line.trim().is_empty() {
            continue;
        }
        let number = sent.get() + 1;
        let message: Value =
            serde_json::from_str(&line).map_err(|error| format!("cannot parse message {number}: {error}"))?;
        sent.set(number);
        if channel.send(&message).await.is_err() {
            break; // The child is gone, so its reply won't come.
        }
    }
    Ok(true)
}
