//! The other side of the tests, in both roles.
//!
//! `node-channel-program [COMMAND [ARG…]]` forks COMMAND (itself, if none is given), sends every line
//! of its stdin to it as a message, and prints every message that comes back as a line on stdout.
//! `node-channel-program child` is what it forks of itself: a worker that answers every message.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, ExitCode};

use node_channel::{Error, Inherited, Receiver, Sender};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

fn main() -> ExitCode {
    // Flags come first when a Node parent passes its own on to us. None of them is meant for us.
    let is_flag = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"-");
    let mut arguments = std::env::args_os().skip(1).skip_while(is_flag);
    let outcome = match arguments.next() {
        // The channel is taken here, before there is a runtime: see the docs of `inherited`.
        Some(role) if role == "child" => {
            node_channel::inherited().map_err(Failure::from).and_then(|channel| run(child(channel)))
        }
        Some(program) => {
            let mut command = Command::new(program);
            command.args(arguments);
            run(parent(command))
        }
        None => itself().and_then(|command| run(parent(command))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {}", failure.text);
            ExitCode::from(failure.exit_code)
        }
    }
}

/// What ends the program: a line for stderr, and 2 for bad input or 1 for failed work.
struct Failure {
    text: String,
    exit_code: u8,
}

impl Failure {
    fn new(exit_code: u8, text: impl Into<String>) -> Failure {
        Failure { text: text.into(), exit_code }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let exit_code = match error {
            Error::Disconnected | Error::CannotWait { .. } | Error::Io { .. } => 1,
            _ => 2,
        };
        Failure::new(exit_code, error.to_string())
    }
}

fn itself() -> Result<Command, Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::new(1, format!("cannot find myself: {error}")))?;
    let mut command = Command::new(program);
    command.arg("child");
    Ok(command)
}

fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(1, format!("cannot start the runtime: {error}")))?;
    let outcome = runtime.block_on(work);
    // A thread may still be waiting for a line on stdin that nobody needs any more.
    runtime.shutdown_background();
    outcome
}

/// The worker: answers every message until the parent disconnects.
// ANCHOR: child
async fn child(channel: Inherited) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Answer {
        pid: u32,
        echo: Value,
    }
    let mut channel = channel.open()?;
    let pid = std::process::id();
    while let Some(echo) = channel.recv().await? {
        match channel.send(&Answer { pid, echo }).await {
            Err(Error::Disconnected) => break, // nobody wants the answer any more
            sent => sent?,
        }
    }
    Ok(())
}
// ANCHOR_END: child

/// Forks `command`, sends it the lines of stdin, prints its answers.
async fn parent(command: Command) -> Result<(), Failure> {
    let (mut sender, mut receiver, mut process) = node_channel::fork(command)?.split();
    let _ = writeln!(std::io::stderr(), "forked process {}", process.id());

    let sent = Cell::new(0);
    let mut answered = 0;
    let mut input = None; // how sending ended, once it has
    {
        // Sending and receiving at once: a child that cannot get rid of its answers stops reading.
        let mut sending = std::pin::pin!(send_lines(&mut sender, &sent));
        // A child that listens late may miss what came before its parent disconnected. Whoever
        // wants answers waits for them first.
        while input.is_none() || answered < sent.get() {
            tokio::select! {
                outcome = &mut sending, if input.is_none() => input = Some(outcome),
                more = print_answer(&mut receiver) => match more? {
                    true => answered += 1,
                    false => break,
                },
            }
        }
    }
    // There is nothing to flush for a child that has already left.
    let _ = sender.disconnect().await;
    let status = process.wait().await.map_err(|error| Failure::new(1, format!("cannot wait: {error}")))?;

    input.unwrap_or(Ok(()))?;
    if answered < sent.get() {
        let text = format!(
            "{} of {} messages were not answered: the child ended with {status}",
            sent.get() - answered,
            sent.get()
        );
        return Err(Failure::new(1, text));
    }
    if !status.success() {
        return Err(Failure::new(1, format!("the child failed: {status}")));
    }
    Ok(())
}

/// Sends each line of stdin as a message, up to the end or to the first line that is none.
async fn send_lines(sender: &mut Sender, sent: &Cell<usize>) -> Result<(), Failure> {
    let mut lines = BufReader::new(stdin()).lines();
    for number in 1.. {
        let line = match lines.next_line().await {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => return Err(Failure::new(2, format!("cannot read line {number}: {error}"))),
        };
        let message: Value = serde_json::from_str(&line)
            .map_err(|error| Failure::new(2, format!("cannot parse line {number}: {error}")))?;
        match sender.send(&message).await {
            Ok(()) => sent.set(sent.get() + 1),
            Err(Error::Disconnected) => {
                return Err(Failure::new(1, format!("cannot send line {number}: the child has gone")));
            }
            Err(error) => return Err(Failure::new(2, format!("cannot send line {number}: {error}"))),
        }
    }
    Ok(())
}

/// Prints the next answer; `false` when there are no more.
async fn print_answer(receiver: &mut Receiver) -> Result<bool, Failure> {
    let Some(answer) = receiver.recv::<Value>().await? else { return Ok(false) };
    writeln!(std::io::stdout(), "{answer}")
        .map_err(|error| Failure::new(1, format!("cannot print: {error}")))?;
    Ok(true)
}
