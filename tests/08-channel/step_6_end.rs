//! Step 6: the end of the child. Disconnect, wait for the child, and say whether all went well.

use super::*;

#[test]
fn a_child_that_replies_to_everything_has_done_well() {
    let spec = support::spec!();
    let count = spec.number(2..6);
    let messages: Vec<Value> = (0..count).map(|_| a_message(&spec)).collect();
    let check = spec.check(format!("wrote {count} lines to the program's stdin, then closed it"));
    let mut program = spec.program().stdin(lines(&messages)).start();
    let finished = program.finish(&check).code(0).reports_no_error();
    count_replies(&check, &finished, count);
    program.leaves_nothing_behind(&check);
}

#[test]
fn a_line_that_is_not_json_is_bad_input() {
    let spec = support::spec!();
    let check = spec.check(
        "ran the program with two good lines and a bad one on stdin, and blank ones between them: step 5 keeps \
         that error in `input`, and step 6 returns it",
    );
    let finished = spec.program().stdin("\n1\n  \n\n2\nthree\n4\n").run(&check);
    let finished = finished.code(2).reports_error(&["message 3"]);
    count_replies(&check, &finished, 2);
}

#[test]
fn a_child_that_sends_more_than_it_is_asked_can_exit() {
    let spec = support::spec!();
    let check = spec.check("ran the program with a child that answers one line, and then sends 1 MB more");
    parent_of(&spec, "answer, and say a lot").stdin("1\n").run(&check).code(0);
}

const OPEN: &str = "a line, and perhaps more to come,";

#[test]
fn the_child_is_waited_for_whatever_has_happened() {
    let spec = support::spec!();
    let (stops, leaves) = ("answer, and stop at the end", "close the channel, and stop");
    let cases = [
        ("1\n", "a line", stops),
        ("1\nthree\n", "a line and a bad one", stops),
        ("1\n", "a line", leaves),
        ("1\n", OPEN, leaves),
    ];
    for (lines, what, role) in cases {
        let how =
            if role == stops { "it is disconnected" } else { "it has closed the channel without a reply" };
        let did =
            format!("ran the program with {what} on stdin, and a child that stops for a while when {how}");
        let check = spec.check(did);
        let mut program = parent_of(&spec, role).start();
        program.write(lines);
        if what != OPEN {
            program.close_stdin();
        }
        let child = stopped_child(&check, &mut program);
        program.rests();
        if !program.is_running() {
            check.fail("a program that waits for its child", "it has ended, and the child runs on");
        }
        let expected = "a program that disconnects its child, which stops then";
        let Some(child) = child else { check.fail(expected, "the child has not stopped") };
        process::signal(child, Signal::SIGCONT);
        program.wait(&check);
        program.leaves_nothing_behind(&check);
    }
}

#[test]
fn a_child_that_leaves_early_has_failed_although_it_answered() {
    let spec = support::spec!();
    let did = "ran the program with a child that answers one message and exits with status 0; \
               the program's stdin stays open, so there could be more messages";
    let check = spec.check(did);
    let mut program = parent_of(&spec, "answer and leave").start();
    program.write("1\n");
    program.json_line(&check);
    ends_with_its_child(&check, &mut program);
    program.finish(&check).code(1).reports_error(&[]);
}

#[test]
fn a_child_that_leaves_before_it_has_answered_has_failed() {
    let spec = support::spec!();
    for role in ["end well", "leave a message unread"] {
        let check = spec.check(format!(
            "ran the program with two lines on stdin, and a child that exits with status 0 without an answer \
             (it plays: {role})"
        ));
        let mut program = parent_of(&spec, role).stdin("1\n2\n").start();
        ends_with_its_child(&check, &mut program);
        program.finish(&check).code(1).reports_error(&[]);
    }
}

#[test]
fn a_child_that_leaves_after_stdin_has_closed_has_failed_if_replies_are_missing() {
    let spec = support::spec!();
    let did = "wrote 2 lines and closed stdin, while the child had stopped; then let the child go on, which exits \
               with status 0 and without an answer";
    let check = spec.check(did);
    let mut program = parent_of(&spec, "stop, then leave").start();
    program.write("1\n2\n");
    let Some(child) = stopped_child(&check, &mut program) else {
        check.fail("a program that starts its child and waits for replies", "there is none")
    };
    close_stdin(&check, &mut program);
    process::signal(child, Signal::SIGCONT);
    ends_with_its_child(&check, &mut program);
    program.finish(&check).code(1).reports_error(&[]);
}

#[test]
fn a_child_that_fails_after_its_replies_is_reported() {
    let spec = support::spec!();
    for (lines, role, how, code, says) in [
        ("1\n2\n", "answer, then fail", "exits with status 3", 1, "error"),
        ("1\n2\n", "answer, then be killed", "is killed by SIGKILL", 1, "error"),
        ("1\n2\nthree\n", "answer, then fail", "exits with status 3", 2, "message 3"),
    ] {
        let did = format!("ran the program with {lines:?} on stdin, and a child that {how} at the end");
        let check = spec.check(did);
        let finished = parent_of(&spec, role).stdin(lines).run(&check);
        count_replies(&check, &finished, 2);
        finished.code(code).reports_error(&[says]);
    }
}

#[test]
fn a_child_that_is_killed_is_seen_and_reaped() {
    let spec = support::spec!();
    let did = "sent two lines to the program, whose child answers only the first one; its stdin stays open";
    let check = spec.check(did);
    let mut program = parent_of(&spec, "answer once").start();
    program.write("1\n2\n");
    let answer = program.json_line(&check);
    let pid = u32::try_from(answer["pid"].as_u64().unwrap_or(0)).unwrap_or(0);
    check.holds("a pid in the reply", pid > 1, pid);
    let did = "killed the child with SIGKILL while the program waits for a reply and its stdin stays open";
    let check = spec.check(did);
    process::signal(pid, Signal::SIGKILL);
    ends_with_its_child(&check, &mut program);
    program.finish(&check).code(1).reports_error(&[]);
    program.leaves_nothing_behind(&check);
}

#[test]
fn a_real_node_child_works() {
    let spec = support::spec!();
    let Some(node) = support::node::node() else { return };
    let check = spec.check("ran the program with a real Node child");
    let message = a_message(&spec);
    let child = support::node_program!("echo.mjs");
    let program = spec.program().arg(node).arg(child).stdin(format!("{message}\n\"two\"\n"));
    let finished = program.run(&check).code(0);
    let first = parse(&check, finished.stdout().lines().next().unwrap_or_default());
    check.json("the message in the first reply", &first["echo"], &message);
    count_replies(&check, &finished, 2);
}
