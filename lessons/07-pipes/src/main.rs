//! Lesson 07: messages between two processes, over the child's stdin and stdout.
//!
//! `lesson-07 [COMMAND [ARG…]]` starts COMMAND as its worker (itself, if none is given), sends it every line of
//! stdin as a message, and prints every answer on stdout. `lesson-07 worker` is that worker: it answers the
//! message M with `{"pid": …, "echo": M}`. `lesson-07 frames` prints the frames of its stdin, to look at them.
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

/// Prints each frame of stdin on a line of its own, when it comes.
fn frames() -> Result<bool, String> {
    let mut frames = FrameReader::new(io::stdin().lock());
    while let Some(frame) = frames.next_frame().map_err(|error| format!("cannot read: {error}"))? {
        print_frame(frame);
    }
    Ok(true)
}

/// Answers one message after another, until stdin ends.
fn worker() -> Result<bool, String> {
    let mut messages = FrameReader::new(io::stdin().lock());
    todo!("3: answer each message until stdin ends")
}

/// Starts the worker, sends and receives at the same time, and waits for the worker's end. A worker that cannot get rid
/// of its answers stops reading, so one thread writes while the other one reads.
fn parent(mut command: Command) -> Result<bool, String> {
    todo!("4: start the worker, send on a thread of its own, print the answers here, wait for its end")
}

/// What has gone to the worker so far.
#[derive(Default)]
struct Sent {
    count: AtomicUsize,
    /// That was all: from here on, the worker may end.
    complete: AtomicBool,
    /// Our stdin could not be read.
    unreadable: AtomicBool,
}

/// The next message of our stdin. When stdin cannot be read, that is reported, and then it is as if it had ended.
fn next_message(stdin: &mut FrameReader<Stdin>, sent: &Sent) -> Option<Vec<u8>> {
    stdin.next_frame().unwrap_or_else(|error| {
        log!("error: cannot read stdin: {error}");
        sent.unreadable.store(true, SeqCst);
        None
    })
}

/// Sends every frame of our stdin. Closes the worker's stdin when ours has ended.
fn send_all(mut to_worker: ChildStdin, sent: &Sent) {
    let mut stdin = FrameReader::new(io::stdin());
    todo!("5: send every message of stdin, count it, and say when that was all")
}

/// What has come from the worker.
struct Received {
    answers: usize,
    stray_lines: usize,
}

/// Prints every answer until the worker closes its stdout, and reports lines that are no answers.
fn print_answers(from_worker: ChildStdout) -> Result<Received, String> {
    let mut frames = FrameReader::new(from_worker);
    let mut received = Received { answers: 0, stray_lines: 0 };
    // So far, it waits for the first answer. Write over these lines.
    let _ = frames.next_frame();
    todo!("6: print the answers and report every other line");
    Ok(received)
}

/// Writes the frame and its line end in one go. When nobody takes our answers, there is nothing left to do.
fn print_frame(mut frame: Vec<u8>) {
    frame.push(b'\n');
    if let Err(error) = io::stdout().write_all(&frame) {
        log!("error: cannot print: {error}");
        process::exit(1);
    }
}

/// Whether every message was answered and nothing else was said. Reports a worker that has ended early.
fn is_well_done(sent: &Sent, received: &Received, status: ExitStatus) -> bool {
    let unanswered = received.answers < sent.count.load(SeqCst);
    let early = !sent.complete.load(SeqCst) || unanswered || !status.success();
    if early {
        log!("error: the worker ended early ({status}), answers so far: {}", received.answers);
    }
    !early && received.stray_lines == 0 && !sent.unreadable.load(SeqCst)
}
