//! Lesson NN: to be written, the idea in one line.
//!
//! Reads numbers from stdin, one from each line, and prints their sum.
//! New here: to be written. The chapter is book/src/NN-name.md.

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match read_numbers().and_then(|numbers| print_sum(add(&numbers))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

// ANCHOR: read
fn read_numbers() -> Result<Vec<u64>, String> {
    // ANCHOR: step_1 todo!("1: read one number from each line of stdin")
    let text = io::read_to_string(io::stdin()).map_err(|error| format!("cannot read stdin: {error}"))?;
    let number = |line: &str| line.parse().map_err(|error| format!("{line:?} is not a number: {error}"));
    text.lines().map(number).collect()
    // ANCHOR_END: step_1
}
// ANCHOR_END: read

// ANCHOR: add
fn add(numbers: &[u64]) -> u64 {
    // ANCHOR: step_2 todo!("2: add the numbers")
    numbers.iter().sum()
    // ANCHOR_END: step_2
}
// ANCHOR_END: add

// ANCHOR: print
fn print_sum(sum: u64) -> Result<(), String> {
    // ANCHOR: step_3 todo!("3: print the sum on stdout")
    writeln!(io::stdout(), "{sum}").map_err(|error| format!("cannot print the sum: {error}"))
    // ANCHOR_END: step_3
}
// ANCHOR_END: print
