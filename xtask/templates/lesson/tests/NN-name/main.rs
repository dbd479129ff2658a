//! The spec of lesson NN: a program that adds the numbers on its stdin.

mod step_1_read;
mod step_2_add;
mod step_3_print;

use support::{Check, Finished, Spec};

/// Runs the program with these lines on its stdin.
fn run(spec: &Spec, check: &Check, lines: &[&str]) -> Finished {
    spec.program().stdin(lines.join("\n") + "\n").run(check)
}
