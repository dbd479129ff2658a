//! Step 2: receive. Read up to the next newline, keep what has come of a frame until the rest of it comes, and know the end
//! of the channel.

use super::*;
use std::sync::OnceLock;
use support::limit;

/// How a child replies, which is the matter of step 3: to each message once and with that message; in another way or not at
/// all, when it still has to go on; or once, after which it closes the channel, and nothing more can be seen.
#[derive(Clone, Copy)]
enum Replies {
    Well,
    Badly,
    Once,
}

/// One child tells for all checks, and what it runs into is not theirs.
fn child_replies() -> Replies {
    static REPLIES: OnceLock<Replies> = OnceLock::new();
    *REPLIES.get_or_init(|| {
        let spec = support::spec!();
        let mut child = Receiver::new(&spec);
        for message in [json!("first"), json!("second")] {
            child.channel.send(&spec.early_check("sent a message"), &message);
            let came = child.says_something().then(|| child.channel.try_recv());
            // If it replies twice, the second reply has come when it rests.
            child.program.rests();
            if child.channel.is_at_end() {
                return if child.program.is_running() { Replies::Once } else { Replies::Badly };
            }
            match came.flatten() {
                Some(Ok(reply)) if reply["echo"] == message && child.channel.waiting() == 0 => {}
                _ => return Replies::Badly,
            }
        }
        Replies::Well
    })
}

/// What the errors of `recv` say.
const ERRORS_OF_RECV: [&str; 3] = ["unexpected message", "cut off", "cannot use the channel"];

/// A child that receives messages. Whether it can reply is the matter of step 3.
struct Receiver {
    program: Running,
    channel: Channel,
}

impl Receiver {
    fn new(spec: &Spec) -> Self {
        let (program, channel) = forked_child(spec);
        Self { program, channel }
    }

    /// The child must receive this message, which was sent: that shows in its reply. False when it can't be read.
    fn receives(&mut self, check: &Check, message: &Value) -> bool {
        match child_replies() {
            Replies::Once => return false,
            Replies::Badly => _ = self.says_something(),
            Replies::Well => match self.channel.try_recv() {
                Some(Ok(reply)) => {
                    check.json("the message that the reply repeats", &reply["echo"], message);
                    return true;
                }
                Some(Err(_)) => {}
                None => check.fail(&format!("a reply to {message}, as to another message"), "nothing comes"),
            },
        }
        self.goes_on(check);
        false
    }

    /// Whether a message comes, or the end of the channel. A child that rests has nothing more to say.
    fn says_something(&self) -> bool {
        let came = || (self.channel.waiting() > 0 || self.channel.is_at_end()).then_some(());
        limit::poll(limit::BRIEFLY, came).or_else(|| self.program.rests().then(came)?).is_some()
    }

    /// Nothing that the child receives may end it, until its parent disconnects.
    fn goes_on(&mut self, check: &Check) {
        // Where the channel is at its end, the exit status comes a moment later.
        let has_ended =
            self.channel.is_at_end() && check.comes(|| (!self.program.is_running()).then_some(())).is_some();
        if !has_ended {
            return;
        }
        let finished = self.program.finish(check);
        let stderr = finished.stderr();
        let failed = is_unwritten(&finished) || ERRORS_OF_RECV.iter().any(|words| stderr.contains(words));
        let ended = failed || finished.status().code() == Some(0);
        let expected = "a child that receives each message, and goes on until its parent disconnects";
        check.holds(expected, !ended, finished.describe());
    }
}

#[test]
fn the_child_exits_when_the_channel_closes() {
    let spec = support::spec!();
    let check = spec.early_check("forked `child` and disconnected without a message; its stdin stays open");
    let (mut program, mut channel) = forked_child(&spec);
    channel.disconnect();
    program.wait(&check);
    program.finish(&check).code(0).stderr_is("nothing", &is_empty());
}

#[test]
fn the_child_waits_for_a_message_and_for_the_rest_of_one() {
    let spec = support::spec!();
    let (mut program, mut channel) = forked_child(&spec);
    for (did, part) in
        [("forked `child`, and sent nothing", ""), ("sent half a message, and waited", "{\"half")]
    {
        let check = spec.early_check(did);
        channel.send_bytes(&check, part.as_bytes());
        channel.wait_read(&check);
        program.sleeps(&check, "the parent has not sent a whole message yet");
        if !program.is_running() {
            check.fail(
                "a child that goes on until its parent disconnects",
                &program.finish(&check).describe(),
            );
        }
    }
}

#[test]
fn frames_may_be_cut_anywhere() {
    let spec = support::spec!();
    let mut child = Receiver::new(&spec);
    let check = spec.early_check("sent a message in two writes");
    check.as_far_as_written(|| {
        let message = json!({"s": "ü📨", "n": spec.number(10..99)});
        let bytes = format!("{message}\n").into_bytes();
        for cut in 1..bytes.len() {
            let check = spec.check(format!("sent {message} in two writes, cut after byte {cut}"));
            child.channel.send_bytes(&check, &bytes[..cut]);
            // Otherwise one read could bring both halves.
            child.channel.wait_read(&check);
            child.channel.send_bytes(&check, &bytes[cut..]);
            if !child.receives(&check, &message) {
                return;
            }
        }
    });
}

#[test]
fn many_frames_may_come_at_once() {
    let spec = support::spec!();
    let mut child = Receiver::new(&spec);
    let count = spec.number(50..80);
    let check = spec.early_check(format!("sent {count} messages and half of another one in one write"));
    check.as_far_as_written(|| {
        let joined: Vec<Value> = (0..count).map(|number| json!({"n": number})).collect();
        child.channel.send_bytes(&check, (lines(&joined) + "{\"half\":").as_bytes());
        if !joined.iter().all(|message| child.receives(&check, message)) {
            return;
        }
        child.channel.stays_silent(&check, "the last message is only half there");
        let check = spec.check(format!("sent the other half behind the {count} messages"));
        child.channel.send_bytes(&check, b"1}\n");
        child.receives(&check, &json!({"half": 1}));
    });
}

#[test]
fn a_frame_may_be_long() {
    let spec = support::spec!();
    let mut child = Receiver::new(&spec);
    let check = spec.early_check("sent a message in a frame of a million bytes, most of which are spaces");
    check.as_far_as_written(|| {
        child.channel.send_bytes(&check, format!("\"long\"{}\n", " ".repeat(1_000_000)).as_bytes());
        child.receives(&check, &json!("long"));
    });
}

#[test]
fn what_is_not_json_closes_the_channel() {
    let spec = support::spec!();
    for (what, junk) in [("junk", "{\"a\":1, junk}\n"), ("an empty line", "\n"), ("two documents", "1 2\n")] {
        let (mut program, mut channel) = forked_child(&spec);
        let check = spec.early_check(format!("sent {what} as a message, and another message behind it"));
        channel.send_bytes(&check, format!("{junk}\"after\"\n").as_bytes());
        channel.ends(&check);
        program.finish(&check).reports_error(&["unexpected message: "]).code(2);
    }
}

#[test]
fn a_message_that_is_cut_off_is_reported() {
    let spec = support::spec!();
    for half in ["12", "{\"half\""] {
        let (mut program, mut channel) = forked_child(&spec);
        let did = format!("sent {half} without a newline, then disconnected: that is half a message");
        let check = spec.early_check(did);
        channel.send_bytes(&check, half.as_bytes());
        channel.disconnect();
        let said = format!("a message was cut off after {} bytes", half.len());
        program.finish(&check).reports_error(&[&said]).code(2);
    }
}

/// The kernel tells the child "connection reset" where the parent has closed its end with something unread: unix(7). What is
/// unread has come from the child's end, whoever wrote it there. What the parent has sent before comes first.
#[cfg(target_os = "linux")]
#[test]
fn a_parent_that_leaves_something_unread_is_the_end_too() {
    use std::{fs::File, io::Write, os::fd::OwnedFd, os::unix::net::UnixStream};

    let spec = support::spec!();
    for half in ["", "{\"half\""] {
        let sent = if half.is_empty() { "nothing" } else { "half a message" };
        let check = spec.early_check(format!(
            "sent `child` {sent}, and closed the channel without reading what had come"
        ));
        let Ok((mut ours, mut childs)) = UnixStream::pair() else { return };
        let _ = childs.write_all(b"unread").and_then(|()| ours.write_all(half.as_bytes()));
        let child = spec.program().arg("child").env("NODE_CHANNEL_FD", "0");
        let mut program = child.stdin_from(File::from(OwnedFd::from(childs))).start();
        program.rests();
        drop(ours);
        let finished = program.finish(&check);
        if half.is_empty() {
            let is_end = finished.status().code() == Some(0) && finished.stderr().is_empty();
            check.holds("no error: the parent has gone, which is the end", is_end, finished.describe());
        } else {
            finished.reports_error(&["a message was cut off after 7 bytes"]).code(2);
        }
    }
}

/// In `select!`, the future of `recv` is dropped where something else comes first, here the end of stdin: the child has
/// answered one message, and stops within the next answer. `None` where a later step is wrong.
fn stdin_ends_within_an_answer(check: &Check, role: &str) -> Option<Finished> {
    let mut program = parent_of(check.spec(), role).start();
    program.write("1\n2\n");
    match stopped_child(check, &mut program) {
        Some(child) if program.rests() => {
            close_stdin(check, &mut program);
            process::signal(child, Signal::SIGCONT);
        }
        // It says why it has ended.
        None if !program.is_running() => {}
        _ => return None,
    }
    check.comes(|| (!program.stdout().is_empty()).then_some(()))?;
    last_words(check, &mut program)
}

#[test]
fn half_a_frame_outlives_the_call_that_read_it() {
    let spec = support::spec!();
    let did =
        "ran the program with a child that stops in the middle of its reply, and closed stdin meanwhile";
    let check = spec.check(did);
    let Some(finished) = stdin_ends_within_an_answer(&check, "answer in two halves") else { return };
    let lost = ERRORS_OF_RECV.iter().any(|words| finished.stderr().contains(words));
    let expected =
        "the reply, of which the first half came before stdin ended, and the second half after that";
    check.holds(expected, !lost && !is_unwritten(&finished), finished.describe());
    let check = spec.check("did the same with a child that exits instead of sending the second half");
    let Some(finished) = stdin_ends_within_an_answer(&check, "leave within an answer") else { return };
    // Whether the program passes on what `recv` says is the matter of step 5.
    let passes_on = || {
        let finished = stdin_ends_within_an_answer(&check, "answer with half");
        finished.is_some_and(|finished| finished.stderr().contains("unexpected message"))
    };
    let is_well = finished.stderr().contains("a message was cut off after") || !passes_on();
    check.holds("`a message was cut off after …` on stderr", is_well, finished.describe());
}
