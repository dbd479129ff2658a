//! Step 3: print the sum on stdout.

use super::*;

#[test]
fn the_sum_is_the_one_line_on_stdout() {
    let spec = support::spec!();
    let check = spec.check("ran the program with the lines 3 and 4 on stdin");
    let printed = run(&spec, &check, &["3", "4"]).code(0).stdout();
    check.equal("stdout", printed.as_str(), "7\n");
}
