//! Step 5: send and receive at the same time, in one loop around `tokio::select!`. It is over when stdin is at end of file
//! and each message has its reply, or when the child is gone.

use super::*;

#[test]
fn the_parent_forks_itself_sends_each_line_and_prints_each_reply() {
    let spec = support::spec!();
    let count = spec.number(2..6);
    let messages: Vec<Value> = (0..count).map(|_| a_message(&spec)).collect();
    let did = format!("wrote {count} lines to the program's stdin, which stays open");
    let check = spec.early_check(did);
    let mut program = spec.program().start();
    program.write(lines(&messages));
    let mut pids = Vec::new();
    for message in &messages {
        let answer = program.json_line(&check);
        check.json("the message in the reply", &answer["echo"], message);
        pids.push(u32::try_from(answer["pid"].as_u64().unwrap_or(0)).unwrap_or(0));
    }
    program.sleeps(&check, "each message is answered and its stdin is open");
    check.holds("a program that goes on while its stdin is open", program.is_running(), "it has ended");
    pids.dedup();
    check.equal("the number of different pids in the replies", &pids.len(), &1);
    check.holds("another pid than the parent's", pids[0] != program.pid(), pids[0]);
    let parent = process::info(pids[0]).map(|info| info.parent);
    check.json("the parent of the process that answered", &json!(parent), &json!(program.pid()));
}

#[test]
fn messages_are_sent_before_the_first_reply_comes() {
    let spec = support::spec!();
    let check = spec.early_check("sent 3 lines to a child that answers when it has all of them");
    let mut program = parent_of(&spec, "answer when all are there").start();
    program.write("1\n2\n3\n");
    for message in 1..=3 {
        check.json("the message in the reply", &program.json_line(&check)["echo"], &json!(message));
    }
}

#[test]
fn replies_that_come_after_stdin_has_closed_are_printed_before_it_exits() {
    let spec = support::spec!();
    for (lines, what) in [("1\n2\n", "2 lines"), ("1\n2\nthree\n", "2 lines and one that isn't JSON")] {
        let check = spec.early_check(format!(
            "wrote {what} and closed stdin, while the child had stopped; then let the child answer"
        ));
        let mut program = parent_of(&spec, "stop, answer two, stop, and say more").start();
        program.write(lines);
        let Some(child) = stopped_child(&check, &mut program) else {
            check.fail("a program that starts its child and waits for replies", "there is none")
        };
        let seen = close_stdin(&check, &mut program);
        let expected = "a program that reads its stdin to the end, and then waits for the replies";
        check.holds(expected, seen, "it doesn't");
        process::signal(child, Signal::SIGCONT);
        for message in 1..=2 {
            check.json("the message in the reply", &program.json_line(&check)["echo"], &json!(message));
        }
        // Without a child that has stopped, the program has left its loop, and has ended.
        let Some(child) = stopped_child(&check, &mut program) else { continue };
        program.rests();
        process::signal(child, Signal::SIGCONT);
        check.comes(|| (!program.logged(SAID_MORE).is_empty() || !program.is_running()).then_some(()));
        program.rests();
        let expected = "a loop that is over when stdin is at its end and each message is answered";
        let is_over = program.stdout().lines().count() == 2;
        check.holds(expected, is_over, format!("it goes on, and prints one more:\n{}", program.stdout()));
    }
}

#[test]
fn both_sides_may_write_a_lot_before_they_read() {
    let spec = support::spec!();
    let size = spec.number(1_000_000..1_500_000);
    let line = format!("\"{}\"\n", "x".repeat(size));
    let did = format!("sent 2 lines of {size} bytes to a child that writes 1 MB before it reads");
    let check = spec.early_check(did);
    let mut program = parent_of(&spec, "write before reading").start();
    program.write_all_then_close(line.repeat(2).into_bytes());
    for _ in 0..2 {
        program.line(&check);
    }
}

#[test]
fn the_death_of_the_child_is_noticed() {
    let spec = support::spec!();
    for (role, code) in [("end", 3), ("end well", 0)] {
        let did = format!(
            "ran the program with a child that exits with status {code} instead of answering; \
             the program's stdin stays open"
        );
        let check = spec.early_check(did);
        let mut program = parent_of(&spec, role).start();
        program.write("1\n");
        check.as_far_as_written(|| {
            ends_with_its_child(&check, &mut program);
            let finished = program.finish(&check);
            check.holds("a program that leaves its loop", !is_unwritten(&finished), finished.describe());
        });
    }
}

#[test]
fn only_the_loop_is_left_when_the_child_is_gone() {
    let spec = support::spec!();
    let did =
        "ran the program with a child that closes the channel and runs on; the program's stdin stays open";
    let check = spec.early_check(did);
    let mut program = parent_of(&spec, "close the channel, and stop").start();
    program.write("1\n");
    check.as_far_as_written(|| {
        stopped_child(&check, &mut program);
        program.rests();
        // Whether it waits for the child, and what it reports, is the matter of step 6.
        if !program.is_running() && check.comes(|| program.logged("error: ").pop()).is_none() {
            check.fail("a program that leaves its loop, and goes on with step 6", "it ends there, silently");
        }
    });
}

#[test]
fn a_reply_that_is_not_json_is_reported() {
    let spec = support::spec!();
    let check = spec.early_check("ran the program with a child that answers junk");
    let finished = parent_of(&spec, "answer junk").stdin("1\n").run(&check);
    finished.reports_error(&["unexpected message: "]).code(2);
}
