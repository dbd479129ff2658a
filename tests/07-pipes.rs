//! The task of lesson 07: messages over pipes, one JSON document on a line each.
//!
//! 1. Find the next line among the bytes that were read, and keep the rest.
//! 2. Read more until there is a frame; know the end of the stream.
//! 3. The worker: answer each message, until stdin ends.
//! 4. The parent: start a worker, send and receive at the same time, wait for its end.
//! 5. Send every frame of our stdin, then close the worker's.
//! 6. Print the answers, and report a line that is none.

use std::fs::File;
use support::predicates::str::is_empty;
use support::{Check, Finished, Program, Running, Spec, Value, json, process};

const LINES: &str = "1. Find the next line";
const FRAMES: &str = "2. Read more, until the end";
const WORKER: &str = "3. Answer each message";
const PARENT: &str = "4. Send and receive at the same time";
const SEND: &str = "5. Send, then close";
const ANSWERS: &str = "6. Print the answers, report the rest";

const MIB: usize = 1024 * 1024;

fn worker(spec: &Spec) -> Program {
    spec.program().arg("worker")
}

/// The parent with a worker of the spec's: a shell script. `$1` and so on are `args`.
fn parent_of(spec: &Spec, script: &str, args: &[String]) -> Program {
    spec.program().args(["sh", "-c", script, "worker"]).args(args)
}

/// A worker that writes the next of its arguments, as it is, when a message comes, and then reads to the end.
const SCRIPTED: &str = "for chunk; do \
    read -r _ || { echo 'worker: no whole line came for the next answer' >&2; exit 9; }; \
    printf %s \"$chunk\"; done; exec cat >/dev/null";

/// The end of a parent whose worker is [`SCRIPTED`].
fn ended(parent: &mut Running, check: &Check, code: i32) -> Finished {
    parent.close_stdin();
    // The worker reads to the end, so who does not end has not closed its stdin.
    parent.wait(&check.about(SEND));
    let finished = parent.finish(check);
    let stderr = finished.stderr();
    // A parent that panics may have sent too little.
    let torn = finished.status().code() == Some(1) && stderr.contains("worker: no whole line came");
    check.about(SEND).holds("each message is a whole line when it comes to the worker", !torn, stderr);
    finished.code(code)
}

/// A random message, with a letter of several bytes and with a line end, which JSON escapes.
fn message(spec: &Spec) -> Value {
    json!({"name": spec.word(), "text": "Grüße\n", "number": spec.number(0..1_000_000)})
}

fn messages(spec: &Spec, count: usize) -> Vec<Value> {
    (0..count).map(|_| message(spec)).collect()
}

fn lines(messages: &[Value]) -> String {
    messages.iter().map(|message| format!("{message}\n")).collect()
}

/// The next answer of the worker under test must be this.
fn expect_echo(worker: &mut Running, check: &Check, message: &Value) {
    let answer = worker.json_line(check);
    check.json("the answer", &answer, &json!({"pid": worker.pid(), "echo": message}));
}

/// stdout must be answers of one worker to these messages, in order.
fn echoes(check: &Check, finished: &Finished, messages: &[Value]) {
    let answers = answers(check, finished);
    check.equal("the number of answers", &answers.len(), &messages.len());
    let pid = answers.first().map(|answer| answer["pid"].clone()).unwrap_or_default();
    for (answer, message) in answers.iter().zip(messages) {
        check.json("the answer", answer, &json!({"pid": pid, "echo": message}));
    }
}

fn answers(check: &Check, finished: &Finished) -> Vec<Value> {
    let parse = |line: &str| line.parse().unwrap_or_else(|_| check.fail("lines of JSON on stdout", line));
    finished.stdout().lines().map(parse).collect()
}

fn report_of_stray_line(check: &Check, finished: &Finished, line: &str) {
    let stderr = finished.stderr();
    let reported =
        stderr.lines().filter(|error| error.starts_with("error: ") && error.contains(line)).count();
    check.holds(&format!("one line `error: …` on stderr, with the line {line:?}"), reported == 1, &stderr);
}

// The worker alone: the spec is its parent.

#[test]
fn the_worker_answers_each_message_when_it_comes() {
    let spec = support::spec!("07-pipes");
    let did =
        "started the worker, sent one message, waited for the answer, sent the next; its stdin stays open";
    let check = spec.check(WORKER, did);
    let mut worker = worker(&spec).start();
    for message in messages(&spec, 5) {
        worker.write(format!("{message}\n"));
        expect_echo(&mut worker, &check, &message);
    }
    worker.finish(&check).code(0);
}

#[test]
fn the_end_of_stdin_ends_the_worker() {
    let spec = support::spec!("07-pipes");
    let check = spec.check(WORKER, "started the worker, and closed its stdin without a message");
    worker(&spec).run(&check).code(0).stdout_is("nothing", &is_empty()).reports_no_error();
}

#[test]
fn a_frame_may_come_one_byte_at_a_time() {
    let spec = support::spec!("07-pipes");
    let check =
        spec.check(LINES, "sent two messages to the worker, one byte at a time; its stdin stays open");
    let mut worker = worker(&spec).start();
    for message in messages(&spec, 2) {
        let bytes = format!("{message}\n").into_bytes();
        worker.write_pieces(&check, &bytes.chunks(1).collect::<Vec<_>>());
        expect_echo(&mut worker, &check, &message);
    }
    worker.finish(&check).code(0);
}

#[test]
fn several_frames_and_a_half_may_come_at_once() {
    let spec = support::spec!("07-pipes");
    let count = spec.number(3..8);
    let check = spec.check(
        LINES,
        format!("sent {count} messages and a half to the worker, with one write; its stdin stays open"),
    );
    let messages = messages(&spec, count + 1);
    let text = lines(&messages);
    let last = messages[count].to_string().len();
    let cut = text.len() - spec.number(1..last);
    let mut worker = worker(&spec).start();
    worker.write(&text.as_bytes()[..cut]);
    for message in &messages[..count] {
        expect_echo(&mut worker, &check, message);
    }
    worker.write(&text.as_bytes()[cut..]);
    expect_echo(&mut worker, &check, &messages[count]);
    worker.finish(&check).code(0);
}

#[test]
fn empty_lines_and_carriage_returns_are_no_messages() {
    let spec = support::spec!("07-pipes");
    let messages = messages(&spec, 4);
    let check = spec.check(FRAMES, "sent 4 messages with empty lines, lines of spaces and CRLF among them");
    let [a, b, c, d] = &messages[..] else { return };
    let worker = worker(&spec).stdin(format!("\n\r\n{a}\r\n\n  \n \t{b} \n\n\n{c}\r\n{d}\n\n"));
    echoes(&check, &worker.run(&check).code(0), &messages);
}

#[test]
fn the_last_frame_needs_no_line_end() {
    let spec = support::spec!("07-pipes");
    let messages = messages(&spec, 2);
    let check = spec.check(FRAMES, "sent 2 messages to the worker; the second one ends with the stream");
    let text = lines(&messages);
    let finished = worker(&spec).stdin(text.trim_end()).run(&check).code(0);
    echoes(&check, &finished, &messages);
}

#[test]
fn a_line_that_is_no_json_ends_the_worker() {
    let spec = support::spec!("07-pipes");
    let good = messages(&spec, 1);
    for bad in ["hello", "{\"a\":", "{} {}"] {
        let check =
            spec.check(WORKER, format!("sent a message and the line {bad} to the worker, with one write"));
        let finished = worker(&spec).stdin(format!("{}{bad}\n", lines(&good))).run(&check).code(2);
        echoes(&check, &finished.reports_error(&["cannot parse message 2: "]), &good);
    }
}

#[test]
fn the_worker_takes_a_message_of_16_mib() {
    let spec = support::spec!("07-pipes");
    let did =
        "sent 1 MiB, then 16 MiB to the worker; who searches all bytes again after each read is too slow";
    let check = spec.check(LINES, did);
    let sizes = [MIB, 16 * MIB];
    let finished = worker(&spec).stdin(sizes.map(large_line).concat()).run(&check).code(0);
    let stdout = finished.stdout();
    check.equal("the number of answers", &stdout.lines().count(), &sizes.len());
    for (line, size) in stdout.lines().zip(sizes) {
        let rest: Value = without_filling(&check, line, size).parse().unwrap_or_default();
        check.json("the message in the answer, without its long text", &rest["echo"], &json!({"text": ""}));
    }
}

/// A message of about that many bytes.
fn large_line(bytes: usize) -> String {
    format!("{{\"text\":\"{}\"}}\n", "Z".repeat(bytes))
}

/// The line without its letters Z, of which there must be that many, in one piece. A document of 16 MiB is
/// not parsed here, since that takes a second without optimization.
fn without_filling(check: &Check, line: &str, bytes: usize) -> String {
    let (Some(first), Some(last)) = (line.find('Z'), line.rfind('Z')) else {
        check.fail(&format!("a text of {bytes} letters Z"), line)
    };
    let whole = line[first..=last] == *"Z".repeat(bytes);
    check.holds(&format!("a text of {bytes} letters Z in one piece"), whole, line);
    format!("{}{}", &line[..first], &line[last + 1..])
}

// The parent alone: a script is its worker.

#[test]
fn several_answers_may_come_at_once() {
    let spec = support::spec!("07-pipes");
    let expected = messages(&spec, 5);
    let [a, b, c, d, e] = &expected[..] else { return };
    let did = "a worker reads 5 messages, then writes 5 answers at once; the last one has no line end; \
               the worker reads on to the end of its stdin";
    let check = spec.check(PARENT, did);
    let all = format!("\n{a}\n\r\n{b}\r\n  {c}\n{d}\n\n{e}");
    let chunks = ["", "", "", "", &all].map(str::to_owned);
    let mut parent = parent_of(&spec, SCRIPTED, &chunks).stdin(lines(&expected)).start();
    let finished = ended(&mut parent, &check, 0);
    check.json("the list of answers", &answers(&check, &finished).into(), &expected.clone().into());
    finished.reports_no_error();
}

#[test]
fn large_messages_go_both_ways_at_the_same_time() {
    let spec = support::spec!("07-pipes");
    let slow = "; who searches all bytes again after each read is too slow";
    for (mib, section, more) in [(1, PARENT, ""), (16, LINES, slow)] {
        let did = format!("parent and worker each write {mib} MiB before the worker reads anything{more}");
        let check = spec.check(section, did);
        let write = "printf '{\"text\":\"'; head -c $1 /dev/zero | tr '\\0' Z; printf '\"}\\n'";
        let script = format!("{write}; exec cat >/dev/null");
        let bytes = mib * MIB;
        let parent = parent_of(&spec, &script, &[bytes.to_string()]).stdin(large_line(bytes));
        let stdout = parent.run(&check).code(0).stdout();
        let rest = without_filling(&check, stdout.trim_end(), bytes);
        check.equal("the rest of the only answer", &rest, &"{\"text\":\"\"}".to_owned());
    }
}

#[test]
fn a_worker_that_ends_early_is_reported_at_once() {
    let spec = support::spec!("07-pipes");
    let answer = message(&spec);
    let status = spec.number(1..100);
    let ends = [
        (format!("exit {status}"), format!("exit status: {status}")),
        ("kill -9 $$".into(), "SIGKILL".into()),
    ];
    for (end, word) in ends {
        let did = format!("a worker answers 1 of 3 messages, then `{end}`; the parent's stdin stays open");
        let check = spec.check(PARENT, did);
        let script = format!("read -r _; printf '%s\\n' \"$1\"; read -r _; {end}");
        let mut parent = parent_of(&spec, &script, &[answer.to_string()]).start();
        parent.write(lines(&messages(&spec, 3)));
        parent.wait(&check);
        let finished = parent.finish(&check).code(1);
        let finished = finished.reports_error(&["the worker ended early", &word, "answers so far: 1"]);
        check.json("the list of answers on stdout", &answers(&check, &finished).into(), &json!([answer]));
    }
}

#[test]
fn a_worker_that_cannot_be_started_is_bad_configuration() {
    let spec = support::spec!("07-pipes");
    let missing = format!("{}-is-not-there", spec.word());
    let check = spec.check(PARENT, format!("started the parent with the worker {missing:?}"));
    let finished = spec.program().arg(&missing).stdin("{}\n").run(&check).code(2);
    finished.reports_error(&["cannot start the worker", &missing]);
}

#[test]
fn a_stdin_that_cannot_be_read_is_an_error() {
    let spec = support::spec!("07-pipes");
    let check = spec.check(SEND, "ran `lesson-07 cat < .`, where stdin is a folder");
    let folder = File::open(".").expect("the folder that the tests run in");
    spec.program().arg("cat").stdin_from(folder).run(&check).code(1).reports_error(&[]);
}

#[test]
fn answers_that_cannot_be_printed_are_an_error() {
    let spec = support::spec!("07-pipes");
    let input = format!("{}\n", message(&spec));
    spec.cannot_print(WORKER, "sent a message to the worker", &[], || worker(&spec).stdin(input.clone()));
    let parent = || parent_of(&spec, SCRIPTED, std::slice::from_ref(&input)).stdin(input.clone());
    spec.cannot_print(ANSWERS, "sent a message to the parent", &[], parent);
}

#[test]
fn a_worker_that_does_not_answer_is_reported() {
    let spec = support::spec!("07-pipes");
    for script in ["exit 0", "exec cat >/dev/null"] {
        let check =
            spec.check(SEND, format!("sent 3 messages to the worker `sh -c '{script}'`, then end of file"));
        let parent = parent_of(&spec, script, &[]).stdin(lines(&messages(&spec, 3)));
        let finished = parent.run(&check).code(1);
        finished.reports_error(&["the worker ended early", "answers so far: 0"]);
    }
}

#[test]
fn a_stray_line_of_the_worker_is_reported_with_the_line() {
    let spec = support::spec!("07-pipes");
    let good = messages(&spec, 2);
    let word = spec.word();
    for stray in [format!("sending to {word}"), format!("[debug] {word}"), spec.number(1..1000).to_string()] {
        let check = spec.check(ANSWERS, format!("a worker prints {stray:?} between two answers"));
        let chunks = [format!("{}\n{stray}\n", good[0]), format!("{}\n", good[1])];
        let mut parent = parent_of(&spec, SCRIPTED, &chunks).stdin(lines(&good)).start();
        let finished = ended(&mut parent, &check, 1);
        report_of_stray_line(&check, &finished, &stray);
        let printed = answers(&check, &finished);
        check.json("the list of answers on stdout", &printed.into(), &good.clone().into());
    }
}

#[test]
fn frames_of_the_worker_may_be_cut_anywhere() {
    let spec = support::spec!("07-pipes");
    let frame = message(&spec).to_string();
    let bytes = frame.as_bytes();
    // Each chunk ends one frame and begins the next one, which is cut one byte later. Arguments must be UTF-8.
    let cuts: Vec<usize> = (1..bytes.len()).filter(|cut| frame.is_char_boundary(*cut)).collect();
    let mut chunks: Vec<String> = vec![frame[..cuts[0]].to_owned()];
    for pair in cuts.windows(2) {
        chunks.push(format!("{}\n{}", &frame[pair[0]..], &frame[..pair[1]]));
    }
    chunks.push(format!("{}\n", &frame[cuts[cuts.len() - 1]..]));
    let check = spec.check(LINES, format!("a worker answers {frame} again and again, cut at every place"));

    let mut parent = parent_of(&spec, SCRIPTED, &chunks).start();
    let expected: Value = frame.parse().unwrap_or_default();
    parent.write("{}\n");
    for _ in 1..chunks.len() {
        // The gate: the worker writes the rest of a frame only when the one before was printed.
        parent.write("{}\n");
        check.json("the answer", &parent.json_line(&check), &expected);
    }
    // One message was answered with half a frame only, so the number of answers is too small by one.
    ended(&mut parent, &check, 1);
}

// Both together.

#[test]
fn parent_and_worker_talk_to_each_other() {
    let spec = support::spec!("07-pipes");
    let did = "started the parent without a command, so that it is its own worker; its stdin stays open";
    let check = spec.check(SEND, did);
    let mut parent = spec.program().start();
    let mut worker = Value::Null;
    for message in messages(&spec, 3) {
        parent.write(format!("{message}\n"));
        let answer = parent.json_line(&check);
        check.json("the message in the answer", &answer["echo"], &message);
        worker = answer["pid"].clone();
    }
    let children: Vec<u32> = process::children(parent.pid()).iter().map(|child| child.pid).collect();
    check.about(PARENT).equal("the number of the parent's children", &children.len(), &1);
    check.about(WORKER).json("the pid in the answer", &worker, &json!(children[0]));
    parent.finish(&check).code(0).reports_no_error();
    parent.leaves_nothing_behind(&check);
}

#[test]
fn many_messages_need_no_pause_between_them() {
    let spec = support::spec!("07-pipes");
    let mut all = messages(&spec, 1000);
    all.extend((0..4).map(|_| json!({"name": spec.word(), "text": "x".repeat(MIB / 4)})));
    let check =
        spec.check(PARENT, format!("sent {} messages to the parent at once, some of 256 KiB", all.len()));
    let finished = spec.program().stdin(lines(&all)).run(&check).code(0);
    echoes(&check, &finished, &all);
}
