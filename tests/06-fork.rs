//! The task of lesson 06: a program that copies its own process with fork(2).
//!
//! 1. Copy the process, with nothing waiting in a buffer (look up: `nix::unistd::fork`).
//! 2. On each side: count on, and write one report to the pipe.
//! 3. In the parent: report too, then read both reports to the end of the pipe.
//! 4. Wait for the child, and tell how it ended (look up: `nix::sys::wait::waitpid`).

use support::predicates::str::is_empty;
use support::{Check, Program, Running, Signal, Spec, Value, json, not_utf8, process};

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
        let parent_steps = spec.number(2..50);
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

/// Closes stdin, and looks at what the program has printed at its end. It must end with this exit status: 0 if the
/// child is to report, too.
fn printed(program: &mut Running, check: &Check, numbers: &Numbers, code: i32) -> Printed {
    program.close_stdin();
    // Who does not end waits for the end of the pipe.
    program.wait(&check.about(READ));
    let finished = program.finish(check);
    let came = finished.describe();
    let lines: Vec<Value> = finished
        .stdout()
        .lines()
        .map(|line| line.parse().unwrap_or_else(|_| check.fail("lines of JSON on stdout", &came)))
        .collect();
    let once = |section: &str, expected: &str, is_it: &dyn Fn(&Value) -> bool| {
        let found: Vec<&Value> = lines.iter().filter(|line| is_it(line)).collect();
        check.about(section).holds(&format!("exactly once: {expected}"), found.len() == 1, &came);
        found[0].clone()
    };
    let start = json!({"start": numbers.start});
    once(FORK, &start.to_string(), &|line| *line == start);
    let report_of = |process: &str| {
        once(READ, &format!("the report of the {process}"), &|line| line["process"] == process)
    };
    let parent = report_of("parent");
    let child = (code == 0).then(|| report_of("child"));
    let ended = once(REAP, "how the child ended", &|line| line.get("ended").is_some());
    let count = if child.is_some() { 4 } else { 3 };
    check.holds(&format!("{count} lines on stdout"), lines.len() == count, &came);
    // All else was told, so the exit status follows from how the child ended.
    program.finish(&check.about(REAP)).code(code);
    Printed { parent, child, ended }
}

/// Waits until the program has a child that runs, and gives its pid.
fn held_child(program: &Running, check: &Check) -> u32 {
    check.about(FORK).eventually("a child of the program that waits for the end of stdin", || {
        let children = process::children(program.pid());
        children.iter().find(|child| !child.is_zombie()).map(|child| child.pid)
    })
}

#[test]
fn the_child_is_a_copy_and_not_another_program() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers::random(&spec);
    let check =
        spec.check(FORK, format!("{}; kept stdin open, looked at both, then closed it", numbers.did()));
    let mut program = numbers.program(&spec).start();
    let child = held_child(&program, &check);

    let commands =
        [program.pid(), child].map(|pid| process::info(pid).map(|info| info.command).unwrap_or_default());
    check.equal("the command line of the child", &commands[1], &commands[0]);
    if let (Some(parent), Some(threads)) = (process::threads(program.pid()), process::threads(child)) {
        check.equal("the number of threads in the parent", &parent, &1);
        check.equal("the number of threads in the child", &threads, &1);
    }
    let reports = program.stdout().matches("counter").count();
    check.about(COUNT).equal("the number of reports while stdin is open", &reports, &0);

    let report = printed(&mut program, &check, &numbers, 0).child.unwrap_or_default();
    check.json("the pid in the child's report", &report["pid"], &json!(child));
}

#[test]
fn every_line_is_printed_once() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers::random(&spec);
    let check = spec.check(FORK, format!("{}; stdout is a pipe", numbers.did()));
    let mut program = numbers.program(&spec).start();
    printed(&mut program, &check, &numbers, 0);
    program.finish(&check).reports_no_error();
}

#[test]
fn both_count_on_from_the_same_number_and_neither_sees_the_other() {
    let spec = support::spec!("06-fork");
    for _ in 0..10 {
        let numbers = Numbers::random(&spec);
        let check = spec.check(COUNT, numbers.did());
        let mut program = numbers.program(&spec).start();
        let Printed { parent, child, ended } = printed(&mut program, &check, &numbers, 0);
        let child = child.unwrap_or_default();
        let expected = json!(numbers.start + numbers.parent_steps);
        check.json("the counter of the parent", &parent["counter"], &expected);
        let expected = json!(numbers.start + numbers.child_steps);
        check.json("the counter of the child", &child["counter"], &expected);
        is_copy(&check.about(FORK), &program, &parent, &child);
        let expected = json!({"child": child["pid"], "ended": {"exit": 0}});
        check.about(REAP).json("how the child ended", &ended, &expected);
    }
}

/// Two reports of two processes, one of which is a copy of the other.
fn is_copy(check: &Check, program: &Running, parent: &Value, child: &Value) {
    check.json("the pid of the parent", &parent["pid"], &json!(program.pid()));
    let another = child["pid"].is_u64() && child["pid"] != parent["pid"];
    check.holds("another pid in the child", another, child);
    check.json("the parent of the child", &child["parent"], &parent["pid"]);
    check.json("the address of the child's counter", &child["address"], &parent["address"]);
}

#[test]
fn no_steps_at_all_are_steps_too() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers { start: spec.number(1..100), parent_steps: 0, child_steps: 0 };
    let check = spec.check(COUNT, numbers.did());
    let mut program = numbers.program(&spec).start();
    let Printed { parent, child, .. } = printed(&mut program, &check, &numbers, 0);
    check.json("the counter of the parent", &parent["counter"], &json!(numbers.start));
    check.json("the counter of the child", &child.unwrap_or_default()["counter"], &json!(numbers.start));
}

#[test]
fn nothing_is_left_behind() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers::random(&spec);
    let check = spec
        .check(READ, format!("{}; the pipe ends when no process has its writing end open", numbers.did()));
    let mut program = numbers.program(&spec).start();
    held_child(&program, &check);
    printed(&mut program, &check, &numbers, 0);
    program.leaves_nothing_behind(&check);
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

    let printed = printed(&mut program, &check, &numbers, 1);
    let expected = json!(numbers.start + numbers.parent_steps);
    check.about(COUNT).json("the counter of the parent", &printed.parent["counter"], &expected);
    check.json("how the child ended", &printed.ended, &json!({"child": child, "ended": {"signal": name}}));
}

#[test]
fn lines_that_cannot_be_printed_are_an_error() {
    let spec = support::spec!("06-fork");
    let numbers = Numbers::random(&spec);
    spec.cannot_print(FORK, &numbers.did(), &[], || numbers.program(&spec));
}

#[test]
fn arguments_that_are_no_numbers_are_bad_input() {
    let spec = support::spec!("06-fork");
    let texts = [vec![], vec!["1", "2"], vec!["1", "2", "x"], vec!["1", "2", "3", "4"]];
    let mut all = texts.map(|texts| texts.into_iter().map(Into::into).collect()).to_vec();
    all.push(vec!["1".into(), "2".into(), not_utf8("3", "")]);
    for arguments in all {
        let check = spec.check(FORK, format!("ran the program with the arguments {arguments:?}"));
        let finished = spec.program().args(arguments).run(&check).code(2);
        finished.reports_error(&["START PARENT_STEPS CHILD_STEPS"]).stdout_is("nothing", &is_empty());
    }
}
