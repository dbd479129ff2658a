//! The spec of lesson 08: Node's `fork`, `send`, `on('message')` and `disconnect`, on a socket pair.
//!
//! For the child, the spec is the parent. For the parent, the spec plays the child: see the end of this file.

mod step_1_take;
mod step_2_receive;
mod step_3_send;
mod step_4_fork;
mod step_5_talk;
mod step_6_end;

use std::io::{self, Write};
use support::ipc::{Channel, Child, test_as_child};
use support::predicates::prelude::*;
use support::predicates::str::{contains, is_empty, starts_with};
use support::{Check, Finished, Program, Running, Signal, Spec, Value, json, process};

/// The test that plays the child.
const PLAYS_THE_CHILD: &str = "a_child_of_the_spec";

/// The program as a child of the spec.
fn forked_child(spec: &Spec) -> (Running, Channel) {
    spec.program().arg("child").fork()
}

/// The program as the parent of a child that the spec plays, in the given role.
fn parent_of(spec: &Spec, role: &str) -> Program {
    spec.program().args(test_as_child(PLAYS_THE_CHILD)).env("SPEC_ROLE", role)
}

/// What a program says that ends. `None` for one that goes on.
fn last_words(check: &Check, program: &mut Running) -> Option<Finished> {
    check.comes(|| (!program.is_running()).then_some(())).map(|()| program.finish(check))
}

/// Whether the program has met a `todo!`. In [`Check::as_far_as_written`], a check that fails for this reason passes if it
/// was the `todo!` of a later step.
fn is_unwritten(finished: &Finished) -> bool {
    finished.stderr().contains("not yet implemented")
}

/// The reply to `message`.
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

fn count_replies(check: &Check, finished: &Finished, count: usize) {
    let replies = finished.stdout().lines().count();
    check.holds(&format!("{count} replies on stdout"), replies == count, finished.describe());
}

/// The program must end, since its child has gone. One that overlooks that may run in a circle.
fn ends_with_its_child(check: &Check, program: &mut Running) {
    if !program.rests() {
        check.fail("the program ends, since its child has gone", "it runs again and again, and does not end");
    }
    program.wait(check);
}

/// Waits for a child of the program that has stopped itself. `None` when there is none, or when the program has ended.
fn stopped_child(check: &Check, program: &mut Running) -> Option<u32> {
    let stopped = |pid: u32| process::children(pid).into_iter().find(|child| process::is_stopped(child.pid));
    check.comes(|| match stopped(program.pid()) {
        None if program.is_running() => None,
        child => Some(child.map(|child| child.pid)),
    })?
}

/// Closes the program's stdin. False when the program does not read it to its end, and then waits.
fn close_stdin(check: &Check, program: &mut Running) -> bool {
    program.close_stdin();
    let reads = || process::waiting_in(program.pid()).unwrap_or_default().contains("reading stdin");
    check.comes(|| (!reads()).then_some(())).is_some() && program.rests()
}

// The spec as the child: this test program, started a second time by the program under test.

#[test]
#[ignore = "it is the child that other checks start"]
fn a_child_of_the_spec() {
    let role = std::env::var("SPEC_ROLE").unwrap_or_default();
    if role == "report" {
        return report();
    }
    let Some(mut child) = Child::from_environment() else { return };
    match role.as_str() {
        "answer in two halves" | "answer with half" | "leave within an answer" => {
            answer_one_and_a_half(&mut child, &role);
        }
        "stop, answer two, stop, and say more" => answer_two_and_say_more(&mut child),
        "answer when all are there" => answer_when_all_are_there(&mut child),
        "write before reading" => write_before_reading(&mut child),
        "answer once" | "answer and leave" => _ = answer_once(&mut child),
        "answer, then fail" | "answer, then be killed" | "answer, and stop at the end" => {
            while answer_once(&mut child).is_some() {}
        }
        "answer, and say a lot" => {
            _ = answer_once(&mut child).map(|()| child.send(&json!("x".repeat(1_000_000))));
        }
        "answer junk" => _ = child.recv().map(|_| child.send_bytes(b"{\"pid\": oops}\n")),
        "end" => std::process::exit(child.recv().map_or(0, |_| 3)),
        "end well" => std::process::exit(child.recv().map_or(3, |_| 0)),
        "leave a message unread" => return,
        "stop, then leave" => return Child::stop(),
        "close the channel, and stop" => {
            child.recv();
            drop(child);
            return Child::stop();
        }
        "" => panic!("the child has lost its parent's environment, where SPEC_ROLE says what it is to do"),
        other => panic!("unknown role {other}"),
    }
    match role.as_str() {
        "answer and leave" => std::process::exit(0),
        "answer, then fail" => std::process::exit(3),
        "answer, then be killed" => process::signal(std::process::id(), Signal::SIGKILL),
        "answer, and stop at the end" => Child::stop(),
        // Until the parent disconnects, as a worker does.
        _ => while child.recv().is_some() {},
    }
}

/// Says on stderr what it was given, whatever the parent does next. Then waits for its end.
fn report() {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| "(not set)".to_owned());
    let number = variable("NODE_CHANNEL_FD");
    let open = process::descriptors(std::process::id()).unwrap_or_default();
    let is_channel = |at: &i32| at.to_string() == number;
    let channel = open.iter().find(|(at, _)| is_channel(at)).map_or("closed", |(_, target)| target);
    // Only sockets: what else is open may come from the shell that runs the tests.
    let extra = open.iter().filter(|(at, target)| target.starts_with("socket:") && !is_channel(at));
    let extra: Vec<String> = extra.map(|(at, target)| format!("{at}: {target}")).collect();
    let mode = variable("NODE_CHANNEL_SERIALIZATION_MODE");
    let had = json!({"NODE_CHANNEL_FD": number, "mode": mode, "word": variable("SPEC_WORD")});
    let report = json!({"had": had, "channel": channel, "extra": extra});
    // With one write, since the parent says something, too.
    let _ = io::stderr().write_all(format!("{REPORT}{report}\n").as_bytes());
    if let Some(mut child) = Child::from_environment() {
        while child.recv().is_some() {}
    }
}

/// How the report of the child begins.
const REPORT: &str = "the child of the spec: ";

/// What the child says when it has sent a message that answers nothing.
const SAID_MORE: &str = "the child of the spec has sent one more message";

fn echo(message: &Value) -> Value {
    json!({"pid": std::process::id(), "echo": message})
}

/// Answers a message, then stops within the next answer.
fn answer_one_and_a_half(child: &mut Child, role: &str) {
    let Some(message) = answer_once(child).and_then(|()| child.recv()) else { return };
    let reply = format!("{}\n", echo(&message));
    let (first, second) = reply.split_at(reply.len() / 2);
    let _ = child.send_bytes(first.as_bytes());
    Child::stop();
    match role {
        "answer in two halves" => _ = child.send_bytes(second.as_bytes()),
        "answer with half" => _ = child.send_bytes(b"\n"),
        _ => std::process::exit(0),
    }
}

fn answer_two_and_say_more(child: &mut Child) {
    Child::stop();
    let _ = answer_once(child).and_then(|()| answer_once(child));
    Child::stop();
    let _ = child.send(&json!("one more"));
    let _ = io::stderr().write_all(format!("{SAID_MORE}\n").as_bytes());
}

fn answer_when_all_are_there(child: &mut Child) {
    let messages: Vec<Value> = std::iter::from_fn(|| child.recv()).take(3).collect();
    messages.iter().for_each(|message| _ = child.send(&echo(message)));
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
