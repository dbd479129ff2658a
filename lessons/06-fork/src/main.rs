//! Lesson 06: fork(2) itself.
//!
//! `lesson-06 START PARENT_STEPS CHILD_STEPS` copies its own process. Parent and child keep counting from the same
//! number, and each reports its pid and its counter over a pipe. The parent prints the reports and how the child
//! finished. Before they count, both wait for end of file on stdin, so that there is time to look at them.
//! New here: state is copied, not shared. The chapter is book/src/06-fork.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

use mail::log;
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};
use serde::Serialize;
use serde_json::{Value, json};
use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, BufWriter, PipeReader, PipeWriter, Stdout, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// The state. In lesson 03, every thread saw one counter like this.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// What a process reports about itself.
#[derive(Debug, Serialize)]
struct Report {
    process: String,
    pid: i32,
    parent: i32,
    counter: u64,
    /// The address of the counter in this process.
    address: String,
}

impl Report {
    /// A report of the process that calls this.
    fn of_myself(process: &str) -> Self {
        let (pid, parent) = (getpid().as_raw(), getppid().as_raw());
        let counter = COUNTER.load(Ordering::Relaxed);
        Self { process: process.to_owned(), pid, parent, counter, address: format!("{:p}", &COUNTER) }
    }

    /// One line of JSON, with its newline.
    fn line(&self) -> String {
        serde_json::to_string(self).expect("numbers and text are always JSON") + "\n"
    }
}

/// What the command line asks for.
struct Arguments {
    start: u64,
    parent_steps: u64,
    child_steps: u64,
}

fn main() -> ExitCode {
    let Some(arguments) = parse_arguments() else {
        log!("error: cannot read the arguments: expected START PARENT_STEPS CHILD_STEPS");
        return ExitCode::from(2);
    };
    // Both processes come back from here.
    match run(&arguments, BufWriter::new(io::stdout())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            log!("error: {error}");
            ExitCode::from(1)
        }
    }
}

/// One process comes in, two go out. `Ok(false)` in the parent when the child didn't exit with 0.
fn run(arguments: &Arguments, mut out: BufWriter<Stdout>) -> Result<bool, String> {
    COUNTER.store(arguments.start, Ordering::Relaxed);
    print(&mut out, json!({"start": arguments.start}))?;
    let (reader, writer) = io::pipe().map_err(|error| format!("cannot make a pipe: {error}"))?;
    match copy_process(&mut out)? {
        ForkResult::Child => {
            drop(reader);
            wait_for_end_of_stdin();
            count_and_report("child", arguments.child_steps, &writer)?;
            Ok(true)
        }
        ForkResult::Parent { child } => {
            wait_for_end_of_stdin();
            count_and_report("parent", arguments.parent_steps, &writer)?;
            in_the_parent(child, reader, writer, &mut out)
        }
    }
}

/// Makes a copy of this process. It returns twice: once in the parent, once in the child.
fn copy_process(out: &mut BufWriter<Stdout>) -> Result<ForkResult, String> {
    todo!("1: copy this process, with nothing waiting in the buffer of stdout")
}

/// Keeps counting from this process's counter, and writes one report to the pipe.
fn count_and_report(process: &str, steps: u64, mut writer: &PipeWriter) -> Result<(), String> {
    todo!("2: keep counting, and write one report to the pipe")
}

/// Prints both reports and how the child finished.
fn in_the_parent(
    child: Pid,
    reader: PipeReader,
    writer: PipeWriter,
    out: &mut BufWriter<Stdout>,
) -> Result<bool, String> {
    todo!("3: read both reports to end of file, and print them");
    let ended = reap(child)?;
    print(out, json!({"child": child.as_raw(), "ended": ended}))?;
    out.flush().map_err(cannot_print)?;
    Ok(ended == json!({"exit": 0}))
}

/// Waits for the child and returns how it finished: `{"exit": 0}` or `{"signal": "SIGKILL"}`.
fn reap(child: Pid) -> Result<Value, String> {
    todo!("4: wait for the child and report how it finished")
}

fn print(out: &mut BufWriter<Stdout>, line: impl Display) -> Result<(), String> {
    writeln!(out, "{line}").map_err(cannot_print)
}

fn cannot_print(error: io::Error) -> String {
    format!("cannot print: {error}")
}

/// Both processes share one stdin, and both wait for its end of file.
fn wait_for_end_of_stdin() {
    // An error is as good as end of file: there is nothing more to wait for.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

fn parse_arguments() -> Option<Arguments> {
    // `env::args` would panic at an argument that is not UTF-8.
    let parse = |text: OsString| text.to_str()?.parse().ok();
    let numbers: Vec<u64> = env::args_os().skip(1).map(parse).collect::<Option<_>>()?;
    let [start, parent_steps, child_steps] = numbers[..] else { return None };
    Some(Arguments { start, parent_steps, child_steps })
}
