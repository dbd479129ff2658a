//! Step 2: keep counting from the number that was copied, and write one report to the pipe, with one write. The spec stops the
//! parent, and reads in its place what the child writes. What the parent has written, it prints itself, once step 3 is written.

use super::*;

/// A program whose parent is stopped, so that only the spec reads the pipe.
struct Held {
    program: Running,
    child: u32,
    pipe: Pipe,
}

impl Held {
    /// `None` where the system does not let others look into a pipe.
    fn start(check: &Check, numbers: &Numbers) -> Option<Self> {
        let program = numbers.program(check.spec()).start();
        let child = copy_of(&program, check);
        program.pause(check);
        Some(Self { pipe: Pipe::of(child)?, program, child })
    }

    /// Ends stdin, and returns what the child writes to the pipe until its end. What it prints is no part of that.
    fn written(mut self, check: &Check) -> String {
        self.program.close_stdin();
        wait_for_end_of(check, self.child);
        let written = String::from_utf8_lossy(&self.pipe.take()).into_owned();
        self.program.signal(Signal::SIGKILL);
        let stdout = self.program.finish(check).stdout();
        let no_report = !stdout.contains("\"counter\"");
        check.holds("a report in the pipe, and none on the child's own stdout", no_report, stdout);
        written
    }
}

#[test]
fn the_child_counts_on_and_writes_one_line_to_the_pipe() {
    let spec = support::spec!();
    let (start, steps) = (spec.number(1..100), spec.number(1..50));
    let cases = [(0, 0), (steps, 0), (0, steps)].map(|(parent_steps, child_steps)| Numbers {
        start,
        parent_steps,
        child_steps,
    });
    for numbers in cases.into_iter().chain([Numbers::random(&spec)]) {
        let check = spec.early_check(format!("{}; read the pipe in the parent's place", numbers.did()));
        let Some(held) = Held::start(&check, &numbers) else { return };
        let child = held.child;
        let line = held.written(&check);
        let report: Value = line.parse().unwrap_or_default();
        let is_line = line.ends_with('\n') && line.lines().count() == 1 && report.is_object();
        check.holds("one report: a line of JSON, with its line end", is_line, format!("{line:?}"));
        let expected = json!(numbers.start + numbers.child_steps);
        check.json("the counter of the child", &report["counter"], &expected);
        check.json("the pid in the child's report", &report["pid"], &json!(child));
        check.json("the process that reports", &report["process"], &json!("child"));
    }
}

#[test]
fn the_parent_counts_on_too_and_goes_on_after_its_report() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let check = spec.early_check(format!("{}; let only the parent count at first", numbers.did()));
    let mut program = numbers.program(&spec).start();
    let (parent, child) = (program.pid(), copy_of(&program, &check));
    support::pause(&check, child);
    program.close_stdin();
    check.as_far_as_written(|| {
        program.rests();
        let expected = "a parent that goes on after its report, since its child has not ended";
        check.holds(expected, program.is_running(), "it has exited");
        support::resume(&check, child);
        wait_for_end_of(&check, child);
        program.rests();
        // Whether it ends, and prints what it has read, is a matter of later steps.
        if program.is_running() {
            return;
        }
        let finished = program.finish(&check);
        let lines: Vec<Value> = finished.stdout().lines().filter_map(|line| line.parse().ok()).collect();
        for report in lines.iter().filter(|line| line["pid"] == parent) {
            check.json("the process that reports", &report["process"], &json!("parent"));
            let expected = json!(numbers.start + numbers.parent_steps);
            check.json("the counter of the parent", &report["counter"], &expected);
        }
    });
}

#[test]
fn a_report_is_written_in_one_piece() {
    let spec = support::spec!();
    let numbers = Numbers::random(&spec);
    let did = "filled the pipe, so that all of a report but its last byte would still go in";
    let check = spec.early_check(format!("{}; {did}", numbers.did()));
    let Some(first) = Held::start(&check, &numbers) else { return };
    let pids = |held: &Held| format!("{}{}", held.child, held.program.pid()).len();
    let other = pids(&first);
    let length = first.written(&check).len();
    // What is longer, the kernel may cut (pipe(7)).
    let is_short = (1..=4096).contains(&length);
    check.holds("one report in the pipe, of at most 4096 bytes", is_short, format!("{length} bytes"));

    let Some(mut held) = Held::start(&check, &numbers) else { return };
    let room = (length + pids(&held)).saturating_sub(other + 1);
    held.pipe.leave_room(room).unwrap_or_else(|error| check.fail("a full pipe", &error.to_string()));
    let full = held.pipe.filled();
    let look = || process::activity(std::iter::once(held.child));
    let before = look();
    held.program.close_stdin();
    check.eventually("the child writes its report", || {
        let ended = process::info(held.child).is_none_or(|info| info.is_zombie());
        // It has read the end of stdin and sleeps again: in a write that waits for room.
        let waits = look().is_some_and(|now| before.as_ref() != Some(&now) && !now.is_at_work());
        (held.pipe.filled() > full || ended || waits).then_some(())
    });
    if held.pipe.filled() > full {
        let written = held.pipe.take();
        let piece = String::from_utf8_lossy(&written).replace('\0', "");
        let expected = "one write with the whole report and its line end: what is written in pieces can be mixed \
                        with another report";
        check.fail(expected, &format!("{piece:?}, in more than one write"));
    }
}
