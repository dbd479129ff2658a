//! Step 1: start a child with the request's program and arguments. It inherits our environment, and the request's `env` is
//! added. Its outputs are pipes, and its stdin is empty. What becomes of the child is a matter of later steps, so each child
//! here notes in a file what it finds.

use super::*;
use std::iter;
use std::os::unix::fs::symlink;

/// Waits for the child's note while the program's stdin is open. If the program starts no child and reads on, this closes
/// stdin: whether children start before end of file is a matter of step 2. `None`: there is a report instead, of a child that
/// was started and did not exit, so step 2 has killed it.
fn noted(check: &Check, program: &mut Running, note: &Note, expected: &str) -> Option<String> {
    if limit::poll(limit::BRIEFLY, || note.text()).is_none() {
        program.rests();
        let reads = process::waiting_in(program.pid()).is_some_and(|waits| waits.contains("reading stdin"));
        if reads && note.text().is_none() {
            program.close_stdin();
        }
    }
    let is_killed = |report: &Value| report["pid"].is_number() && report["ended"].get("exit").is_none();
    check.eventually_gives(expected, || {
        // Looked at first, so that a note that is not there by then will not come.
        let report: Option<Value> = program.stdout().parse().ok();
        match (note.text(), report) {
            (Some(text), _) => Ok(Some(text)),
            (None, Some(report)) if is_killed(&report) => Ok(None),
            (None, Some(_)) => check.fail(expected, &missing(program)),
            (None, None) => Err(missing(program)),
        }
    })
}

/// Waits for the report, or for the program's end. Either may be a matter of later steps.
fn report_or_end(check: &Check, program: &mut Running) {
    check.comes(|| (program.stdout().ends_with('\n') || !program.is_running()).then_some(()));
    if !program.is_running() {
        // Its last words may come a moment later.
        program.finish(check);
    }
}

#[test]
fn the_child_is_a_child_of_the_program() {
    let spec = support::spec!();
    let check = spec.early_check("ran `sh`, which notes its pid in a file and stops itself");
    let note = Note::new();
    // The path of this sh has a space in it.
    let folder = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "two words");
    let sh = folder.path().join("sh");
    let made = fs::create_dir(folder.path()).and_then(|()| symlink("/bin/sh", &sh));
    made.unwrap_or_else(|error| check.fail("a link to /bin/sh", &error.to_string()));
    let mut request = shell(STOPS, &[note.path()]);
    request["program"] = json!(sh);

    let mut program = spec.program().start();
    program.write(lines(&[request]));
    if noted(&check, &mut program, &note, "a child that has noted its pid").is_none() {
        return;
    }
    let pid = note.wait_stopped(&check, &program);
    check.holds("another process than the program", pid != program.pid(), pid);
    // While step 2 is not written, its `todo!` says that `start` has returned.
    program.rests();
    let has_returned = |program: &Running| !program.logged("not yet implemented: 2:").is_empty();
    let returns_early = has_returned(&program);
    // If the child was killed or the program has panicked, that is a matter of step 2.
    let child = process::info(pid).filter(|_| program.is_running());
    if !is_gone(pid) {
        check.equal("what is on stdout while the child runs", program.stdout().as_str(), "");
    }
    process::signal(pid, Signal::SIGCONT);
    report_or_end(&check, &mut program);
    let holds = returns_early || !has_returned(&program);
    check.holds("`start` returns while its child runs", holds, "it returns when the child has ended");
    check.as_far_as_written(|| {
        if let Some(child) = child {
            check.equal("the pid of the child's parent", &child.parent, &program.pid());
        }
    });
}

#[test]
fn start_does_not_wait_for_its_child() {
    let spec = support::spec!();
    // Then a `start` that waits returns an error, and the report has no pid. Other errors are a matter of step 2.
    let check = spec.early_check("ran `exit 0` while SIGCHLD is ignored, so that waiting for a child fails");
    let mut program = spec.program().stdin(lines(&[shell("exit 0", &[])])).ignoring_sigchld().start();
    check.as_far_as_written(|| {
        report_or_end(&check, &mut program);
        let waits = program.stdout().parse().is_ok_and(|report: Value| report["pid"].is_null());
        check.holds("the pid of the child in the report", !waits, program.stdout());
    });
}

#[test]
fn arguments_environment_and_streams_arrive_as_the_task_says() {
    let spec = support::spec!();
    let [kept, old, new, added, out, err] = [(); 6].map(|()| spec.word());
    let args = [" two words ", "$HOME", "*", &spec.word(), "a;b|c", "", "\"quoted\"", "Grüße"];
    let check = spec.early_check(format!(
        "KEPT={kept} CHANGED={old} are ours; a request sets ADDED={added} and CHANGED={new}, and has `env` run `sh` with a \
         script, which notes what it finds, and the arguments {args:?}"
    ));
    let (note, stdin, script) =
        (Note::new(), Note::new(), Scratch::new(env!("CARGO_TARGET_TMPDIR"), "script.sh"));
    let text = format!(
        "trap '' PIPE; echo {out}; echo {err} >&2; out=$(readlink /proc/$$/fd/1); err=$(readlink /proc/$$/fd/2)\n\
         {{ printf '%s\\n' \"$@\" \"$KEPT $CHANGED $ADDED\" \"$out\" \"$err\"; echo end; }} >'{}'\n\
         {{ cat; echo end; }} >'{}'\n",
        note.path(),
        stdin.path()
    );
    fs::write(script.path(), text).unwrap_or_else(|error| check.fail("a script", &error.to_string()));
    let all: Vec<&str> = iter::once("sh").chain(script.path().to_str()).chain(args).collect();

    let mut program = spec.program().env("KEPT", &kept).env("CHANGED", &old).start();
    // Before step 2 is written, the program exits soon, so its own pipes are looked up first.
    let ours = process::descriptors(std::process::id());
    program.write(lines(&[json!({"program": "env", "args": all, "env": {"ADDED": added, "CHANGED": new}})]));
    let Some(got) = noted(&check, &mut program, &note, "a child that has noted what it finds") else {
        return;
    };
    let (got, outputs) =
        got.split_at(got.match_indices('\n').nth(args.len()).map_or(got.len(), |(at, _)| at + 1));
    let variables = format!("{kept} {new} {added}");
    let expected: String = args.iter().chain([&&*variables]).map(|line| format!("{line}\n")).collect();
    check.equal("what the child got, with KEPT, CHANGED and ADDED in the last line,", got, &expected);
    for ((stream, found), word) in ["stdout", "stderr"].iter().zip(outputs.lines()).zip([&out, &err]) {
        let is_own = match &ours {
            Some(ours) => found.starts_with("pipe:") && ours.iter().all(|(_, target)| target != found),
            None => !(program.stdout() + &program.stderr()).lines().any(|line| line == word),
        };
        let expected = format!("the child's {stream} in a pipe, not on the program's own");
        check.holds(&expected, is_own, found);
    }
    let are_two = ours.is_none() || outputs.lines().next() != outputs.lines().nth(1);
    check.holds("a pipe for stdout and another one for stderr", are_two, format!("twice\n{outputs}"));
    let expected = "a child whose stdin is at its end";
    let Some(got) = noted(&check, &mut program, &stdin, expected) else { return };
    let what = "what the child finds on its stdin, while the program's own stays open,";
    check.equal(what, got.as_str(), "");

    check.as_far_as_written(|| {
        let note = Note::new();
        program.write(lines(&[shell("{ echo \"$KEPT $CHANGED\"; echo end; } >\"$1\"", &[note.path()])]));
        // Whether there is a next child is a matter of step 2.
        check.comes(|| (note.text().is_some() || !program.is_running()).then_some(()));
        if let Some(got) = note.text() {
            let what =
                "the line with the variables KEPT and CHANGED of the next child, whose request sets none,";
            check.equal(what, got.trim_end(), &format!("{kept} {old}"));
        }
    });
}

#[test]
fn a_program_that_does_not_exist_has_no_child() {
    let spec = support::spec!();
    let missing = format!("{}-is-not-there", spec.word());
    let check = spec.early_check(format!("ran {missing:?}, which does not exist"));
    let finished = spec.program().stdin(lines(&[json!({"program": missing})])).run(&check);
    let said = finished.stderr();
    // Any other panic is a matter of step 4: this is how `unwrap` and `expect` show the error.
    let is_unwrapped = said.contains("Os { code: 2,");
    let has_child = said.contains("not yet implemented: 2:")
        || finished.stdout().parse().is_ok_and(|report: Value| report["pid"].is_number());
    let expected = "no child: `start` returns the error that `spawn` returned";
    check.holds(expected, !is_unwrapped && !has_child, finished.describe());
}

#[test]
fn nothing_to_do_is_done_at_once() {
    let spec = support::spec!();
    let check = spec.check("ran the program with nothing on stdin");
    spec.program().stdin("").run(&check).code(0).stdout_is("nothing", &is_empty());
}
