//! Step 4: wait for the child with waitpid(2), and tell how it ended.

use super::*;

#[test]
fn the_last_line_says_how_the_child_ended() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let check = spec.check(numbers.did());
    let mut program = numbers.program(&spec).start();
    let finished = finish(&mut program, &check).code(0).reports_no_error();
    program.leaves_nothing_behind(&check);
    let child = &report_of(&check, &finished, "child")["pid"];
    let expected = json!({"child": child, "ended": {"exit": 0}});
    check.json("how the child ended", &end_of_child(&check, &finished), &expected);
    let lines = printed(&check, &finished).len();
    check.holds("4 lines on stdout", lines == 4, finished.describe());
}

#[test]
fn the_parent_survives_the_death_of_the_child() {
    let spec = support::spec!();
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGABRT] {
        let numbers = Numbers::random(&spec);
        let did = format!("{}; killed the child with {signal} before it counted", numbers.did());
        let check = spec.check(did);
        let mut program = numbers.program(&spec).start();
        let child = copy_of(&program, &check);
        process::signal(child, signal);
        wait_for_end_of(&check, child);
        let finished = finish(&mut program, &check).code(1);
        let expected = json!({"child": child, "ended": {"signal": signal.as_str()}});
        check.json("how the child ended", &end_of_child(&check, &finished), &expected);
        let lines = printed(&check, &finished).len();
        check.holds("3 lines on stdout", lines == 3, finished.describe());
    }
}

#[test]
fn a_child_that_is_stopped_has_not_ended() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let did = format!("{}; stopped the child before it counted, and closed stdin", numbers.did());
    let check = spec.check(did);
    let mut program = numbers.program(&spec).start();
    let child = copy_of(&program, &check);
    support::pause(&check, child);
    program.close_stdin();
    program.sleeps(&check, "its child has not ended");
    support::resume(&check, child);
    let finished = finish(&mut program, &check).code(0);
    report_of(&check, &finished, "child");
    let expected = json!({"child": child, "ended": {"exit": 0}});
    check.json("how the child ended", &end_of_child(&check, &finished), &expected);
}

#[test]
fn an_error_of_waitpid_is_reported() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    // See wait(2).
    let did = "while SIGCHLD is ignored: then the kernel keeps no note of a child that has exited, and waitpid fails";
    let check = spec.check(format!("{} {did}", numbers.did()));
    let mut program = numbers.program(&spec).ignoring_sigchld().start();
    finish(&mut program, &check).code(1).reports_error(&[]);
}
