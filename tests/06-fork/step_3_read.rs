//! Step 3: the parent counts and reports as the child does, then reads the reports to the end of the pipe, and prints each.
//! How the child ended is a matter of step 4.

use super::*;

#[test]
fn both_keep_counting_from_the_same_number_and_neither_sees_the_other() {
    let spec = support::spec!();
    let none = Numbers { start: spec.number(1..100), parent_steps: 0, child_steps: 0 };
    for numbers in (0..5).map(|_| Numbers::random(&spec)).chain([none]) {
        let check = spec.early_check(numbers.did());
        let mut program = numbers.program(&spec).start();
        let finished = program.finish(&check);
        let [parent, child] = ["parent", "child"].map(|process| report_of(&check, &finished, process));
        let expected = json!(numbers.start + numbers.parent_steps);
        check.json("the counter of the parent", &parent["counter"], &expected);
        let expected = json!(numbers.start + numbers.child_steps);
        check.json("the counter of the child", &child["counter"], &expected);
        check.json("the pid of the parent", &parent["pid"], &json!(program.pid()));
        let another = child["pid"].is_u64() && child["pid"] != parent["pid"];
        check.holds("another pid in the child", another, &child);
        check.json("the address of the child's counter", &child["address"], &parent["address"]);
    }
}

#[test]
fn a_child_that_dies_does_not_keep_the_parent_from_reporting() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let check = spec.early_check(format!("{}; killed the child before it counted", numbers.did()));
    let mut program = numbers.program(&spec).start();
    let child = copy_of(&program, &check);
    process::signal(child, Signal::SIGKILL);
    wait_for_end_of(&check, child);
    let finished = program.finish(&check);
    let expected = json!(numbers.start + numbers.parent_steps);
    check.json("the counter of the parent", &report_of(&check, &finished, "parent")["counter"], &expected);
    let others = printed(&check, &finished).iter().filter(|line| line["process"] == "child").count();
    check.equal("the number of reports of the child", &others, &0);
}

#[test]
fn nothing_is_left_behind() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let check = spec.early_check(format!(
        "{}; the pipe reaches end of file when no process has its write end open",
        numbers.did()
    ));
    let mut program = numbers.program(&spec).start();
    copy_of(&program, &check);
    program.close_stdin();
    program.leaves_nothing_behind(&check);
    report_of(&check, &program.finish(&check), "parent");
}
