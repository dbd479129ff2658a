//! The spec of lesson 00: a program that keeps, sorts and counts words.

mod step_1_parse;
mod step_2_keep;
mod step_3_sort;
mod step_4_count;

use std::fmt::Debug;
use support::predicates::str::is_empty;
use support::{Check, Finished, Spec};

/// Runs the program with this on its stdin.
fn run(spec: &Spec, check: &Check, stdin: &str) -> Finished {
    spec.program().stdin(stdin).run(check)
}

/// A line of the program's stderr, `ThreadId(N) what ["word", …]`, as its thread and its words.
fn noted(check: &Check, finished: &Finished, what: &str) -> (String, String) {
    let said = finished.stderr();
    let words = format!(" {what} [");
    let line = said.lines().find_map(|line| line.split_once(&words));
    let (thread, list) = line.unwrap_or_else(|| {
        let expected = format!("a line on stderr that says which thread {what} which words");
        check.fail(&expected, &finished.describe())
    });
    (thread.to_owned(), format!("[{list}"))
}

/// The thread that has done `what` must be another one than those that have done the `others`.
fn has_its_own_thread(check: &Check, finished: &Finished, what: &str, others: &[&str]) {
    let (own, _) = noted(check, finished, what);
    for other in others {
        let (thread, _) = noted(check, finished, other);
        let expected = format!("a thread that {what} the words, and another one that {other} them");
        check.holds(&expected, own != thread, format!("{own} does both\nstderr: {}", finished.stderr()));
    }
}

/// A list as a line of stderr shows it must have these words.
fn is_list(check: &Check, what: &str, list: &str, expected: &[impl Debug]) {
    check.holds(&format!("{what} is {expected:?}"), list == format!("{expected:?}"), list);
}
