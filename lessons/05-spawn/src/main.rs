//! Lesson 05: a child process.
//!
//! Reads one request per line from stdin, `{"program": "…", "args": ["…"], "env": {"NAME": "value"}}`, runs the
//! programs one after another, and prints one line of JSON for each: its pid, how it finished, its output.
//! New here: another process does the work. The chapter is book/src/05-spawn.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

use mail::{exit_code, log, print_line};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Output, Stdio};

/// A program to run. `args` and `env` may be left out.
#[derive(Debug, Deserialize, Serialize)]
#[serde(remote = "Self")]
struct Request {
    program: String,
    #[serde(default)]
    args: Vec<String>,
    /// Variables for this child only, on top of the environment that it inherits.
    #[serde(default)]
    env: BTreeMap<String, String>,
}

mail::objects_only!(Request);

/// The outcome. `pid` is `None` if no child was started.
#[derive(Debug, Serialize)]
struct Report {
    pid: Option<u32>,
    ended: Ended,
    stdout: String,
    stderr: String,
}

/// How a child ended: `{"exit":3}`, `{"signal":"SIGKILL"}`, or never started: `{"error":"not found"}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Ended {
    Exit(i32),
    Signal(String),
    Error(String),
}

fn main() -> ExitCode {
    exit_code(run())
}

/// Runs the requests one after another. A child that fails is something we report, not a failure of ours. `Ok(false)` when
/// a report cannot be printed, an error when the input was bad.
fn run() -> Result<bool, String> {
    for (number, line) in (1..).zip(io::stdin().lines()) {
        let line = line.map_err(|error| format!("cannot read line {number}: {error}"))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let request =
            serde_json::from_str(&line).map_err(|error| format!("cannot parse line {number}: {error}"))?;
        if let Err(error) = print_report(&run_request(&request)) {
            log!("error: {error}");
            return Ok(false);
        }
    }
    Ok(true)
}

/// Starts one child and waits for it.
fn run_request(request: &Request) -> Report {
    let without_output = |pid, ended| Report { pid, ended, stdout: String::new(), stderr: String::new() };
    let child = match start(request) {
        Ok(child) => child,
        Err(error) => return without_output(None, not_started(&error)),
    };
    let pid = Some(child.id());
    match collect(child) {
        Ok(output) => Report {
            pid,
            ended: how_it_ended(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        },
        Err(error) => without_output(pid, Ended::Error(error.to_string())),
    }
}

/// Starts the child, with nothing on its stdin and a pipe for each of its two outputs.
fn start(request: &Request) -> io::Result<Child> {
    todo!("1: start the child with its arguments, its environment and three streams")
}

/// Reads both outputs to end of file, and waits for the child.
fn collect(child: Child) -> io::Result<Output> {
    todo!("2: read both outputs to end of file, and wait for the child")
}

fn how_it_ended(status: ExitStatus) -> Ended {
    todo!("3: distinguish an exit status from death by a signal")
}

fn signal_name(number: i32) -> String {
    // A real-time signal has a number and no name.
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.to_string())
}

/// Why there is no child: the program couldn't be started, and `spawn` returned why.
fn not_started(error: &io::Error) -> Ended {
    todo!("4: distinguish a missing program from other errors")
}

fn print_report(report: &Report) -> Result<(), String> {
    let line = serde_json::to_string(report).map_err(|error| format!("cannot write a report: {error}"))?;
    print_line(line)
}
