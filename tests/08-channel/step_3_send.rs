//! Step 3: send. A message is one JSON document and one newline, and all of it is written. Where the parent has gone,
//! `send` says so in an error that many callers don't mind.

use super::*;

#[test]
fn the_child_replies_to_each_message_with_its_pid() {
    let spec = support::spec!();
    let check = spec.check("forked the program with the argument `child` and sent messages");
    let (mut program, mut channel) = forked_child(&spec);
    for message in [a_message(&spec), json!("text"), json!(5), json!(null), json!([]), a_message(&spec)] {
        channel.send(&check, &message);
        replies(&check, &program, &mut channel, &message);
    }
    let check = spec.check("disconnected; the child's stdin stays open");
    channel.disconnect();
    program.wait(&check);
    program.finish(&check).code(0);
    program.leaves_nothing_behind(&check);
}

#[test]
fn large_messages_pass_both_ways_while_more_come() {
    let spec = support::spec!();
    let (program, mut channel) = forked_child(&spec);
    let text = spec.word().repeat(spec.number(300_000..400_000));
    let message = json!({"text": text});
    let check = spec.check(format!("sent three messages of {} bytes", text.len()));
    for _ in 0..3 {
        channel.send(&check, &message);
    }
    for _ in 0..3 {
        let came = channel.recv(&check);
        let expected = "a reply with the pid and the whole message";
        check.holds(expected, came == answer(&program, &message), came);
    }
}

#[test]
fn messages_ahead_of_what_is_not_json_are_answered() {
    let spec = support::spec!();
    let (mut program, mut channel) = forked_child(&spec);
    let check = spec.check("sent a message and what isn't JSON in one write");
    channel.send_bytes(&check, b"\"before\"\njunk\n");
    replies(&check, &program, &mut channel, &json!("before"));
    channel.ends(&check);
    program.finish(&check).reports_error(&[]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_parent_that_does_not_want_the_reply_is_not_a_failure() {
    let spec = support::spec!();
    let did = "sent a message to `child` and disconnected without reading the reply";
    let check = spec.check(did);
    let (mut program, mut channel) = forked_child(&spec);
    channel.stop_reading();
    channel.send(&check, &a_message(&spec));
    program.wait(&check);
    program.finish(&check).code(0).stderr_is("nothing", &is_empty());
}

#[test]
fn a_real_node_parent_works() {
    let spec = support::spec!();
    let Some(node) = support::node::node() else { return };
    let check = spec.check("let real Node fork the program");
    let parent = support::node_program!("parent.mjs");
    let word = spec.word();
    let program = spec.other_program(node, "node").arg(parent).arg(spec.program_path()).arg(&word);
    let finished = program.run(&check).code(0);
    finished.stdout_is("the reply, then how the child ended", &contains(&word).and(contains("exit 0")));
}
