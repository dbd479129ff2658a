//! The spec of lesson 06: a program that copies its own process with fork(2).

mod step_1_fork;
mod step_2_count;
mod step_3_read;
mod step_4_reap;

use support::predicates::str::is_empty;
use support::{Check, Finished, Pipe, Program, Running, Signal, Spec, Value, json, not_utf8, process};

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

/// Waits until the program has a copy that waits for the end of stdin, and returns its pid. Whether the program itself
/// waits too, or has ended, is a matter of later steps.
fn copy_of(program: &Running, check: &Check) -> u32 {
    check.eventually("a child of the program that waits for the end of stdin", || {
        let all = process::group(program.pid());
        let (own, others): (Vec<_>, Vec<_>) = all.iter().partition(|info| info.pid == program.pid());
        let at_work = own.iter().any(|info| !matches!(info.state, 'S' | 'Z'));
        let waits = others.iter().find(|info| info.state == 'S');
        waits.filter(|_| !at_work).map(|info| info.pid)
    })
}

/// Waits until a process has ended, whether its parent has waited for it or not.
fn wait_for_end_of(check: &Check, pid: u32) {
    check.eventually("the child has ended", || {
        process::info(pid).is_none_or(|info| info.is_zombie()).then_some(())
    });
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
