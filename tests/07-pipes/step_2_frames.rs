//! Step 2: `next_frame` takes a line, reads more where there is none, and stops at end of file. Empty lines are
//! skipped, and white space around a frame is cut off. `lesson-07 frames` prints what it returns.

use super::*;

#[test]
fn a_frame_may_come_one_byte_at_a_time() {
    let spec = support::spec!();
    let did = "sent two messages to `lesson-07 frames`, one byte at a time; its stdin stays open";
    let check = spec.check(did);
    let mut program = frames(&spec).start();
    for message in messages(&spec, 2) {
        let bytes = format!("{message}\n").into_bytes();
        program.write_pieces(&check, &bytes.chunks(1).collect::<Vec<_>>());
        expect_frame(&mut program, &check, &message.to_string());
    }
    ends_after(&mut program, &check, 2).code(0);
}

#[test]
fn several_frames_and_a_half_may_come_at_once() {
    let spec = support::spec!();
    let count = spec.number(3..8);
    let did = format!(
        "sent {count} messages and a half to `lesson-07 frames`, with one write; its stdin stays open"
    );
    let check = spec.check(did);
    let messages = messages(&spec, count + 1);
    let text = lines(&messages);
    let last = messages[count].to_string();
    let cut = text.len() - spec.number(1..last.len());
    let mut program = frames(&spec).start();
    program.write(&text.as_bytes()[..cut]);
    for message in &messages[..count] {
        expect_frame(&mut program, &check, &message.to_string());
    }
    program.write(&text.as_bytes()[cut..]);
    expect_frame(&mut program, &check, &last);
    ends_after(&mut program, &check, count + 1).code(0);
}

#[test]
fn empty_lines_and_carriage_returns_are_not_frames() {
    let spec = support::spec!();
    let check = spec.check(
        "sent 4 messages with empty lines, lines of spaces and CRLF among them, and spaces at the end",
    );
    let [a, b, c, d] = [(); 4].map(|()| message(&spec).to_string());
    let text = format!("\n\r\n{a}\r\n\n  \n \t{b} \n\n\n{c}\r\n{d}\n\n \t");
    let mut program = frames(&spec).stdin(text).start();
    for frame in [a, b, c, d] {
        expect_frame(&mut program, &check, &frame);
    }
    ends_after(&mut program, &check, 4).code(0);
}

#[test]
fn any_number_of_empty_lines_is_skipped() {
    let spec = support::spec!();
    let check = spec.check("sent 100,000 empty lines, and then a message");
    let frame = message(&spec).to_string();
    let mut program = frames(&spec).stdin("\n".repeat(100_000) + &frame + "\n").start();
    expect_frame(&mut program, &check, &frame);
    ends_after(&mut program, &check, 1).code(0);
}

#[test]
fn the_last_frame_needs_no_newline() {
    let spec = support::spec!();
    let [first, last] = [(); 2].map(|()| message(&spec).to_string());
    for (what, text) in [("the second one", format!("{first}\n{last}")), ("the only one", last.clone())] {
        let check = spec.check(format!("sent messages to `lesson-07 frames`; {what} ends with the stream"));
        let mut program = frames(&spec).stdin(text.clone()).start();
        for frame in text.lines() {
            expect_frame(&mut program, &check, frame);
        }
        ends_after(&mut program, &check, text.lines().count()).code(0);
    }
}

#[test]
fn a_frame_keeps_its_bytes() {
    let spec = support::spec!();
    let check = spec.check("sent a line that isn't UTF-8 to `lesson-07 frames | od -An -v -tx1`");
    let line = [&b"\xff\xc3"[..], spec.word().as_bytes(), b"\xe2\x82\n"].concat();
    let script = "\"$1\" frames | od -An -v -tx1";
    let shell = spec.other_program("sh", "sh").args(["-c", script, "sh"]).arg(spec.program_path());
    let finished = shell.stdin(line.clone()).run(&check);
    let printed: Vec<String> = finished.stdout().split_whitespace().map(str::to_owned).collect();
    let expected: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
    check.equal("the output of od", printed.join(" ").as_str(), &expected.join(" "));
}

#[test]
fn a_stream_that_cannot_be_read_is_not_at_its_end() {
    let spec = support::spec!();
    let check = spec.check("ran `lesson-07 frames < .`, where stdin is a folder");
    frames(&spec).stdin_from(folder()).run(&check).code(2).reports_error(&["cannot read"]);
}
