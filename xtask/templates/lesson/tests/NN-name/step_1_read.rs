//! Step 1: read one number from each line of stdin.

use super::*;

#[test]
fn what_is_not_a_number_is_bad_input() {
    let spec = support::spec!();
    let word = spec.word();
    let check = spec.check(format!("ran the program with the lines 1 and {word} on stdin"));
    run(&spec, &check, &["1", &word]).reports_error(&[&word]).code(2);
}
