//! Step 2: read both outputs of the child to their end, at the same time, and then wait for the child. No zombie and no
//! open pipe is left. How a report says that the child has ended is a matter of step 3.

use super::*;

#[test]
fn more_output_than_a_pipe_holds_on_both_streams_is_no_deadlock() {
    let spec = support::spec!();
    let bytes = spec.number(300_000..600_000);
    let scripts = [
        ("first all of stdout, then all of stderr", "write o; write e >&2"),
        ("first all of stderr, then all of stdout", "write e >&2; write o"),
    ];
    for (order, script) in scripts {
        let did = format!("ran a child that writes {bytes} bytes to each of its outputs: {order}");
        let check = spec.early_check(did);
        let note = Note::new();
        // The shell itself writes, so that a failing report shows two processes that wait for each other.
        let write = "write() { t=$1; while [ ${#t} -lt $n ]; do t=$t$t; done; printf %.${n}s $t; }";
        let script = format!("n=$1; {write}; {script}; echo end >\"$2\"");
        let mut program = spec.program().start();
        program.write(lines(&[shell(&script, &[&bytes.to_string(), note.path()])]));
        note.wait(&check, "a child that got rid of all its output");
        check.as_far_as_written(|| holds_all(&check, &parse(&check, &program.line(&check)), bytes));
    }
}

/// The report must have that many letters of each stream, and no others.
fn holds_all(check: &Check, report: &Value, bytes: usize) {
    for (stream, letter) in [("stdout", "o"), ("stderr", "e")] {
        let text = report[stream].as_str().unwrap_or_default();
        check.equal(&format!("the number of bytes from the child's {stream}"), &text.len(), &bytes);
        let whole = text.bytes().all(|byte| byte == letter.as_bytes()[0]);
        check.holds(&format!("only the letter {letter:?} from {stream}"), whole, text);
    }
}

#[test]
fn the_program_sleeps_while_its_child_runs() {
    let spec = support::spec!();
    let scripts = [
        ("its outputs stay open", STOPS.to_owned(), "the child has not written or ended"),
        ("it has closed its outputs before", format!("exec >&- 2>&-; {STOPS}"), "the child has not ended"),
    ];
    for (what, script, meanwhile) in scripts {
        let check = spec.early_check(format!("ran a child that stops itself; {what}"));
        let note = Note::new();
        let mut program = spec.program().start();
        program.write(lines(&[shell(&script, &[note.path()])]));
        let child = note.wait_stopped(&check, &script);
        check.holds("a program that waits for its child", program.is_running(), program.stderr());
        program.sleeps(&check, meanwhile);
        check.equal("what is on stdout before the child has ended", program.stdout().as_str(), "");
        process::signal(child, Signal::SIGCONT);
        check.as_far_as_written(|| drop(parse(&check, &program.line(&check))));
    }
}

#[test]
fn a_report_says_what_its_child_wrote() {
    let spec = support::spec!();
    let (out, err) = (spec.word(), spec.word());
    let check = spec.check(format!("ran `sh`, which writes {out:?} to stdout and {err:?} to stderr"));
    let request = shell("printf %s $1; printf %s $2 >&2; printf %s $$", &[&out, &err]);
    let report = report(&check, spec.program(), request);
    let expected = json!(format!("{out}{}", report["pid"]));
    check.json("the child's stdout, with its pid behind the word,", &report["stdout"], &expected);
    check.json("the child's stderr", &report["stderr"], &json!(err));
}

#[test]
fn each_report_comes_when_its_child_has_ended() {
    let spec = support::spec!();
    let check = spec.check("gave the program one request after another, and kept its stdin open");
    let mut program = spec.program().start();
    for count in 1..4 {
        let word = spec.word();
        let report = ask(&mut program, &check, &shell("echo $1", &[&word]));
        prints(&check, &format!("the output in report {count}"), &report, &word);
    }
    program.finish(&check).code(0);
}

#[test]
fn output_that_is_no_utf_8_is_no_reason_to_stop() {
    let spec = support::spec!();
    let check = spec.check("ran a child that writes the byte 0xFF, which no UTF-8 text has, to each output");
    let requests = [shell("printf 'a\\377b'; printf 'c\\377d' >&2", &[]), shell("echo next", &[])];
    let reports = reports(&check, spec.program(), &requests);
    check.json("the child's stdout", &reports[0]["stdout"], &json!("a\u{FFFD}b"));
    check.json("the child's stderr", &reports[0]["stderr"], &json!("c\u{FFFD}d"));
    prints(&check, "the next child's stdout", &reports[1], "next");
}

#[test]
fn the_output_is_complete_when_its_last_writer_has_closed_it() {
    let spec = support::spec!();
    let did = "ran `sh`, which starts another process and ends; that process has the same stdout, stops, and \
               writes when it goes on";
    let check = spec.check(did);
    let note = Note::new();
    let script = format!("sh -c '{STOPS}; echo late' sh \"$1\" & echo early");
    let mut program = spec.program().start();
    program.write(lines(&[shell(&script, &[note.path()])]));
    let last = note.wait_stopped(&check, &script);
    check.eventually("the first child has ended", || {
        let children = process::children(program.pid());
        children.iter().all(|child| child.is_zombie()).then_some(())
    });
    limit::poll(limit::BRIEFLY, || (!program.stdout().is_empty()).then_some(()));
    let expected = "no report as long as a process can still write to the pipe";
    check.holds(expected, program.stdout().is_empty(), program.stdout());
    process::signal(last, Signal::SIGCONT);
    prints(&check, "the output of both", &parse(&check, &program.line(&check)), "early\nlate");
}

#[test]
fn nothing_is_left_over_after_100_children() {
    let spec = support::spec!();
    let did = "ran 100 requests, one after another: `exit 3`, then `exit 0`, and so on; the program's stdin \
               stays open";
    let check = spec.check(did);
    let mut program = spec.program().start();
    ask(&mut program, &check, &shell("exit 0", &[]));
    let before = process::descriptors(program.pid());
    for request in [shell("exit 3", &[]), shell("", &[])].iter().cycle().take(100) {
        ask(&mut program, &check, request);
    }
    let zombies = process::zombies(program.pid());
    let some: Vec<String> =
        zombies.iter().take(3).map(|zombie| format!("pid {} {}", zombie.pid, zombie.command)).collect();
    let came = format!("{} zombies, among them {}", zombies.len(), some.join(", "));
    check.holds("no zombie: the program waits for each child", zombies.is_empty(), came);
    let none = process::children(program.pid()).is_empty();
    check.holds("no child still runs", none, "see the processes below");
    let after = process::descriptors(program.pid());
    if let (Some(before), Some(after)) = (before, after) {
        let more = after.iter().filter(|open| !before.contains(open)).take(8);
        let more: Vec<String> = more.map(|(number, target)| format!("{number} ({target})")).collect();
        let expected = format!("{} open descriptors, as after the first child", before.len());
        let came = format!("{}, among them {}", after.len(), more.join(", "));
        check.holds(&expected, after.len() <= before.len(), came);
    }
    program.finish(&check).code(0);
}
