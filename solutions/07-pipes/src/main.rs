//! Lesson 07: messages between two processes, over the child's stdin and stdout.
//!
//! `solution-07 [COMMAND [ARG…]]` starts COMMAND as its worker (itself, if none is given), sends it every line of
//! stdin as a message, and prints every answer on stdout. `solution-07 worker` is that worker: it answers the
//! message M with `{"pid": …, "echo": M}`. `solution-07 frames` prints the frames of its stdin, to look at them.
//! New here: a message is one JSON document on a line of its own. The chapter is book/src/07-pipes.md.

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

// ANCHOR: worker
/// Answers one message after another, until stdin ends.
fn worker() -> Result<bool, String> {
    let mut messages = FrameReader::new(io::stdin().lock());
    // ANCHOR: step_3 todo!("3: answer each message until stdin ends")
    let mut number = 0;
    while let Some(frame) = messages.next_frame().map_err(|error| format!("cannot read: {error}"))? {
        number += 1;
        let echo: Value = serde_json::from_slice(&frame)
            .map_err(|error| format!("cannot parse message {number}: {error}"))?;
        print_frame(json!({"pid": process::id(), "echo": echo}).to_string().into_bytes());
    }
    Ok(true)
    // ANCHOR_END: step_3
}
// ANCHOR_END: worker

// ANCHOR: parent
/// Starts the worker, sends and receives at the same time, and waits for the worker's end. A worker that cannot get rid
/// of its answers stops reading, so one thread writes while the other one reads.
fn parent(mut command: Command) -> Result<bool, String> {
    // ANCHOR: step_4 todo!("4: start the worker, send on a thread of its own, print the answers here, wait for its end")
    let mut worker = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the worker {:?}: {error}", command.get_program()))?;
    let to_worker = worker.stdin.take().ok_or("no pipe to the worker")?;
    let from_worker = worker.stdout.take().ok_or("no pipe from the worker")?;

    let sent = Arc::new(Sent::default());
    let counted = Arc::clone(&sent);
    thread::spawn(move || send_all(to_worker, &counted));
    let received = print_answers(from_worker)?;

    let status = worker.wait().map_err(|error| format!("cannot wait for the worker: {error}"))?;
    Ok(is_well_done(&sent, &received, status))
    // ANCHOR_END: step_4
}
// ANCHOR_END: parent

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

// ANCHOR: send
/// Sends every frame of our stdin. Closes the worker's stdin when ours has ended.
fn send_all(mut to_worker: ChildStdin, sent: &Sent) {
    let mut stdin = FrameReader::new(io::stdin());
    // ANCHOR: step_5 todo!("5: send every message of stdin, count it, and say when that was all")
    while let Some(mut frame) = next_message(&mut stdin, sent) {
        sent.count.fetch_add(1, SeqCst);
        frame.push(b'\n');
        if to_worker.write_all(&frame).is_err() {
            // The worker has gone. The thread that reads finds out how, and says so.
            return;
        }
    }
    sent.complete.store(true, SeqCst);
    // ANCHOR_END: step_5
}
// ANCHOR_END: send

/// What has come from the worker.
struct Received {
    answers: usize,
    stray_lines: usize,
}

// ANCHOR: print
/// Prints every answer until the worker closes its stdout, and reports lines that are no answers.
fn print_answers(from_worker: ChildStdout) -> Result<Received, String> {
    let mut frames = FrameReader::new(from_worker);
    let mut received = Received { answers: 0, stray_lines: 0 };
    // ANCHOR: step_6 // So far, it waits for the first answer. Write over these lines.
    // ANCHOR: step_6 let _ = frames.next_frame();
    // ANCHOR: step_6 todo!("6: print the answers and report every other line");
    while let Some(frame) = frames.next_frame().map_err(|error| format!("cannot read: {error}"))? {
        if serde_json::from_slice::<Map<String, Value>>(&frame).is_ok() {
            received.answers += 1;
            print_frame(frame);
        } else {
            received.stray_lines += 1;
            log!("error: the worker wrote a line that isn't a message: {}", String::from_utf8_lossy(&frame));
        }
    }
    // ANCHOR_END: step_6
    Ok(received)
}
// ANCHOR_END: print

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
