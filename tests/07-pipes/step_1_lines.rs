//! Step 1: `take_line` finds the next line among the bytes that were read, and keeps the rest. It remembers how far it has
//! looked. `lesson-07 frames` prints what it finds.

use super::*;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::thread;

#[test]
fn several_lines_may_come_with_one_read() {
    let spec = support::spec!();
    let count = spec.number(3..8);
    let check = spec.early_check(format!("sent {count} messages to `lesson-07 frames` with one write"));
    let messages = messages(&spec, count);
    let mut program = frames(&spec).stdin(lines(&messages)).start();
    for message in &messages {
        expect_frame(&mut program, &check, &message.to_string());
    }
}

#[test]
fn no_byte_is_lost_wherever_a_line_is_cut() {
    let spec = support::spec!();
    let frame = message(&spec).to_string();
    let did = format!("sent {frame} to `lesson-07 frames` again and again, cut at every place");
    let check = spec.early_check(did);
    // Each write ends one line and begins the next one, which is cut a character later.
    let cuts = (1..=frame.len()).filter(|cut| frame.is_char_boundary(*cut));
    let (mut begin, mut pieces) = (0, Vec::new());
    for cut in cuts {
        pieces.push(format!("{}\n{}", &frame[begin..], &frame[..cut]));
        begin = cut;
    }
    pieces.push("\n".to_owned());
    let expected = frame.repeat(pieces.len());
    let mut program = frames(&spec).start();
    check.as_far_as_written(|| {
        program.write_pieces(&check, &pieces.iter().map(String::as_bytes).collect::<Vec<_>>());
        check.eventually_gives("all of it is printed, in however many lines", || {
            // How many lines that makes is a matter of step 2.
            let printed = program.stdout().replace('\n', "");
            let so_far = expected.starts_with(&printed);
            check.holds("nothing but what was sent is printed, in however many lines", so_far, &printed);
            if printed.len() == expected.len() { Ok(()) } else { Err(printed) }
        });
    });
}

#[test]
fn no_byte_is_searched_again_after_each_read() {
    let spec = support::spec!();
    let did = "sent 2 MiB to `lesson-07 frames`, at most 4 KiB a read: first in lines of 4 KiB, then in one line; a \
               program that searches all bytes again after each read works much longer for that one";
    let check = spec.check(did);
    let (line, count) = (large_line(4 * KIB), 512);
    let small = work(&check, &vec![line; count]);
    let large = work(&check, &[large_line(count * 4 * KIB)]);
    if let (Some(small), Some(large)) = (small, large) {
        let enough = small * 4 + Duration::from_millis(100);
        let expected = format!("at most {enough:?} of a processor for one line, since many took {small:?}");
        check.holds(&expected, large <= enough, format!("{large:?}"));
    }
}

/// How long `lesson-07 frames` has a processor for these lines, which come in small pieces. What it makes of them is a matter
/// of other checks. `None` where the system does not tell.
fn work(check: &Check, lines: &[String]) -> Option<Duration> {
    let (reader, mut writer) = small_pipe().unwrap_or_else(|error| check.fail("a pipe", &error.to_string()));
    let program = frames(check.spec()).stdin_from(File::from(OwnedFd::from(reader))).start();
    // Until it is asked how long it has worked, it must not end.
    let _open = writer.try_clone();
    let text = lines.concat();
    let writing = thread::spawn(move || writer.write_all(text.as_bytes()));
    check.eventually("the program reads what is on its stdin", || writing.is_finished().then_some(()));
    // Until it waits for more. One that works on has worked long enough already.
    program.rests();
    program.processor_time()
}
