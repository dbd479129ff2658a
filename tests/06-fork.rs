//! The task of lesson 06: a program that copies its own process with fork(2).
//!
//! 1. Copy the process, with nothing waiting in a buffer (look up: `nix::unistd::fork`).
//! 2. On each side: count on, and write one report to the pipe.
//! 3. In the parent: report too, then read both reports to the end of the pipe.
//! 4. Wait for the child, and tell how it ended (look up: `nix::sys::wait::waitpid`).

use support::predicates::str::is_empty;
use support::{Check, Finished, Program, Running, Signal, Spec, Value, json, process};

const FORK: &str = "1. Copy the process";
const COUNT: &str = "2. Count on and report";
const READ: &str = "3. Read both reports";
const REAP: &str = "4. Wait for the child";

/// The three numbers on the command line.
struct Numbers {
    start: usize,
    parent_steps: usize,
    child_steps: usize,
}

impl Numbers {
    fn random(spec: &Spec) -> Self {
        let parent_steps = spec.number(1..50);
        Self { start: spec.number(10..1000), parent_steps, child_steps: parent_steps + spec.number(1..50) }
    }

    fn program(&self, spec: &Spec) -> Program {
        spec.program()
            .args([self.start, self.parent_steps, self.child_steps].map(|number| number.to_string()))
    }

    fn did(&self) -> String {
        let Self { start, parent_steps, child_steps } = self;
        format!("started at {start}: {parent_steps} steps in the parent, {child_steps} in the child")
    }
}

/// The lines of stdout, each once and none besides. `child` is `None` if there is to be none.
struct Printed {
    parent: Value,
    child: Option<Value>,
    ended: Value,
}

fn printed(check: &Check, finished: &Finished, numbers: &Numbers, child_reports: bool) -> Printed {
    let stdout = finished.stdout();
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| line.parse().unwrap_or_else(|_| check.fail("lines of JSON on stdout", &stdout)))
        .collect();
    let once = |expected: &str, is_it: &dyn Fn(&Value) -> bool| {
        let found: Vec<&Value> = lines.iter().filter(|line| is_it(line)).collect();
        check.holds(&format!("once, and no more often: {expected}"), found.len() == 1, &stdout);
        found[0].clone()
    };
    let start = json!({"start": numbers.start});
    once(&start.to_string(), &|line| *line == start);
    let parent = once("the report of the parent", &|line| line["process"] == "parent");
    let child = child_reports.then(|| once("the report of the child", &|line| line["process"] == "child"));
    let ended = once("how the child ended", &|line| line.get("ended").is_some());
    let count = if child_reports { 4 } else { 3 };
    check.holds(&format!("{count} lines on stdout"), lines.len() == count, &stdout);
    Printed { parent, child, ended }
}

/// Waits until the program has a child that runs, and gives its pid.
fn held_child(program: &Running, check: &Check) -> u32 {
    check.eventually("a child of the program that waits for the end of stdin", || {
        let children = process::children(program.pid());
        children.iter().find(|child| !child.is_zombie()).map(|child| child.pid)
    })
}

#[test]
fn both_count_on_from_the_same_number_and_neither_sees_the_other() {
    let spec = support::spec!("06-fork");
    for _ in 0..10 {
        let numbers = Numbers::random(&spec);
        let check = spec.check(COUNT, numbers.did());
        let mut program = numbers.program(&spec).start();
        let finished = program.finish(&check).code(0);
        let Printed { parent, child, ended } = printed(&check, &finished, &numbers, true);
        let child = child.unwrap_or_default();
        let expected = json!(numbers.start + numbers.parent_steps);
        check.json("the counter of the parent", &parent["counter"], &expected);
        let expected = json!(numbers.start + numbers.child_steps);
        check.json("the counter of the child", &child["counter"], &expected);
        check.json("the pid of the parent", &parent["pid"], &json!(program.pid()));
        check.holds(
            "another pid in the child",
            child["pid"].is_u64() && child["pid"] != parent["pid"],
            &child,
        );
        check.json("the parent of the child", &child["parent"], &parent["pid"]);
        check.json("the address of the child's counter", &child["address"], &parent["address"]);
        let expected = json!({"child": child["pid"], "ended": {"exit": 0}});
        check.json("how the child ended", &ended, &expected);
    }
}

#[test]
fn every_line_is_printed_once() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers::random(&spec);
    let check = spec.check(FORK, format!("{}; stdout is a pipe", numbers.did()));
    let finished = numbers.program(&spec).run(&check).code(0);
    printed(&check, &finished, &numbers, true);
    finished.stderr_is("nothing", &is_empty());
}

#[test]
fn the_child_is_a_copy_and_not_another_program() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers::random(&spec);
    let check = spec.check(FORK, format!("{}; kept stdin open and looked at both", numbers.did()));
    let mut program = numbers.program(&spec).start();
    let child = held_child(&program, &check);

    let commands = [program.pid(), child].map(|pid| process::info(pid).map(|info| info.command));
    check.equal("the command line of the child", &commands[1], &commands[0]);
    if let (Some(parent), Some(threads)) = (process::threads(program.pid()), process::threads(child)) {
        check.equal("the number of threads in the parent", &parent, &1);
        check.equal("the number of threads in the child", &threads, &1);
    }
    let reports = program.stdout().matches("counter").count();
    check.equal("the number of reports while stdin is open", &reports, &0);

    let finished = program.finish(&check).code(0);
    let report = printed(&check, &finished, &numbers, true).child.unwrap_or_default();
    check.json("the pid in the child's report", &report["pid"], &json!(child));
}

#[test]
fn the_end_of_the_child_is_not_the_end_of_the_parent() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers::random(&spec);
    let (signal, name) =
        [(Signal::SIGKILL, "SIGKILL"), (Signal::SIGTERM, "SIGTERM"), (Signal::SIGUSR1, "SIGUSR1")]
            [spec.number(0..3)];
    let check =
        spec.check(REAP, format!("{}; killed the child with {name} before it counted", numbers.did()));
    let mut program = numbers.program(&spec).start();
    let child = held_child(&program, &check);
    process::signal(child, signal);
    check.eventually("the child is dead", || {
        process::info(child).is_none_or(|info| info.is_zombie()).then_some(())
    });

    let finished = program.finish(&check).code(1);
    let printed = printed(&check, &finished, &numbers, false);
    let expected = json!(numbers.start + numbers.parent_steps);
    check.json("the counter of the parent", &printed.parent["counter"], &expected);
    check.json("how the child ended", &printed.ended, &json!({"child": child, "ended": {"signal": name}}));
}

#[test]
fn nothing_is_left_behind() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers::random(&spec);
    let check = spec
        .check(READ, format!("{}; the pipe ends when no process has its writing end open", numbers.did()));
    let mut program = numbers.program(&spec).start();
    held_child(&program, &check);
    program.finish(&check).code(0);
    program.leaves_nothing_behind(&check);
}

#[test]
fn no_steps_at_all_are_steps_too() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers { start: spec.number(1..100), parent_steps: 0, child_steps: 0 };
    let check = spec.check(COUNT, numbers.did());
    let finished = numbers.program(&spec).run(&check).code(0);
    let Printed { parent, child, .. } = printed(&check, &finished, &numbers, true);
    check.json("the counter of the parent", &parent["counter"], &json!(numbers.start));
    check.json("the counter of the child", &child.unwrap_or_default()["counter"], &json!(numbers.start));
}

#[test]
fn arguments_that_are_no_numbers_are_bad_input() {
    let spec = support::spec!("06-fork");
    for arguments in [vec![], vec!["1", "2"], vec!["1", "2", "x"], vec!["1", "2", "3", "4"]] {
        let check = spec.check(FORK, format!("ran the program with the arguments {arguments:?}"));
        let finished = spec.program().args(arguments).run(&check).code(2);
        finished.reports_error(&["START PARENT_STEPS CHILD_STEPS"]).stdout_is("nothing", &is_empty());
    }
}
