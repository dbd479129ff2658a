//! The task of lesson NN: a program that adds the numbers on its stdin.
//!
//! 1. Read one number from each line of stdin.
//! 2. Add them.
//! 3. Print the sum on stdout.

const READ: &str = "1. Read the numbers";
const ADD: &str = "2. Add them";
const PRINT: &str = "3. Print the sum";

#[test]
fn what_is_not_a_number_is_bad_input() {
    let spec = support::spec!("NN-name");
    let word = spec.word();
    let check = spec.check(READ, format!("ran the program with the lines 1 and {word} on stdin"));
    spec.program().stdin(format!("1\n{word}\n")).run(&check).reports_error(&[&word]).code(2);
}

#[test]
fn the_numbers_are_added() {
    let spec = support::spec!("NN-name");
    let (one, two) = (spec.number(1..100), spec.number(1..100));
    let check = spec.check(ADD, format!("ran the program with the lines {one} and {two} on stdin"));
    let finished = spec.program().stdin(format!("{one}\n{two}\n")).run(&check).about(PRINT).code(0);
    let printed = finished.stdout();
    check.about(PRINT).equal("the number of lines on stdout", &printed.lines().count(), &1);
    check.equal("the sum on stdout", printed.trim_end(), &(one + two).to_string());
}
