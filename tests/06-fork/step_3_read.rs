//! Step 3: the parent closes its write end, reads the reports to end of file, and prints each. How the child ended is a matter
//! of step 4.

use super::*;

/// What the program has printed at its end. `None` where step 4 answers for that: the parent has waited for its child, and
/// then does not end, or exits there, so that what it has printed is lost in its buffer.
fn after_reading(program: &mut Running, check: &Check, child: u32) -> Option<Finished> {
    match come_to_end(program, check) {
        Ok(finished) => {
            let (stdout, stderr) = (finished.stdout(), finished.stderr());
            let says_why =
                stdout.contains("\"ended\"") || ["error: ", "panicked"].iter().any(|it| stderr.contains(it));
            says_why.then_some(finished)
        }
        Err(does) => {
            check.holds("the program ends", process::info(child).is_none(), does);
            None
        }
    }
}

#[test]
fn both_reports_are_printed_and_neither_process_sees_the_others_steps() {
    let spec = support::spec!();
    let none = Numbers { start: spec.number(1..100), parent_steps: 0, child_steps: 0 };
    for numbers in (0..5).map(|_| Numbers::random(&spec)).chain([none]) {
        let check = spec.early_check(numbers.did());
        let mut program = numbers.program(&spec).start();
        let pid = copy_of(&program, &check);
        let Some(finished) = after_reading(&mut program, &check, pid) else { return };
        let [parent, child] = ["parent", "child"].map(|process| report_of(&check, &finished, process));
        let Numbers { start, parent_steps, child_steps } = numbers;
        check.json("the counter of the parent", &parent["counter"], &json!(start + parent_steps));
        check.json("the counter of the child", &child["counter"], &json!(start + child_steps));
        check.json("the pid of the parent", &parent["pid"], &json!(program.pid()));
        check.json("the pid of the child", &child["pid"], &json!(pid));
        check.json("the address of the child's counter", &child["address"], &parent["address"]);
        let is_report = |line: &Value| line.get("process").is_some();
        let mut after_end =
            printed(&check, &finished).into_iter().skip_while(|line| line.get("ended").is_none());
        let expected = "both reports before the line that says how the child ended";
        check.holds(expected, !after_end.any(|line| is_report(&line)), finished.describe());
    }
}

#[test]
fn a_child_that_dies_does_not_keep_the_parent_from_reporting() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let did = "stopped the child before it counted, closed stdin, and killed the child";
    let check = spec.early_check(format!("{}; {did}", numbers.did()));
    let mut program = numbers.program(&spec).start();
    let child = copy_of(&program, &check);
    support::pause(&check, child);
    program.close_stdin();
    program.rests();
    let waits_for = process::waiting_in(program.pid()).unwrap_or_default();
    process::signal(child, Signal::SIGKILL);
    wait_for_end_of(&check, child);
    let Some(finished) = after_reading(&mut program, &check, child) else { return };
    // Who waits for the child before it reads can be right, but not who waits twice.
    let waits_twice = waits_for.contains("a child to end") && finished.stderr().contains("error: ");
    let expected = "a parent that reads to end of file, and leaves it to `reap` to wait for the child";
    check.holds(
        expected,
        !waits_twice,
        format!("it waits for the child first, and then\n{}", finished.stderr()),
    );
    report_of(&check, &finished, "parent");
    let others = printed(&check, &finished).iter().filter(|line| line["process"] == "child").count();
    check.equal("the number of reports of the child", &others, &0);
}
