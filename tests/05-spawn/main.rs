//! The spec of lesson 05: a program that runs other programs and tells what became of them.

mod step_1_start;
mod step_2_collect;
mod step_3_ended;
mod step_4_not_found;

use std::fs;
use std::process::Command;
use support::predicates::str::is_empty;
use support::{Check, Program, Running, Scratch, Signal, Value, json, limit, process};

/// A request that runs a shell script. `$1` and so on in the script are `args`.
fn shell(script: &str, args: &[&str]) -> Value {
    let args: Vec<&str> = ["-c", script, "sh"].iter().chain(args).copied().collect();
    json!({"program": "sh", "args": args})
}

fn lines(requests: &[Value]) -> String {
    requests.iter().map(|request| format!("{request}\n")).collect()
}

/// A file in which a child notes what it finds, since its outputs belong to the program.
struct Note(Scratch);

impl Note {
    fn new() -> Self {
        Self(Scratch::new(env!("CARGO_TARGET_TMPDIR"), "note"))
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap_or_default()
    }

    /// What the child has noted, once its last line, `end`, is there.
    fn text(&self) -> Option<String> {
        fs::read_to_string(self.path()).ok()?.strip_suffix("end\n").map(str::to_owned)
    }

    /// Waits until the child has noted everything. If it doesn't, a report shows what the program says.
    fn wait(&self, check: &Check, program: &Running, expected: &str) -> String {
        check.eventually_gives(expected, || self.text().ok_or_else(|| missing(program)))
    }

    /// Waits until the child, which notes its pid and then stops itself, has done so or is gone.
    fn wait_stopped(&self, check: &Check, program: &Running) -> u32 {
        let noted = self.wait(check, program, "a child that has noted its pid");
        let pid = noted.trim().parse().unwrap_or_else(|_| check.fail("the child's pid", &noted));
        check.comes(|| (process::is_stopped(pid) || is_gone(pid)).then_some(()));
        pid
    }
}

fn missing(program: &Running) -> String {
    let said = program.stdout() + &program.stderr();
    format!("no such note; the program says:\n{}", if said.is_empty() { "nothing" } else { &said })
}

fn is_gone(pid: u32) -> bool {
    process::info(pid).is_none_or(|child| child.is_zombie())
}

/// A child that notes its pid in the file `$1`, and then stops itself.
const STOPS: &str = "{ echo $$; echo end; } >\"$1\"; kill -STOP $$";

/// Runs the requests to the end of stdin, and returns the reports.
fn reports(check: &Check, program: Program, requests: &[Value]) -> Vec<Value> {
    let finished = program.stdin(lines(requests)).run(check).code(0);
    let reports: Vec<Value> = finished.stdout().lines().map(|line| parse(check, line)).collect();
    let expected = format!("one line on stdout for each request: {} in all", requests.len());
    check.holds(&expected, reports.len() == requests.len(), finished.describe());
    reports
}

fn parse(check: &Check, line: &str) -> Value {
    let report: Value = line.parse().unwrap_or_else(|_| check.fail("a report: one line of JSON", line));
    for field in ["pid", "ended", "stdout", "stderr"] {
        check.holds(&format!("a report with the field {field:?}"), report.get(field).is_some(), line);
    }
    report
}

/// The child's stdout must be this line.
fn prints(check: &Check, what: &str, report: &Value, line: &str) {
    let line = format!("{line}\n");
    check.holds(&format!("{what} is {line:?}"), report["stdout"] == line, report);
}
