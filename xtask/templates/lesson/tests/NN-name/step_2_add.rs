//! Step 2: add the numbers.

use super::*;

#[test]
fn the_numbers_are_added() {
    let spec = support::spec!();
    let [one, two] = [0, 1].map(|_| spec.number(1..100));
    let check = spec.early_check(format!("ran the program with the lines {one} and {two} on stdin"));
    let finished = run(&spec, &check, &[&one.to_string(), &two.to_string()]);
    // Where the sum is printed is a matter of step 3.
    check.as_far_as_written(|| {
        let printed = finished.code(0).stdout();
        let sum = printed.trim().parse().unwrap_or(one + two);
        check.equal("the sum", &sum, &(one + two));
    });
}
