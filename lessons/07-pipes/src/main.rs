//! Lesson 07: messages between two processes, over the child's stdin and stdout.
//!
//! `lesson-07 [COMMAND [ARG…]]` starts COMMAND as its worker (itself, if none is given), sends it every line of
//! stdin as a message, and prints every reply on stdout. `lesson-07 worker` is that worker: it replies to the
//! message M with `{"pid": …, "echo": M}`. `lesson-07 lines` and `lesson-07 frames` show what steps 1 and 2 make of
//! their stdin.
//! New here: a message is one JSON document on a line of its own. The chapter is book/src/07-pipes.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

mod frames;

use frames::FrameReader;
use mail::{exit_code, log};
use serde_json::{Map, Value, json};
use std::io::{self, Stdin, Write};
use std::process::{self, ChildStdin, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::{env, thread};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let outcome = match arguments.next() {
        Some(role) if role == "lines" => lines(),
        Some(role) if role == "frames" => frames(),
        Some(role) if role == "worker" => worker(),
        Some(program) => {
            let mut command = Command::new(program);
            command.args(arguments);
            parent(command)
        }
        None => myself_as_worker().and_then(parent),
    };
    exit_code(outcome)
}

fn myself_as_worker() -> Result<Command, String> {
    let program = env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
    let mut command = Command::new(program);
    command.arg("worker");
    Ok(command)
}

/// Prints each line that `take_line` finds in stdin, with its number, so that you can watch step 1 alone.
fn lines() -> Result<bool, String> {
    let mut reader = FrameReader::new(io::stdin().lock());
    let mut number = 0;
    while reader.read_more().map_err(|error| format!("cannot read: {error}"))? {
        while let Some(line) = reader.take_line() {
            number += 1;
            print_frame([format!("{number}: ").into_bytes(), line].concat());
        }
    }
    Ok(true)
}

/// Prints each frame of stdin on a line of its own, as it arrives.
fn frames() -> Result<bool, String> {
    let mut frames = FrameReader::new(io::stdin().lock());
    while let Some(frame) = frames.next_frame().map_err(|error| format!("cannot read: {error}"))? {
        print_frame(frame);
    }
    Ok(true)
}

/// Replies to one message after another, until end of file.
fn worker() -> Result<bool, String> {
    let mut messages = FrameReader::new(io::stdin().lock());
    todo!("3: reply to each message until end of file")
}

/// Starts the worker, sends and receives at the same time, and waits for the worker to exit.
/// A worker whose replies aren't read stops reading, so one thread writes while the other one reads.
fn parent(mut command: Command) -> Result<bool, String> {
    todo!("4: start the worker, send on another thread, print the replies here, wait for it to exit")
}

/// What we have sent to the worker so far.
#[derive(Default)]
struct Sent {
    count: AtomicUsize,
    /// Everything has been sent: from now on, the worker may exit.
    complete: AtomicBool,
    /// Our stdin could not be read.
    unreadable: AtomicBool,
}

/// The next message of our stdin. If stdin can't be read, reports that and treats it as end of file.
fn next_message(stdin: &mut FrameReader<Stdin>, sent: &Sent) -> Option<Vec<u8>> {
    stdin.next_frame().unwrap_or_else(|error| {
        sent.unreadable.store(true, SeqCst);
        log!("error: cannot read stdin: {error}");
        None
    })
}

/// Sends every frame of our stdin, then closes the worker's stdin.
fn send_all(mut to_worker: ChildStdin, sent: &Sent) {
    let mut stdin = FrameReader::new(io::stdin());
    // For now, this waits for the first message. Replace these lines.
    let _ = next_message(&mut stdin, sent);
    todo!("5: count and send every message of stdin, then set `complete`")
}

/// What has arrived from the worker.
struct Received {
    replies: usize,
    stray_lines: usize,
}

/// Prints every reply until the worker closes its stdout, and reports every line that isn't a reply.
fn print_replies(from_worker: ChildStdout) -> Result<Received, String> {
    let mut frames = FrameReader::new(from_worker);
    let mut received = Received { replies: 0, stray_lines: 0 };
    // For now, this waits for the first reply, or for end of file. Replace these lines.
    if let Ok(Some(_)) = frames.next_frame() {
        todo!("6: print the replies and report every other line");
    }
    Ok(received)
}

/// Writes the frame and its newline in one call. If no one reads our output, there is nothing left to do, so it exits.
fn print_frame(mut frame: Vec<u8>) {
    frame.push(b'\n');
    if let Err(error) = io::stdout().write_all(&frame) {
        log!("error: cannot print: {error}");
        process::exit(1);
    }
}

/// Whether every message got a reply and there were no stray lines. Reports a worker that exited early.
fn all_went_well(sent: &Sent, received: &Received, status: ExitStatus) -> bool {
    let unreadable = sent.unreadable.load(SeqCst);
    // After a stdin that can't be read, nothing more is sent, so the worker may exit then, too.
    let complete = sent.complete.load(SeqCst) || unreadable;
    let missing = received.replies < sent.count.load(SeqCst);
    let early = !complete || missing || !status.success();
    if early {
        log!("error: the worker exited early ({status}), replies so far: {}", received.replies);
    }
    !early && received.stray_lines == 0 && !unreadable
}
