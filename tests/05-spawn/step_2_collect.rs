//! Step 2: read both outputs of the child to their end, at the same time, and then wait for the child. No zombie and no
//! open pipe is left. How a report says that the child has ended is a matter of step 3.

use super::*;
use std::sync::OnceLock;

/// Whether the program reports a child that exits with 0. If it panics at any such child, that is a matter of step 3: what it
/// does while a child runs is checked anyway.
fn reports_an_exit(check: &Check) -> bool {
    static REPORTS: OnceLock<bool> = OnceLock::new();
    *REPORTS.get_or_init(|| {
        let finished = check.spec().program().stdin(lines(&[shell("exit 0", &[])])).run(check);
        finished.status().code() != Some(101) || !finished.stdout().is_empty()
    })
}

#[test]
fn more_output_than_a_pipe_holds_on_both_streams_does_not_deadlock() {
    let spec = support::spec!();
    let bytes = spec.number(1_100_000..1_300_000);
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
        let request = shell(&script, &[&bytes.to_string(), note.path()]);
        let mut program = spec.program().stdin(lines(&[request])).start();
        note.wait(&check, &program, "a child that got rid of all its output");
        check.as_far_as_written(|| {
            if !reports_an_exit(&check) {
                return;
            }
            let report = parse(&check, &program.line(&check));
            for stream in ["stdout", "stderr"] {
                let length = report[stream].as_str().map_or(0, str::len);
                check.equal(&format!("the number of bytes from the child's {stream}"), &length, &bytes);
            }
        });
    }
}

#[test]
fn the_program_sleeps_while_its_child_runs() {
    let spec = support::spec!();
    let scripts = [
        ("its outputs stay open", STOPS.to_owned(), "the child has not written or ended"),
        (
            "it closes its outputs before",
            STOPS.replace("kill", "exec >&- 2>&-; kill"),
            "the child has not ended",
        ),
    ];
    for (what, script, meanwhile) in scripts {
        let check = spec.early_check(format!("ran a child that stops itself; {what}"));
        let note = Note::new();
        let next = Note::new();
        let requests = [shell(&script, &[note.path()]), shell("echo end >\"$1\"", &[next.path()])];
        let mut program = spec.program().stdin(lines(&requests)).start();
        let child = note.wait_stopped(&check, &program);
        program.sleeps(&check, meanwhile);
        let came = match program.is_running() {
            true => "the child is gone: it was killed".to_owned(),
            false => format!("the program has ended. It says:\n{}{}", program.stdout(), program.stderr()),
        };
        let holds = program.is_running() && !is_gone(child);
        check.holds("a child that has stopped, and a program that waits for it", holds, came);
        check.equal("what is on stdout before the child has ended", program.stdout().as_str(), "");
        check.holds("no second child before the first has ended", next.text().is_none(), "there is one");
        process::signal(child, Signal::SIGCONT);
        check.as_far_as_written(|| {
            if reports_an_exit(&check) {
                parse(&check, &program.line(&check));
            }
        });
    }
}

#[test]
fn a_report_says_what_its_child_wrote() {
    let spec = support::spec!();
    let (out, err) = (spec.word(), spec.word());
    let did = format!(
        "ran `sh`, which writes {out:?} to stdout and \"{err}-{err}\" to stderr, then the byte 0xFF, which no UTF-8 text \
         has, and then the same words, once with `exit 3` and once with `kill -KILL $$`"
    );
    let check = spec.check(did);
    if !reports_an_exit(&check) {
        return;
    }
    let words = |end| shell(&format!("printf %s $1; echo $2-$2 >&2; printf %s $$; {end}"), &[&out, &err]);
    let bytes = shell("printf 'a\\377b'; printf 'c\\377d' >&2", &[]);
    let requests = [words("exit 0"), bytes, words("exit 3"), words("kill -KILL $$")];
    let finished = spec.program().stdin(lines(&requests)).run(&check);
    let reports: Vec<Value> = finished.stdout().lines().map(|line| parse(&check, line)).collect();
    // A panic at a signal is a matter of step 3, and so is `signal().unwrap()` at `exit 3`.
    let unwraps = finished.stderr().contains("`Option::unwrap()`");
    let at_least = match finished.status().code() {
        Some(101) if unwraps => 2,
        Some(101) => 3,
        _ => 4,
    };
    check.holds("a report of each child", reports.len() >= at_least, finished.describe());
    for (report, bytes) in reports.iter().zip([false, true, false, false]) {
        let (stdout, stderr) = match bytes {
            true => ("a\u{FFFD}b".to_owned(), "c\u{FFFD}d".to_owned()),
            false => (format!("{out}{}", report["pid"]), format!("{err}-{err}\n")),
        };
        let expected = format!(
            "a report of the child's stdout, {stdout:?} with its pid behind the word, and of its stderr, {stderr:?}"
        );
        check.holds(&expected, report["stdout"] == stdout && report["stderr"] == stderr, report);
    }
    // The program may log its requests, but these words are in none of them.
    let is_repeated = finished.stderr().contains(&format!("{err}-{err}"));
    check.holds("nothing of the child's stderr on the program's own", !is_repeated, finished.stderr());
}

#[test]
fn the_output_is_complete_when_its_last_writer_has_closed_it() {
    let spec = support::spec!();
    let did = "ran `sh`, which starts another process and ends; that process has the same stdout, stops, and \
               writes when it goes on";
    let check = spec.check(did);
    if !reports_an_exit(&check) {
        return;
    }
    let note = Note::new();
    let script = format!("sh -c '{STOPS}; echo late' sh \"$1\" & echo early");
    let mut program = spec.program().stdin(lines(&[shell(&script, &[note.path()])])).start();
    let last = note.wait_stopped(&check, &program);
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
fn each_report_comes_when_its_child_has_ended_and_nothing_is_left() {
    let spec = support::spec!();
    let check = spec.check("ran 10 requests, one after another; the program's stdin stays open");
    if !reports_an_exit(&check) {
        return;
    }
    let mut program = spec.program().start();
    let mut before = None;
    for _ in 0..10 {
        program.write(lines(&[shell("exit 0", &[])]));
        parse(&check, &program.line(&check));
        before = before.or_else(|| process::descriptors(program.pid()));
    }
    let children = process::children(program.pid());
    let some: Vec<String> =
        children.iter().take(3).map(|child| format!("pid {} {}", child.pid, child.command)).collect();
    let came = format!("{} children, among them {}", children.len(), some.join(", "));
    check.holds("no child and no zombie: the program waits for each child", children.is_empty(), came);
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

#[test]
fn an_error_while_waiting_is_reported() {
    let spec = support::spec!();
    let check = spec.early_check("ran `exit 0` while SIGCHLD is ignored, so that waiting for a child fails");
    let mut program = spec.program().stdin(lines(&[shell("exit 0", &[])])).ignoring_sigchld().start();
    check.as_far_as_written(|| {
        let report = parse(&check, &program.line(&check));
        check.holds("`collect` returns that error", report["ended"].get("error").is_some(), &report);
    });
}
