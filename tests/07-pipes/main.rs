//! The spec of lesson 07: messages over pipes, one JSON document on a line each.

mod step_1_lines;
mod step_2_frames;
mod step_3_worker;
mod step_4_parent;
mod step_5_send;
mod step_6_replies;

use std::fs::File;
use std::time::{Duration, Instant};
use support::predicates::str::{contains, is_empty};
use support::{Check, Finished, Program, Reader, Running, Signal, Spec, Value, json, process, small_pipe};

/// How long a program that should exit may run before the check asks whether it spins.
const A_WHILE: Duration = Duration::from_millis(300);

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A folder, which can be opened and not read.
fn folder() -> File {
    File::open(".").expect("the folder that the tests run in")
}

/// The program that prints the frames of its stdin.
fn frames(spec: &Spec) -> Program {
    spec.program().arg("frames")
}

fn worker(spec: &Spec) -> Program {
    spec.program().arg("worker")
}

/// The parent with a worker of the spec's: a shell script. `$1` and so on are `args`.
fn parent_of(spec: &Spec, script: &str, args: &[&str]) -> Program {
    spec.program().args(["sh", "-c", script, "worker"]).args(args)
}

/// A random message, with a letter of several bytes and with a newline, which JSON escapes.
fn message(spec: &Spec) -> Value {
    json!({"name": spec.word(), "text": "Grüße\n", "number": spec.number(0..1_000_000)})
}

fn messages(spec: &Spec, count: usize) -> Vec<Value> {
    (0..count).map(|_| message(spec)).collect()
}

fn lines(messages: &[Value]) -> String {
    messages.iter().map(|message| format!("{message}\n")).collect()
}

/// The pid of a worker that says `worker: PID` on stderr and then stops itself. One whose parent has exited may not come to
/// that.
fn stopped_worker(check: &Check, parent: &mut Running) -> u32 {
    let line = parent.log_line(check, &contains("worker: "));
    let worker = line.trim_start_matches("worker: ").parse().unwrap_or_default();
    stops(check, parent, worker);
    worker
}

fn stops(check: &Check, parent: &mut Running, worker: u32) {
    check.eventually("the worker has stopped itself", || {
        (process::is_stopped(worker) || !parent.is_running()).then_some(())
    });
}

/// The next line of stdout must be this frame.
fn expect_frame(program: &mut Running, check: &Check, frame: &str) {
    check.equal("the next frame", program.line(check).as_str(), frame);
}

/// The program must end, and print no more lines than these. One that prints or runs without end is not waited for.
fn ends_after(program: &mut Running, check: &Check, lines: usize) -> Finished {
    program.close_stdin();
    let began = Instant::now();
    check.eventually("the program ends", || {
        let printed = program.stdout().lines().count();
        check.holds(&format!("no more than {lines} lines on stdout"), printed <= lines, program.stdout());
        if began.elapsed() > A_WHILE && !program.rests() {
            check.fail("the program ends, since its stdin is at its end", "it runs again and again");
        }
        (!program.is_running()).then_some(())
    });
    let finished = program.finish(check);
    check.equal("the number of lines on stdout", &finished.stdout().lines().count(), &lines);
    finished
}

/// The next reply of the worker under test must be this.
fn expect_echo(worker: &mut Running, check: &Check, message: &Value) {
    let reply = worker.json_line(check);
    check.json("the reply", &reply, &json!({"pid": worker.pid(), "echo": message}));
}

/// stdout must be replies of one worker to these messages, in order.
fn echoes(check: &Check, finished: &Finished, messages: &[Value]) {
    let replies = replies(check, finished);
    check.equal("the number of replies", &replies.len(), &messages.len());
    let pid = replies.first().map(|reply| reply["pid"].clone()).unwrap_or_default();
    for (reply, message) in replies.iter().zip(messages) {
        check.json("the reply", reply, &json!({"pid": pid, "echo": message}));
    }
}

fn replies(check: &Check, finished: &Finished) -> Vec<Value> {
    let parse = |line: &str| line.parse().unwrap_or_else(|_| check.fail("lines of JSON on stdout", line));
    finished.stdout().lines().map(parse).collect()
}

/// How the parent ends. `None` if it panics at the end of the replies, which is a matter of step 6.
fn parents_end(check: &Check, parent: &mut Running) -> Option<Finished> {
    let finished = parent.finish(check);
    (finished.status().code() != Some(PANIC)).then_some(finished)
}

/// The exit status of a program whose main thread has panicked.
const PANIC: i32 = 101;

/// What is on stderr must contain these words.
fn reports(check: &Check, finished: &Finished, words: &[&str]) {
    let stderr = finished.stderr();
    for word in words {
        check.holds(&format!("a line on stderr that says `{word}`"), stderr.contains(word), &stderr);
    }
}

/// A message of about that many bytes.
fn large_line(bytes: usize) -> String {
    format!("{{\"text\":\"{}\"}}\n", "Z".repeat(bytes))
}
