//! Step 1: parse the first line as a number. What is not a number ends the program with exit status 2, and one line on stderr
//! shows the line and says why.

use super::*;

#[test]
fn a_number_is_parsed() {
    let spec = support::spec!();
    let number = spec.number(2..10).to_string();
    for first in [number.clone(), format!("  {number} "), format!("{number}\r")] {
        let check = spec.early_check(format!("ran the program with {first:?} as the first line of stdin"));
        let finished = run(&spec, &check, &format!("{first}\na word\n"));
        let is_refused = finished.status().code() == Some(2);
        check.holds("a number that is parsed", !is_refused, finished.describe());
    }
}

#[test]
fn what_is_not_a_number_is_an_error_that_says_why() {
    let spec = support::spec!();
    let word = spec.word();
    for (first, why) in [
        (&*word, "invalid digit"),
        ("-3", "invalid digit"),
        ("2.5", "invalid digit"),
        ("99999999999999999999999", "too large"),
        ("", "empty string"),
    ] {
        let check = spec.early_check(format!("ran the program with {first:?} as the first line of stdin"));
        let finished = run(&spec, &check, &format!("{first}\nsome words\n")).code(2);
        finished.reports_error(&[first, why]).stdout_is("nothing", &is_empty());
    }
}
