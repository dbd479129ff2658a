//! Step 1: copy the process with fork(2), with nothing waiting in the buffer of stdout. Both processes wait for end of file on
//! stdin, and so they can be looked at.

use super::*;

#[test]
fn the_child_is_a_copy_and_not_another_program() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let check = spec.early_check(format!("{}; kept stdin open, and looked at both", numbers.did()));
    let program = numbers.program(&spec).start();
    let child = copy_of(&program, &check);

    let command = process::info(child).map(|info| info.command).unwrap_or_default();
    let expected = [spec.program_path().display().to_string(), numbers.arguments().join(" ")].join(" ");
    check.equal("the command line of the child", &command, &expected);
    for (who, pid) in [("parent", program.pid()), ("child", child)] {
        let threads = process::threads(pid).filter(|count| *count > 0);
        check.equal(&format!("the number of threads in the {who}"), &threads.unwrap_or(1), &1);
    }
    let parent = process::info(child).map(|info| info.parent);
    check.equal("the parent of the child", &parent, &Some(program.pid()));
    // The arm `Child` has dropped the reader. Where the system does not tell, both numbers are 0.
    let ends = |pid| {
        let all = process::descriptors(pid).unwrap_or_default();
        all.iter().filter(|(number, target)| *number > 2 && target.starts_with("pipe:")).count()
    };
    check.holds(
        "a child that has no more ends of the pipe open than the parent",
        ends(child) <= ends(program.pid()),
        "the child has both ends open, and the parent one: each runs the other's arm of the `match`",
    );
}

#[test]
fn nothing_waits_in_the_buffer_when_the_process_is_copied() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let check = spec.early_check(format!("{}; stdout is a pipe, and stdin stays open", numbers.did()));
    let mut program = numbers.program(&spec).start();
    let child = copy_of(&program, &check);
    let start = json!({"start": numbers.start});
    let expected =
        format!("{start} on stdout when the process is copied, since no copy of it may wait in a buffer");
    check.eventually(&expected, || (!program.stdout().is_empty()).then_some(()));
    let only_start = program.stdout().parse().ok().as_ref() == Some(&start);
    check.holds(
        &format!("exactly once on stdout, and nothing else by now: {start}"),
        only_start,
        program.stdout(),
    );

    program.close_stdin();
    // How both end is a matter of later steps. A child that has ended has printed all that was in its buffer.
    let _ = ends(&check, child);
    program.signal_group(Signal::SIGKILL);
    let finished = program.finish(&check);
    // What else is printed, and how, is a matter of later steps, too.
    let times = finished.stdout().lines().filter(|line| line.parse().ok().as_ref() == Some(&start)).count();
    check.holds(&format!("exactly once: {start}"), times == 1, finished.describe());
}

#[test]
fn lines_that_cannot_be_printed_are_an_error() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    spec.cannot_print(&numbers.did(), &[], || numbers.program(&spec));
}

#[test]
fn arguments_that_are_not_numbers_are_bad_input() {
    let spec = support::spec!();
    let texts = [vec![], vec!["1", "2"], vec!["1", "2", "x"], vec!["1", "2", "3", "4"]];
    let mut all = texts.map(|texts| texts.into_iter().map(Into::into).collect()).to_vec();
    all.push(vec!["1".into(), "2".into(), not_utf8("3", "")]);
    for arguments in all {
        let check = spec.check(format!("ran the program with the arguments {arguments:?}"));
        let finished = spec.program().args(arguments).run(&check).code(2);
        finished.reports_error(&["START PARENT_STEPS CHILD_STEPS"]).stdout_is("nothing", &is_empty());
    }
}
