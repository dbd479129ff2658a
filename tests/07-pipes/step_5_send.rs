//! Step 5: `send_all` counts and sends every message of our stdin, each with its newline, and then closes the worker's
//! stdin. A script is the worker, and says on stderr what it reads. What is printed is a matter of step 6.

use super::*;

/// A worker that reports what it reads, and replies to nothing.
const TELLS: &str = "while IFS= read -r line; do printf 'worker got %s\\n' \"$line\" >&2; done; \
                     [ -z \"$line\" ] || echo \"worker got no newline after $line\" >&2; \
                     echo 'worker: end of stdin' >&2";

#[test]
fn each_message_is_sent_as_a_line_when_it_comes() {
    let spec = support::spec!();
    let check =
        spec.early_check("sent one message after another to the parent, and closed its stdin in the end");
    let mut parent = parent_of(&spec, TELLS, &[]).start();
    let messages = messages(&spec, 3);
    for message in &messages {
        parent.write(format!("\n  {message}\r\n"));
        parent.logs(&check, &format!("worker got {message}"));
    }
    parent.close_stdin();
    parent.logs(&check, "worker: end of stdin");
    let got = parent.logged("worker got ");
    let expected: Vec<String> = messages.iter().map(|message| format!("worker got {message}")).collect();
    check.equal("what the worker got", &got, &expected);
}

#[test]
fn every_message_arrives_in_its_order() {
    let spec = support::spec!();
    let count = spec.number(100..200);
    let check = spec.early_check(format!("sent {count} messages to the parent at once, then end of file"));
    let messages = messages(&spec, count);
    let parent = parent_of(&spec, TELLS, &[]).stdin(lines(&messages)).start();
    parent.logs(&check, "worker: end of stdin");
    let got = parent.logged("worker got ");
    let expected: Vec<String> = messages.iter().map(|message| format!("worker got {message}")).collect();
    for (got, expected) in got.iter().zip(&expected) {
        check.equal("what the worker says of its next message", got, expected);
    }
    check.equal("the number of messages that the worker got", &got.len(), &count);
}

#[test]
fn nothing_to_send_is_complete_at_once() {
    let spec = support::spec!();
    let check = spec.early_check("closed the parent's stdin without a message; the worker reads to the end");
    let mut parent = parent_of(&spec, TELLS, &[]).stdin("").start();
    parent.logs(&check, "worker: end of stdin");
    parents_end(&check, &mut parent).map(|finished| finished.code(0).reports_no_error());
}

#[test]
fn as_long_as_stdin_is_open_it_is_not_complete() {
    let spec = support::spec!();
    let did = "a worker ends with `exit 0` before any message; the parent's stdin stays open";
    let check = spec.early_check(did);
    let mut parent = parent_of(&spec, "echo \"worker: $$\" >&2; kill -STOP $$", &[]).start();
    let worker = stopped_worker(&check, &mut parent);
    // Until each thread waits: the one that sends has begun.
    parent.rests();
    process::signal(worker, Signal::SIGCONT);
    parent.wait(&check);
    let Some(finished) = parents_end(&check, &mut parent) else { return };
    reports(&check, &finished.code(1), &["the worker exited early"]);

    let did = "a worker replies to the first message, and ends with `exit 0`; the parent's stdin stays open";
    let check = spec.early_check(did);
    let mut parent = parent_of(&spec, "read -r _; echo '{}'; exit 0", &[]).start();
    parent.write("{}\n");
    check.as_far_as_written(|| {
        parent.wait(&check);
        let Some(finished) = parents_end(&check, &mut parent) else { return };
        reports(&check, &finished.code(1), &["the worker exited early"]);
    });
}

#[test]
fn a_message_without_a_reply_is_noticed() {
    let spec = support::spec!();
    let check =
        spec.early_check("sent 3 messages to a worker that replies to none of them, then end of file");
    let mut parent = parent_of(&spec, TELLS, &[]).stdin(lines(&messages(&spec, 3))).start();
    parent.logs(&check, "worker: end of stdin");
    let Some(finished) = parents_end(&check, &mut parent) else { return };
    reports(&check, &finished.code(1), &["the worker exited early", "replies so far: 0"]);

    let check =
        spec.early_check("sent 3 messages to a worker that replies to the first one, then end of file");
    let script = "read -r line; echo '{}'; cat >/dev/null";
    let mut parent = parent_of(&spec, script, &[]).stdin(lines(&messages(&spec, 3))).start();
    check.as_far_as_written(|| {
        parent.wait(&check);
        let Some(finished) = parents_end(&check, &mut parent) else { return };
        reports(&check, &finished.code(1), &["the worker exited early"]);
    });
}

#[test]
fn a_worker_that_stops_reading_stops_the_sending() {
    let spec = support::spec!();
    let did = "a worker closes its stdin, stops itself, and ends later; the parent has more messages to send, \
               and its stdin stays open";
    let check = spec.early_check(did);
    let script = "exec <&-; echo \"worker: $$\" >&2; kill -STOP $$";
    let mut parent = parent_of(&spec, script, &[]).start();
    let worker = stopped_worker(&check, &mut parent);
    // Once they are read, there is a thread that has read them.
    parent.write_pieces(&check, &[lines(&messages(&spec, 3)).as_bytes()]);
    check.eventually("the thread that sends has ended: only the one that reads the replies is left", || {
        process::threads(parent.pid()).is_none_or(|count| count <= 1).then_some(())
    });
    parent.rests();
    let waits = "a parent that waits for its worker, which has stopped reading and not exited";
    check.holds(waits, parent.is_running(), "it has exited");
    check.equal("what is on stdout, since the worker has replied nothing", parent.stdout().as_str(), "");
    process::signal(worker, Signal::SIGCONT);
    let Some(finished) = parents_end(&check, &mut parent) else { return };
    let stderr = finished.stderr();
    check.holds("no panic of the thread that sends", !stderr.contains("panicked"), &stderr);
    reports(&check, &finished.code(1), &["the worker exited early"]);
}

#[test]
fn a_stdin_that_cannot_be_read_is_an_error() {
    let spec = support::spec!();
    let check = spec.early_check("ran `lesson-07 cat < .`, where stdin is a folder");
    let mut parent = spec.program().arg("cat").stdin_from(folder()).start();
    parents_end(&check, &mut parent).map(|finished| finished.code(1).reports_error(&[]));
}
