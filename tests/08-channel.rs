//! The task of lesson 08: Node's `fork`, `send`, `on('message')` and `disconnect`, on a socket pair.
//!
//! 1. Take the channel that the parent announced, in the child.
//! 2. Receive: read up to the next newline, and know the end of the channel.
//! 3. Send: one JSON document, one newline, one write.
//! 4. Fork: make a socket pair, tell the child the number of its end, close that end here.
//! 5. The parent: send and receive at once (look up: `tokio::select!`).
//! 6. The parent: disconnect, wait for the child, and say whether all went well.

use support::ipc::{Channel, Child, test_as_child};
use support::predicates::prelude::*;
use support::predicates::str::{contains, is_empty};
use support::{Check, Finished, Running, Signal, Spec, Value, json, process};

const TAKE: &str = "1. Take the channel";
const RECEIVE: &str = "2. Receive";
const SEND: &str = "3. Send";
const FORK: &str = "4. Fork";
const TALK: &str = "5. Send and receive at once";
const END: &str = "6. The end of the child";

/// The test that plays the child; see the end of this file.
const PLAYS_THE_CHILD: &str = "a_child_of_the_spec";

/// The program as a child of the spec.
fn forked_child(spec: &Spec) -> (Running, Channel) {
    spec.program().arg("child").fork()
}

/// The program as the parent of a child that the spec plays, in the given role.
fn parent_of(spec: &Spec, role: &str) -> support::Program {
    spec.program().args(test_as_child(PLAYS_THE_CHILD)).env("SPEC_ROLE", role)
}

/// What the child answers to `message`.
fn answer(program: &Running, message: &Value) -> Value {
    json!({"pid": program.pid(), "echo": message})
}

/// The next reply must be that to `message`.
fn replies(check: &Check, program: &Running, channel: &mut Channel, message: &Value) {
    check.json("the reply", &channel.recv(check), &answer(program, message));
}

fn a_message(spec: &Spec) -> Value {
    json!({spec.word(): spec.number(0..1000), "text": "Grüße 📨 \"quoted\" \\ \n \u{2028}", "list": [null, true, 1.5]})
}

fn lines(messages: &[Value]) -> String {
    messages.iter().map(|message| format!("{message}\n")).collect()
}

fn parse(check: &Check, text: &str) -> Value {
    text.parse().unwrap_or_else(|error| check.fail("a JSON document", &format!("{text}\n({error})")))
}

// The child's side

#[test]
fn the_child_answers_each_message_with_its_pid() {
    let spec = support::spec!("08-channel");
    let check = spec.check(SEND, "forked the program with the argument `child` and sent messages");
    let (mut program, mut channel) = forked_child(&spec);
    for message in [a_message(&spec), json!("text"), json!(5), json!(null), json!([]), a_message(&spec)] {
        channel.send(&check, &message);
        replies(&check, &program, &mut channel, &message);
    }
    let check = spec.check(RECEIVE, "disconnected; the child's stdin stays open");
    channel.disconnect();
    program.wait(&check);
    program.finish(&check).code(0);
    program.leaves_nothing_behind(&check);
}

#[test]
fn frames_may_be_cut_anywhere_and_joined() {
    let spec = support::spec!("08-channel");
    let (program, mut channel) = forked_child(&spec);
    let message = json!({"s": "ü📨", "n": spec.number(10..99)});
    let bytes = format!("{message}\n").into_bytes();
    for cut in 1..bytes.len() {
        let check = spec.check(RECEIVE, format!("sent one message in two writes, cut after byte {cut}"));
        channel.send_bytes(&check, &bytes[..cut]);
        // Otherwise one read could bring both halves.
        channel.wait_read(&check);
        channel.send_bytes(&check, &bytes[cut..]);
        replies(&check, &program, &mut channel, &message);
    }
    // Another child, so that a report counts the replies to these messages alone.
    let (program, mut channel) = forked_child(&spec);
    let count = spec.number(50..80);
    let check = spec.check(RECEIVE, format!("sent {count} messages and half of another one in one write"));
    let joined: Vec<Value> = (0..count).map(|number| json!({"n": number})).collect();
    channel.send_bytes(&check, (lines(&joined) + "{\"half\":").as_bytes());
    joined.iter().for_each(|message| replies(&check, &program, &mut channel, message));
    channel.stays_silent(&check, "the last message is only half there");
    channel.send_bytes(&check, b"1}\n");
    replies(&check, &program, &mut channel, &json!({"half": 1}));
}

#[test]
fn large_messages_pass_both_ways_while_more_come() {
    let spec = support::spec!("08-channel");
    let (program, mut channel) = forked_child(&spec);
    let text = spec.word().repeat(spec.number(300_000..400_000));
    let message = json!({"text": text});
    let check = spec.check(RECEIVE, format!("sent three messages of {} bytes", text.len()));
    for _ in 0..3 {
        channel.send(&check, &message);
    }
    let check = check.about(SEND);
    for _ in 0..3 {
        let came = channel.recv(&check);
        let expected = "a reply with the pid and the whole message";
        check.holds(expected, came == answer(&program, &message), came);
    }
}

#[test]
fn the_end_of_the_channel_is_the_end_of_the_child() {
    let spec = support::spec!("08-channel");
    let check =
        spec.check(RECEIVE, "forked `child` and disconnected without a message; its stdin stays open");
    let (mut program, mut channel) = forked_child(&spec);
    channel.disconnect();
    program.wait(&check);
    program.finish(&check).code(0).stderr_is("nothing", &is_empty());
}

#[test]
fn what_is_not_json_closes_the_channel() {
    let spec = support::spec!("08-channel");
    for (what, junk) in [("junk", "{\"a\":1, junk}\n"), ("an empty line", "\n"), ("two documents", "1 2\n")] {
        let (mut program, mut channel) = forked_child(&spec);
        let check = spec.check(RECEIVE, format!("sent {what} as a message, and another message behind it"));
        channel.send_bytes(&check, format!("{junk}\"after\"\n").as_bytes());
        channel.ends(&check);
        fails(&check, program.finish(&check));
    }
}

fn count_replies(check: &Check, finished: &Finished, count: usize) {
    check.equal("the number of replies on stdout", &finished.stdout().lines().count(), &count);
}

/// It must say why, and its exit status must not be 0.
fn fails(check: &Check, finished: Finished) {
    let finished = finished.reports_error(&[]);
    check.holds("an exit status that is not 0", finished.status().code() != Some(0), finished.status());
}

#[test]
fn messages_ahead_of_what_is_not_json_are_answered() {
    let spec = support::spec!("08-channel");
    let (mut program, mut channel) = forked_child(&spec);
    let check = spec.check(RECEIVE, "sent a message and what isn't JSON in one write");
    channel.send_bytes(&check, b"\"before\"\njunk\n");
    replies(&check, &program, &mut channel, &json!("before"));
    channel.ends(&check);
    program.finish(&check).reports_error(&[]);
}

#[test]
fn a_message_that_is_cut_off_is_reported() {
    let spec = support::spec!("08-channel");
    for half in ["{\"half\"", "12"] {
        let (mut program, mut channel) = forked_child(&spec);
        let did = format!("sent {half} without a newline, then disconnected: that is half a message");
        let check = spec.check(RECEIVE, did);
        channel.send_bytes(&check, half.as_bytes());
        channel.disconnect();
        fails(&check, program.finish(&check));
    }
}

#[test]
fn without_a_usable_channel_the_child_says_so() {
    let spec = support::spec!("08-channel");
    let forked = |check: &Check, program: support::Program| {
        let program = program.arg("child").env("NODE_CHANNEL_SERIALIZATION_MODE", "json");
        program.run(check).code(2).reports_error(&["NODE_CHANNEL_FD"]);
    };
    forked(&spec.check(TAKE, "ran `child` without NODE_CHANNEL_FD"), spec.program());
    let bad = [
        ("", "which counts as not set"),
        ("three", "which is no number"),
        ("-1", "which no descriptor has"),
        ("1", "which is a pipe: the program's stdout"),
        ("900", "which is not open"),
    ];
    for (number, why) in bad {
        let check = spec.check(TAKE, format!("ran `child` with NODE_CHANNEL_FD={number:?}, {why}"));
        forked(&check, spec.program().env("NODE_CHANNEL_FD", number));
    }
    let did = "forked `child` with NODE_CHANNEL_SERIALIZATION_MODE=advanced, which must be refused";
    let check = spec.check(TAKE, did);
    let program = spec.program().arg("child");
    let (mut program, mut channel) = program.fork_with_mode("advanced");
    channel.ends(&check);
    program.finish(&check).code(2).reports_error(&["advanced"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_parent_that_does_not_want_the_reply_is_no_failure() {
    let spec = support::spec!("08-channel");
    let did = "sent a message to `child` and disconnected without reading the reply";
    let check = spec.check(SEND, did);
    let (mut program, mut channel) = forked_child(&spec);
    channel.stop_reading();
    channel.send(&check, &a_message(&spec));
    program.wait(&check);
    program.finish(&check).code(0).stderr_is("nothing", &is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_keeps_the_channel_to_itself() {
    let spec = support::spec!("08-channel");
    let (program, mut channel) = forked_child(&spec);
    let check = spec.check(TAKE, "forked `child` and looked at its descriptors");
    channel.send(&check, &json!(1));
    channel.recv(&check);
    let number = channel.childs_number();
    let info =
        std::fs::read_to_string(format!("/proc/{}/fdinfo/{number}", program.pid())).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or_default();
    let number = u32::from_str_radix(flags.trim(), 8).unwrap_or_default();
    let close_on_exec = 0o2_000_000; // open(2): O_CLOEXEC
    let came = "it is not set (FD_CLOEXEC, fcntl(2)): a program that this child starts gets the channel, too";
    check.holds("close-on-exec is set on the channel", number & close_on_exec != 0, came);
}

// The parent's side

#[test]
fn the_parent_forks_itself_sends_each_line_and_prints_each_reply() {
    let spec = support::spec!("08-channel");
    let count = spec.number(2..6);
    let messages: Vec<Value> = (0..count).map(|_| a_message(&spec)).collect();
    let check = spec.check(FORK, format!("wrote {count} lines to the program's stdin, which stays open"));
    let mut program = spec.program().start();
    program.write(lines(&messages));
    let mut pids = Vec::new();
    for message in &messages {
        let answer = program.json_line(&check);
        check.about(SEND).json("the message in the reply", &answer["echo"], message);
        pids.push(u32::try_from(answer["pid"].as_u64().unwrap_or(0)).unwrap_or(0));
    }
    pids.dedup();
    check.equal("the number of different pids in the replies", &pids.len(), &1);
    check.holds("another pid than the parent's", pids[0] != program.pid(), pids[0]);
    let parent = process::info(pids[0]).map(|info| info.parent);
    check.json("the parent of the process that answered", &json!(parent), &json!(program.pid()));
    program.finish(&check).code(0);
    program.leaves_nothing_behind(&check);
}

#[test]
fn what_goes_over_the_channel_is_one_document_a_line() {
    let spec = support::spec!("08-channel");
    let check = spec.check(SEND, "ran the program with a child that answers with the bytes that it got");
    let messages = [json!({"text": "two\nlines", "word": spec.word()}), json!({"word": spec.word()})];
    let finished = parent_of(&spec, "answer with the bytes").stdin(lines(&messages)).run(&check).code(0);
    for (answer, message) in finished.stdout().lines().zip(&messages) {
        let answer = parse(&check, answer);
        let bytes = answer["bytes"].as_str().unwrap_or_default();
        check.holds("one newline, at the end of the frame", bytes.ends_with('\n'), bytes);
        check.json("the message in the frame", &parse(&check, bytes), message);
    }
    count_replies(&check, &finished, messages.len());
}

#[test]
fn a_line_that_is_not_json_is_bad_input() {
    let spec = support::spec!("08-channel");
    let check = spec.check(TALK, "ran the program with two good lines and a bad one on stdin");
    let finished = spec.program().stdin("1\n2\nthree\n4\n").run(&check).reports_error(&["message 3"]);
    count_replies(&check, &finished, 2);
    finished.about(END).code(2);
}

#[test]
fn blank_lines_are_no_messages() {
    let spec = support::spec!("08-channel");
    let check = spec.check(TALK, "ran the program with two lines on stdin, and blank ones around them");
    let finished = spec.program().stdin("\n1\n  \n\n2\n\n").run(&check).code(0);
    count_replies(&check, &finished, 2);
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_gets_its_end_of_the_channel_and_nothing_else() {
    let spec = support::spec!("08-channel");
    let check = spec.check(FORK, "ran the program with a child that reports its descriptors and variables");
    let mut program = parent_of(&spec, "report descriptors").start();
    program.write("1\n");
    let report = program.json_line(&check);
    check.json("the list of sockets beside the channel", &report["extra"], &json!([]));
    check.json("the child's NODE_CHANNEL_SERIALIZATION_MODE", &report["mode"], &json!("json"));
}

#[test]
fn half_a_frame_is_kept_until_the_rest_comes() {
    let spec = support::spec!("08-channel");
    let check = spec.check(RECEIVE, "ran the program with a child that answers in many small writes");
    let finished = parent_of(&spec, "answer in pieces").stdin("\"one\"\n\"two\"\n").run(&check).code(0);
    let echoes: Vec<Value> =
        finished.stdout().lines().map(|line| parse(&check, line)["echo"].clone()).collect();
    check.json("the list of messages in the replies", &echoes.into(), &json!(["one", "two"]));
}

#[test]
fn both_sides_may_write_a_lot_before_they_read() {
    let spec = support::spec!("08-channel");
    let size = spec.number(1_000_000..1_500_000);
    let line = format!("\"{}\"\n", "x".repeat(size));
    let check =
        spec.check(TALK, format!("sent 2 lines of {size} bytes to a child that writes 1 MB before it reads"));
    let finished = parent_of(&spec, "write before reading").stdin(line.repeat(2)).run(&check).code(0);
    count_replies(&check, &finished, 2);
}

#[test]
fn the_end_of_the_child_is_seen() {
    let spec = support::spec!("08-channel");
    for (role, code) in [("end", 3), ("end well", 0)] {
        let did = format!(
            "ran the program with a child that exits with status {code} instead of answering; \
             the program's stdin stays open"
        );
        let check = spec.check(FORK, did);
        let mut program = parent_of(&spec, role).start();
        program.write("1\n");
        program.wait(&check);
        program.finish(&check.about(END)).code(1).reports_error(&[]);
    }
}

#[test]
fn a_child_that_leaves_early_has_failed_although_it_answered() {
    let spec = support::spec!("08-channel");
    let did = "ran the program with a child that answers one message and exits with status 0; \
               the program's stdin stays open, so there could be more messages";
    let check = spec.check(END, did);
    let mut program = parent_of(&spec, "answer and leave").start();
    program.write("1\n");
    program.json_line(&check);
    program.wait(&check);
    program.finish(&check).code(1).reports_error(&[]);
}

#[test]
fn a_child_that_fails_after_its_replies_is_reported() {
    let spec = support::spec!("08-channel");
    let did = "ran the program with a child that answers each message, and exits with status 3 at the end";
    let check = spec.check(END, did);
    let finished = parent_of(&spec, "answer, then fail").stdin("1\n2\n").run(&check);
    count_replies(&check, &finished, 2);
    finished.code(1).reports_error(&[]);
}

#[test]
fn a_child_that_is_killed_is_seen_and_reaped() {
    let spec = support::spec!("08-channel");
    let did = "sent two lines to the program, whose child answers only the first one; its stdin stays open";
    let check = spec.check(TALK, did);
    let mut program = parent_of(&spec, "answer once").start();
    program.write("1\n2\n");
    let answer = program.json_line(&check);
    let pid = i32::try_from(answer["pid"].as_i64().unwrap_or(0)).unwrap_or(0);
    check.holds("a pid in the reply", pid > 1, pid);
    let did = "killed the child with SIGKILL while the program waits for a reply and its stdin stays open";
    let check = spec.check(FORK, did);
    support::process::signal(pid.cast_unsigned(), Signal::SIGKILL);
    program.wait(&check);
    let check = check.about(END);
    program.finish(&check).code(1);
    program.leaves_nothing_behind(&check);
}

#[test]
fn a_reply_that_is_not_json_is_reported() {
    let spec = support::spec!("08-channel");
    let check = spec.check(RECEIVE, "ran the program with a child that answers junk");
    fails(&check, parent_of(&spec, "answer junk").stdin("1\n").run(&check));
}

#[test]
fn a_command_that_does_not_exist_is_reported() {
    let spec = support::spec!("08-channel");
    let name = format!("no-such-program-{}", spec.word());
    let check = spec.check(FORK, format!("ran the program with the command {name}"));
    spec.program().arg(&name).stdin("1\n").run(&check).code(2).reports_error(&[&name]);
    let check =
        spec.check(FORK, "ran the program with a command whose name is not UTF-8, and does not exist");
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"no-such-program-\xff");
    spec.program().arg(name).stdin("1\n").run(&check).code(2).reports_error(&["no-such-program-"]);
}

// With real Node on the other side

#[test]
fn a_real_node_child_works() {
    let spec = support::spec!("08-channel");
    let Some(node) = support::node::node() else { return };
    let check = spec.check(FORK, "ran the program with a real Node child");
    let message = a_message(&spec);
    let child = support::node_program!("echo.mjs");
    let program = spec.program().arg(node).arg(child).stdin(format!("{message}\n\"two\"\n"));
    let finished = program.run(&check).code(0);
    let first = parse(&check, finished.stdout().lines().next().unwrap_or_default());
    check.json("the message in the first reply", &first["echo"], &message);
    count_replies(&check, &finished, 2);
}

#[test]
fn a_real_node_parent_works() {
    let spec = support::spec!("08-channel");
    let Some(node) = support::node::node() else { return };
    let check = spec.check(TAKE, "let real Node fork the program");
    let parent = support::node_program!("parent.mjs");
    let word = spec.word();
    let program = spec.other_program(node, "node").arg(parent).arg(spec.program_path()).arg(&word);
    let finished = program.run(&check).code(0);
    finished.stdout_is("the reply, then how the child ended", &contains(&word).and(contains("exit 0")));
}

// The spec as the child: this test program, started a second time by the program under test.

#[test]
#[ignore = "it is the child that other checks start"]
fn a_child_of_the_spec() {
    let (Some(mut child), Ok(role)) = (Child::from_environment(), std::env::var("SPEC_ROLE")) else { return };
    match role.as_str() {
        "answer with the bytes" => answer_with_the_bytes(&mut child),
        "report descriptors" => report_descriptors(&mut child),
        "answer in pieces" => answer_in_pieces(&mut child),
        "write before reading" => write_before_reading(&mut child),
        "answer once" | "answer and leave" => _ = answer_once(&mut child),
        "answer, then fail" => while answer_once(&mut child).is_some() {},
        "answer junk" => _ = child.recv().map(|_| child.send_bytes(b"{\"pid\": oops}\n")),
        "end" => std::process::exit(child.recv().map_or(0, |_| 3)),
        "end well" => std::process::exit(child.recv().map_or(3, |_| 0)),
        other => panic!("unknown role {other}"),
    }
    match role.as_str() {
        "answer and leave" => std::process::exit(0),
        "answer, then fail" => std::process::exit(3),
        // Until the parent disconnects, as a worker does.
        _ => while child.recv().is_some() {},
    }
}

fn echo(message: &Value) -> Value {
    json!({"pid": std::process::id(), "echo": message})
}

fn answer_with_the_bytes(child: &mut Child) {
    while let Some(bytes) = child.recv_bytes_or_part() {
        let _ = child.send(&json!({"bytes": String::from_utf8_lossy(&bytes)}));
    }
}

fn report_descriptors(child: &mut Child) {
    child.recv();
    let open = process::descriptors(std::process::id()).unwrap_or_default();
    let channel =
        open.iter().find(|(number, _)| *number == child.descriptor()).map(|(_, target)| target.clone());
    // Only sockets: what else is open may come from the shell that runs the tests. The harness holds the
    // channel's own socket twice.
    let counts = |target: &String| target.starts_with("socket:") && Some(target) != channel.as_ref();
    let extra = open.iter().filter(|(_, target)| counts(target));
    let extra: Vec<String> = extra.map(|(number, target)| format!("{number}: {target}")).collect();
    let mode = std::env::var("NODE_CHANNEL_SERIALIZATION_MODE").ok();
    let _ = child.send(&json!({"extra": extra, "mode": mode}));
}

fn answer_in_pieces(child: &mut Child) {
    while let Some(message) = child.recv() {
        for byte in format!("{}\n", echo(&message)).into_bytes() {
            let _ = child.send_bytes(&[byte]);
        }
    }
}

fn write_before_reading(child: &mut Child) {
    let large = echo(&json!("x".repeat(1_000_000)));
    let _ = child.send(&large);
    child.recv();
    let _ = child.send(&large);
}

/// `None` at the end of the channel.
fn answer_once(child: &mut Child) -> Option<()> {
    let message = child.recv()?;
    let _ = child.send(&echo(&message));
    Some(())
}
