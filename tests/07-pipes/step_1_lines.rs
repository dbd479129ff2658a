//! Step 1: `take_line` finds the next line among the bytes that were read, and keeps the rest. It remembers how far it has
//! looked. `lesson-07 lines` prints what it finds, and needs no other step.

use super::*;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::thread;

/// The next line that the program has found must be this one.
fn expect_line(program: &mut Running, check: &Check, number: usize, line: &str) {
    check.equal("the next line of stdout", program.line(check).as_str(), &format!("{number}: {line}"));
}

fn finds_lines(spec: &Spec) -> Program {
    spec.program().arg("lines")
}

#[test]
fn several_lines_may_come_with_one_read() {
    let spec = support::spec!();
    let mut lines: Vec<String> = messages(&spec, spec.number(3..8)).iter().map(Value::to_string).collect();
    lines.insert(1, format!("{}\rends no line", spec.word()));
    lines.insert(2, String::new());
    let check = spec.early_check(format!(
        "sent {} lines to `lesson-07 lines` with one write; the third is empty",
        lines.len()
    ));
    let mut program = finds_lines(&spec).stdin(lines.join("\n") + "\n").start();
    for (number, line) in (1..).zip(&lines) {
        expect_line(&mut program, &check, number, line);
    }
    ends_after(&mut program, &check, lines.len()).code(0);
}

#[test]
fn no_byte_is_lost_wherever_a_line_is_cut() {
    let spec = support::spec!();
    let line = message(&spec).to_string();
    let did = format!("sent {line} to `lesson-07 lines` again and again, cut at every place");
    let check = spec.early_check(did);
    let mut program = finds_lines(&spec).start();
    // Each write ends one line and begins the next one, which is cut a character later.
    let cuts = (1..=line.len()).filter(|cut| line.is_char_boundary(*cut));
    let mut begins = 0;
    for (number, cut) in (1..).zip(cuts) {
        program.write(format!("{}\n{}", &line[begins..], &line[..cut]));
        expect_line(&mut program, &check, number, &line);
        begins = cut;
    }
}

#[test]
fn no_byte_is_searched_again_after_each_read() {
    let spec = support::spec!();
    let did = "sent 2 MiB to `lesson-07 lines`, at most 4 KiB a read: first in lines of 4 KiB, then in one line; a \
               program that searches all bytes again after each read works much longer for that one";
    let check = spec.early_check(did);
    let (line, count) = (large_line(4 * KIB), 512);
    let Some(small) = work(&check, &vec![line; count], Duration::MAX) else { return };
    let enough = small * 4 + Duration::from_millis(100);
    let Some(large) = work(&check, &[large_line(count * 4 * KIB)], enough) else { return };
    let expected = format!("at most {enough:?} of a processor for one line, since many took {small:?}");
    check.holds(&expected, large <= enough, format!("{large:?} or more"));
}

/// How long `lesson-07 lines` has a processor for these lines, which come in small pieces. What it makes of them is a matter
/// of other checks. One that has worked for longer than `enough` need not go on. `None` where the system does not tell.
fn work(check: &Check, lines: &[String], enough: Duration) -> Option<Duration> {
    let (reader, mut writer) = small_pipe().unwrap_or_else(|error| check.fail("a pipe", &error.to_string()));
    let program = finds_lines(check.spec()).stdin_from(File::from(OwnedFd::from(reader))).start();
    // Until it is asked how long it has worked, it must not end.
    let _open = writer.try_clone();
    let text = lines.concat();
    let writing = thread::spawn(move || writer.write_all(text.as_bytes()));
    check.eventually("the program reads what is on its stdin", || {
        let is_enough = program.processor_time().is_some_and(|time| time > enough);
        (is_enough || writing.is_finished()).then_some(())
    });
    // Until it waits for more. One that works on has worked long enough already.
    if writing.is_finished() {
        program.rests();
    }
    program.processor_time()
}
