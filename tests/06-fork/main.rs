//! The spec of lesson 06: a program that copies its own process with fork(2).

mod step_1_fork;
mod step_2_count;
mod step_3_read;
mod step_4_reap;

use support::predicates::str::is_empty;
use support::process::{self, Info};
use support::{Check, Finished, Pipe, Program, Running, Signal, Spec, Value, json, not_utf8};

/// The three numbers on the command line.
struct Numbers {
    start: usize,
    parent_steps: usize,
    child_steps: usize,
}

impl Numbers {
    fn random(spec: &Spec) -> Self {
        let parent_steps = spec.number(2..50);
        Self { start: spec.number(10..1000), parent_steps, child_steps: parent_steps + spec.number(1..50) }
    }

    fn arguments(&self) -> [String; 3] {
        [self.start, self.parent_steps, self.child_steps].map(|number| number.to_string())
    }

    fn program(&self, spec: &Spec) -> Program {
        spec.program().args(self.arguments())
    }

    fn did(&self) -> String {
        let Self { start, parent_steps, child_steps } = self;
        format!("started at {start}: {parent_steps} steps in the parent, {child_steps} in the child")
    }
}

/// Waits until the program and one copy of it wait for end of file on stdin, and returns the pid of the copy. What comes
/// after that is a matter of later steps.
fn copy_of(program: &Running, check: &Check) -> u32 {
    // Where the system does not tell what a process waits for, its state is enough.
    let waits = |info: &&Info| {
        let what = process::waiting_in(info.pid).unwrap_or_default();
        info.state == 'S' && (what.is_empty() || what.contains("reading stdin"))
    };
    check.eventually("the program and one copy of it, both waiting for end of file on stdin", || {
        let alive = process::group(program.pid()).into_iter().filter(|info| !info.is_zombie());
        let (own, copies): (Vec<_>, Vec<_>) = alive.partition(|info| info.pid == program.pid());
        let all_wait = own.len() == 1 && own.iter().chain(&copies).all(|info| waits(&info));
        (all_wait && copies.len() == 1).then(|| copies[0].pid)
    })
}

/// Waits until a process has ended, whether its parent has waited for it or not. `Err` says that it has not.
fn ends(check: &Check, pid: u32) -> Result<(), String> {
    let has_ended = || process::info(pid).is_none_or(|info| info.is_zombie());
    let end = check.comes(|| has_ended().then_some(()));
    end.ok_or_else(|| "it has not; see below what each process does".into())
}

fn wait_for_end_of(check: &Check, pid: u32) {
    ends(check, pid).unwrap_or_else(|does| check.fail("the child has ended", &does));
}

/// Closes stdin, and waits for the program's end. `Err` says what it does instead.
fn come_to_end(program: &mut Running, check: &Check) -> Result<Finished, String> {
    program.close_stdin();
    ends(check, program.pid()).map(|()| program.finish(check))
}

/// The same where the program must end.
fn finish(program: &mut Running, check: &Check) -> Finished {
    come_to_end(program, check).unwrap_or_else(|does| check.fail("the program ends", &does))
}

/// The lines of stdout. Each must be JSON.
fn printed(check: &Check, finished: &Finished) -> Vec<Value> {
    let parse = |line: &str| {
        line.parse().unwrap_or_else(|_| check.fail("lines of JSON on stdout", &finished.describe()))
    };
    finished.stdout().lines().map(parse).collect()
}

/// The only line of stdout for which `is_it` holds.
fn once(check: &Check, finished: &Finished, expected: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let mut found: Vec<Value> = printed(check, finished).into_iter().filter(is_it).collect();
    check.holds(&format!("exactly once: {expected}"), found.len() == 1, finished.describe());
    found.remove(0)
}

/// The only report of the parent or the child.
fn report_of(check: &Check, finished: &Finished, process: &str) -> Value {
    let expected = format!("the report of the {process}");
    once(check, finished, &expected, |line| line["process"] == process)
}

/// The only line that says how the child ended.
fn end_of_child(check: &Check, finished: &Finished) -> Value {
    once(check, finished, "how the child ended", |line| line.get("ended").is_some())
}
