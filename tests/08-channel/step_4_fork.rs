//! Step 4: fork. Make a pair of sockets, tell the child the number of its end and how messages are written, and start it.
//! The parent keeps no copy of the child's end.

use super::*;
#[cfg(target_os = "linux")]
use support::Reader;

/// What the child says that it was given: see [`report`].
fn report_of_the_child(check: &Check, program: &Running) -> Value {
    let line = program.log_line(check, &starts_with(REPORT));
    parse(check, line.trim_start_matches(REPORT))
}

#[test]
fn the_child_is_told_its_end_of_the_channel_and_gets_nothing_else() {
    let spec = support::spec!();
    let word = spec.word();
    let did =
        format!("ran the program with SPEC_WORD={word} and a child that says on stderr what it was given");
    let check = spec.early_check(did);
    let program = parent_of(&spec, "report").env("SPEC_WORD", &word).start();
    let report = report_of_the_child(&check, &program);
    check.json("the child's NODE_CHANNEL_SERIALIZATION_MODE", &report["had"]["mode"], &json!("json"));
    check.json("the child's SPEC_WORD", &report["had"]["word"], &json!(word));
    if cfg!(target_os = "linux") {
        let is_socket = report["channel"].as_str().is_some_and(|target| target.starts_with("socket:"));
        let came = format!("{}, which is {}", report["had"]["NODE_CHANNEL_FD"], report["channel"]);
        check.holds("the child's NODE_CHANNEL_FD is the number of an open socket", is_socket, came);
        check.json("the list of the child's sockets beside the channel", &report["extra"], &json!([]));
    }
}

#[test]
fn what_the_child_prints_is_on_the_programs_stdout() {
    let spec = support::spec!();
    let word = spec.word();
    let check = spec.early_check(format!("ran the program with the command `echo {word}`"));
    let mut program = spec.program().args(["echo", &word]).start();
    check.equal("line 1 of stdout", &program.line(&check), &word);
}

#[cfg(target_os = "linux")]
#[test]
fn the_parent_keeps_no_copy_of_the_childs_end() {
    let spec = support::spec!();
    let check = spec.early_check("ran the program, and looked at its descriptors while the child runs");
    // Whether there is a child that has its end is the matter of another check.
    let program = parent_of(&spec, "report").start();
    let report = check.comes(|| program.logged(REPORT).pop()).unwrap_or_default();
    if !report.contains("socket:") {
        return;
    }
    // This one has forked its child and waits: what it says then is not read.
    let program = parent_of(&spec, "answer once").stderr(Reader::Stopped).start();
    let ours: Vec<String> = sockets(std::process::id()).map(|(_, target)| target).collect();
    let expected = "the child's end is open in the child alone, so that the parent sees when the child dies";
    check.eventually_gives(expected, || {
        let child = process::children(program.pid()).pop().ok_or("there is no child")?;
        let childs: Vec<String> = sockets(child.pid).map(|(_, target)| target).collect();
        let is_copy = |(_, target): &(i32, String)| childs.contains(target) && !ours.contains(target);
        match sockets(program.pid()).find(is_copy) {
            Some((number, target)) => Err(format!("the parent has a copy, descriptor {number} ({target})")),
            None if childs.is_empty() => Err("the child has no socket".to_owned()),
            None => Ok(()),
        }
    });
}

/// The sockets that a process has open, the spec's own ones if the shell that runs it has left some open.
#[cfg(target_os = "linux")]
fn sockets(pid: u32) -> impl Iterator<Item = (i32, String)> {
    let open = process::descriptors(pid).unwrap_or_default();
    open.into_iter().filter(|(_, target)| target.starts_with("socket:"))
}

#[test]
fn a_command_that_does_not_exist_is_reported() {
    let spec = support::spec!();
    let name = format!("no-such-program-{}", spec.word());
    let check = spec.check(format!("ran the program with the command {name}"));
    spec.program().arg(&name).stdin("1\n").run(&check).code(2).reports_error(&["cannot start", &name]);
    let check = spec.check("ran the program with a command whose name is not UTF-8, and does not exist");
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"no-such-program-\xff");
    spec.program().arg(name).stdin("1\n").run(&check).code(2).reports_error(&["no-such-program-"]);
}
