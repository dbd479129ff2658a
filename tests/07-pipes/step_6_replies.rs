//! Step 6: `print_replies` prints each frame of the worker that is a JSON object, and reports every other line, until the
//! worker closes its stdout.

use super::*;

/// A worker that writes the next of its arguments, as it is, when a message comes, and then reads to the end.
const SCRIPTED: &str = "for chunk; do read -r _ || exit 9; printf %b \"$chunk\"; done; exec cat >/dev/null";

/// As an argument of the worker above, which has `\` for bytes that no argument can hold.
fn chunk(text: &str) -> String {
    text.replace('\\', "\\\\")
}

/// Runs a parent with the worker above. There is a message for each chunk.
fn run(check: &Check, chunks: &[String]) -> Finished {
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    parent_of(check.spec(), SCRIPTED, &chunks).stdin("{}\n".repeat(chunks.len())).run(check)
}

#[test]
fn each_reply_is_printed_when_it_comes() {
    let spec = support::spec!();
    let frame = message(&spec).to_string();
    let did = format!(
        "a worker replies with {frame} again and again, cut at every place; the parent's stdin stays open"
    );
    let check = spec.check(did);
    // Each chunk ends one frame and begins the next one, which is cut a little later. Arguments must be UTF-8.
    let cuts: Vec<usize> = (1..frame.len()).filter(|cut| frame.is_char_boundary(*cut)).step_by(3).collect();
    let mut chunks: Vec<String> = vec![chunk(&frame[..cuts[0]])];
    chunks.extend(cuts.windows(2).map(|pair| chunk(&frame[pair[0]..]) + "\n" + &chunk(&frame[..pair[1]])));
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();

    let mut parent = parent_of(&spec, SCRIPTED, &chunks).start();
    parent.write("{}\n");
    for _ in 1..chunks.len() {
        // The gate: the worker writes the rest of a frame only when the one before was printed.
        parent.write("{}\n");
        expect_frame(&mut parent, &check, &frame);
    }
}

#[test]
fn several_replies_may_come_at_the_same_time() {
    let spec = support::spec!();
    let expected = messages(&spec, 5);
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|number: usize| chunk(&expected[number].to_string()));
    let did =
        "a worker reads 5 messages, then writes 5 replies at once, and reads on to the end of its stdin";
    let check = spec.check(did);
    let all = format!("\n{a}\n\r\n{b}\r\n  {c}\n{d}\n\n{e}\n");
    let finished = run(&check, &["", "", "", "", &all].map(str::to_owned)).code(0).reports_no_error();
    check.json("the list of replies", &replies(&check, &finished).into(), &expected.into());
}

#[test]
fn a_stray_line_of_the_worker_is_reported_with_the_line() {
    let spec = support::spec!();
    let good = messages(&spec, 2);
    let word = spec.word();
    let stray = [
        "sending to ".to_owned() + &word,
        format!("{{{word}}}"),
        spec.number(1..1000).to_string(),
        format!("[\"{word}\"]"),
    ];
    let shown = stray.iter().map(|line| (line.clone(), line.clone()));
    let bytes = (format!("{word}\\0377"), format!("{word}\u{FFFD}"));
    for (line, shown) in shown.chain([bytes]) {
        let check = spec.check(format!("a worker prints {shown:?} twice between two replies"));
        let [first, second] = [0, 1].map(|number: usize| chunk(&good[number].to_string()));
        let finished = run(&check, &[format!("{first}\n{line}\n{line}\n"), format!("{second}\n")]).code(1);
        let stderr = finished.stderr();
        let reported = |error: &&str| error.starts_with("error: ") && error.contains(&shown);
        let expected = format!("two lines `error: …` on stderr, each with the line {shown:?}");
        check.holds(&expected, stderr.lines().filter(reported).count() == 2, &stderr);
        let printed = replies(&check, &finished);
        check.json("the list of replies on stdout", &printed.into(), &good.clone().into());
    }
}

#[test]
fn an_unread_log_stops_nothing() {
    let spec = support::spec!();
    let good = messages(&spec, 2);
    let [first, second] = [0, 1].map(|number: usize| chunk(&format!("{}\n", good[number])));
    for (reader, what) in Reader::ALL {
        let check = spec.check(format!("a worker prints a stray line between two replies; stderr {what}"));
        let parent = parent_of(&spec, SCRIPTED, &[&format!("{first}stray\n"), &second]);
        let finished = parent.stdin("{}\n{}\n").stderr(reader).run(&check).code(1);
        check.json("the list of replies on stdout", &replies(&check, &finished).into(), &good.clone().into());
    }
}

#[test]
fn a_worker_that_exits_early_is_reported_with_the_number_of_replies() {
    let spec = support::spec!();
    let good = messages(&spec, spec.number(1..4));
    let did = format!(
        "a worker replies to {} of 5 messages, prints a stray line, then `exit 0`; the parent's stdin stays open",
        good.len()
    );
    let check = spec.check(did);
    let script = "for reply; do read -r _; printf '%s\\n' \"$reply\"; done; echo stray; read -r _; exit 0";
    let frames: Vec<String> = good.iter().map(Value::to_string).collect();
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let mut parent = parent_of(&spec, script, &frames).start();
    parent.write(lines(&messages(&spec, 5)));
    parent.wait(&check);
    let finished = parent.finish(&check).code(1);
    let so_far = format!("replies so far: {}", good.len());
    reports(&check, &finished, &["the worker exited early", &so_far]);
    check.json("the list of replies on stdout", &replies(&check, &finished).into(), &good.into());
}

#[test]
fn large_messages_go_both_ways_at_the_same_time() {
    let spec = support::spec!();
    let check = spec.check("parent and worker each write 1 MiB before the worker reads anything");
    let write = "printf '{\"text\":\"'; head -c $1 /dev/zero | tr '\\0' Z; printf '\"}\\n'";
    let parent = parent_of(&spec, &format!("{write}; exec cat >/dev/null"), &[&MIB.to_string()]);
    let stdout = parent.stdin(large_line(MIB)).run(&check).code(0).stdout();
    check.holds("the whole reply, in one piece", stdout == large_line(MIB), &stdout);
}

#[test]
fn replies_that_the_parent_cannot_print_are_an_error() {
    let spec = support::spec!();
    let reply = chunk(&format!("{}\n", message(&spec)));
    for (reader, what) in [(Reader::DiskFull, "is a full disk"), (Reader::Left, "has no reader")] {
        let check = spec.check(format!("sent a message to the parent; its stdout {what}"));
        let parent = parent_of(&spec, SCRIPTED, &[&reply]).stdin("{}\n").stdout(reader);
        parent.run(&check).code(1).reports_error(&["cannot print"]);
    }
}

// Both together.

#[test]
fn parent_and_worker_talk_to_each_other() {
    let spec = support::spec!();
    let did = "started the parent without a command, so that it is its own worker; its stdin stays open";
    let check = spec.check(did);
    let mut parent = spec.program().start();
    let mut worker = Value::Null;
    for message in messages(&spec, 3) {
        parent.write(format!("{message}\n"));
        let reply = parent.json_line(&check);
        check.json("the message in the reply", &reply["echo"], &message);
        worker = reply["pid"].clone();
    }
    let children: Vec<u32> = process::children(parent.pid()).iter().map(|child| child.pid).collect();
    check.equal("the number of the parent's children", &children.len(), &1);
    check.json("the pid in the reply", &worker, &json!(children[0]));
    parent.finish(&check).code(0).reports_no_error();
    parent.leaves_nothing_behind(&check);
}

#[test]
fn many_messages_need_no_pause_between_them() {
    let spec = support::spec!();
    let mut all = messages(&spec, 500);
    all.extend((0..2).map(|_| json!({"name": spec.word(), "text": "x".repeat(256 * KIB)})));
    let check = spec.check(format!("sent {} messages to the parent at once, some of 256 KiB", all.len()));
    let finished = spec.program().stdin(lines(&all)).run(&check).code(0);
    echoes(&check, &finished, &all);
}
