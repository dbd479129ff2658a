//! Step 1: start a child with the request's program and arguments. It inherits our environment, and the request's `env` is
//! added. Its outputs are pipes, and its stdin is empty. What becomes of the child is a matter of later steps, so each child
//! here notes in a file what it finds.

use super::*;

#[test]
fn the_child_is_a_child_of_the_program() {
    let spec = support::spec!();
    let check = spec.early_check("ran `sh`, which notes its pid in a file and stops itself");
    let note = Note::new();
    let mut program = spec.program().start();
    program.write(lines(&[shell(STOPS, &[note.path()])]));
    let noted = note.wait(&check, "a child that has noted its pid");
    check.as_far_as_written(|| {
        let pid = note.wait_stopped(&check, STOPS);
        let parent = process::info(pid).map(|child| child.parent);
        check.equal("the pid of the child's parent", &parent, &Some(program.pid()));
    });
    check.holds("another process than the program", noted.trim() != program.pid().to_string(), noted);
}

#[test]
fn arguments_arrive_as_they_are() {
    let spec = support::spec!();
    let word = spec.word();
    let cases = [["two words", "$HOME", "*", &word], ["a;b|c", "", "it's \"quoted\"", "Grüße"]];
    for args in cases {
        let check = spec.early_check(format!("ran a script that notes its arguments in a file: {args:?}"));
        let (note, script) = (Note::new(), Scratch::new(env!("CARGO_TARGET_TMPDIR"), "script.sh"));
        let text = format!("{{ printf '%s\\n' \"$@\"; echo end; }} >'{}'\n", note.path());
        fs::write(script.path(), text).unwrap_or_else(|error| check.fail("a script", &error.to_string()));
        let all: Vec<&str> = script.path().to_str().into_iter().chain(args).collect();
        let mut program = spec.program().start();
        program.write(lines(&[json!({"program": "sh", "args": all})]));
        let got = note.wait(&check, "a child that has noted its arguments");
        let expected: String = args.iter().map(|arg| format!("{arg}\n")).collect();
        check.equal("what the child got", got.as_str(), expected.as_str());
    }
}

#[test]
fn the_environment_is_inherited_and_added_to() {
    let spec = support::spec!();
    let (kept, old, new) = (spec.word(), spec.word(), spec.word());
    let cases = [
        (json!({"CHANGED": new}), &new, format!("sets CHANGED={new}")),
        (json!({}), &old, "sets nothing".into()),
    ];
    for (env, changed, what) in cases {
        let check = spec.early_check(format!("KEPT={kept} CHANGED={old} are ours; a request {what}"));
        let note = Note::new();
        let mut request = shell("{ echo \"$KEPT $CHANGED\"; echo end; } >\"$1\"", &[note.path()]);
        request["env"] = env;
        let mut program = spec.program().env("KEPT", &kept).env("CHANGED", &old).start();
        program.write(lines(&[request]));
        let got = note.wait(&check, "a child that has noted its variables");
        let what = "the line with the child's variables KEPT and CHANGED";
        check.equal(what, got.trim_end(), format!("{kept} {changed}").as_str());
    }
}

#[test]
fn the_requests_on_stdin_are_none_of_the_childs_business() {
    let spec = support::spec!();
    let did = "ran `cat`, which reads its stdin to the end, while the program's own stdin stays open";
    let check = spec.early_check(did);
    let note = Note::new();
    let mut program = spec.program().start();
    program.write(lines(&[shell("{ cat; echo end; } >\"$1\"", &[note.path()])]));
    let got = note.wait(&check, "a child whose stdin is at its end");
    check.equal("what the child finds on its stdin", got.as_str(), "");
}

#[test]
fn the_childs_outputs_are_pipes_to_the_program() {
    let spec = support::spec!();
    let (out, err) = (spec.word(), spec.word());
    let check = spec.early_check(format!("ran `sh`, which writes {out:?} to stdout and {err:?} to stderr"));
    let note = Note::new();
    let script = "[ -p /dev/fd/1 ] && out=pipe; [ -p /dev/fd/2 ] && err=pipe; trap '' PIPE; \
                  echo \"$2\"; echo \"$3\" >&2; \
                  { echo \"stdout: ${out-no pipe}, stderr: ${err-no pipe}\"; echo end; } >\"$1\"";
    let mut program = spec.program().start();
    program.write(lines(&[shell(script, &[note.path(), &out, &err])]));
    let found = note.wait(&check, "a child that has written its lines");
    check.equal("what the child's outputs are", found.trim_end(), "stdout: pipe, stderr: pipe");
    // What the program makes of the child's end is a matter of later steps. What the child has written elsewhere is there.
    program.signal(Signal::SIGKILL);
    let finished = program.finish(&check);
    for (stream, word, text) in [("stdout", &out, finished.stdout()), ("stderr", &err, finished.stderr())] {
        let captured = !text.lines().any(|line| line == word);
        check.holds(&format!("the child's {stream} in a pipe, not on the program's own"), captured, text);
    }
}

#[test]
fn nothing_to_do_is_done_at_once() {
    let spec = support::spec!();
    let check = spec.check("ran the program with nothing on stdin");
    spec.program().stdin("").run(&check).code(0).stdout_is("nothing", &is_empty());
}
