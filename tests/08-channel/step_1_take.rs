//! Step 1: take the channel that the environment announces, and keep it from the programs that this child starts. Without
//! a usable one, say so.

use super::*;
#[cfg(target_os = "linux")]
use support::Reader;

/// What the program says when it was not forked: the text of `Error::NotForked`.
const NOT_FORKED: &str = "not forked: NODE_CHANNEL_FD is not set";

/// Whether the program has refused the channel.
fn is_refused(finished: &Finished) -> bool {
    ["NODE_CHANNEL_FD", "serialization"].iter().any(|word| finished.stderr().contains(word))
}

/// A program that has taken its channel waits for a message, and whatever goes wrong then is the matter of a later step.
fn takes_the_channel(check: &Check, mut program: Running, mut channel: Channel) {
    channel.disconnect();
    let Some(finished) = last_words(check, &mut program) else { return };
    check.holds("a child that takes the announced channel", !is_refused(&finished), finished.describe());
}

#[test]
fn the_announced_channel_is_taken() {
    let spec = support::spec!();
    for mode in ["json", ""] {
        let did = format!("forked `child` with NODE_CHANNEL_SERIALIZATION_MODE={mode:?}, then disconnected");
        let check = spec.early_check(did);
        let (program, channel) = spec.program().arg("child").fork_with_mode(mode);
        takes_the_channel(&check, program, channel);
    }
    let check = spec.early_check("forked `child` without NODE_CHANNEL_SERIALIZATION_MODE, then disconnected");
    let env = spec.other_program("/usr/bin/env", "env");
    let program = env.arg("-u").arg("NODE_CHANNEL_SERIALIZATION_MODE").arg(spec.program_path()).arg("child");
    let (program, channel) = program.fork();
    takes_the_channel(&check, program, channel);
}

#[test]
fn without_a_channel_the_child_was_not_forked() {
    let spec = support::spec!();
    let child = || spec.program().arg("child").env("NODE_CHANNEL_SERIALIZATION_MODE", "json");
    let check = spec.early_check("ran `child` without NODE_CHANNEL_FD");
    child().run(&check).code(2).reports_error(&[NOT_FORKED]);
    let check = spec.early_check("ran `child` with an empty NODE_CHANNEL_FD, which counts as not set");
    child().env("NODE_CHANNEL_FD", "").run(&check).code(2).reports_error(&[NOT_FORKED]);
}

#[test]
fn a_number_without_an_open_socket_is_refused() {
    let spec = support::spec!();
    let bad = [
        ("three", "which isn't a number"),
        ("-1", "which no descriptor has"),
        ("1", "which is a pipe: the program's stdout"),
        ("900", "which is not open"),
    ];
    for (number, why) in bad {
        let check = spec.early_check(format!("ran `child` with NODE_CHANNEL_FD={number:?}, {why}"));
        let child = spec.program().arg("child").env("NODE_CHANNEL_SERIALIZATION_MODE", "json");
        let finished = child.env("NODE_CHANNEL_FD", number).run(&check).code(2);
        finished.reports_error(&[&format!("NODE_CHANNEL_FD={number} ")]);
    }
}

#[test]
fn a_serialization_that_the_child_does_not_speak_is_refused() {
    let spec = support::spec!();
    for mode in ["advanced", "JSON", "json2"] {
        let did = format!("forked `child` with NODE_CHANNEL_SERIALIZATION_MODE={mode}, then disconnected");
        let check = spec.early_check(did);
        let (mut program, mut channel) = spec.program().arg("child").fork_with_mode(mode);
        channel.disconnect();
        program.finish(&check).code(2).reports_error(&["serialization", mode]);
    }
}

/// Whether a program that this process starts would not get the descriptor. `None` when the process has ended.
#[cfg(target_os = "linux")]
fn is_close_on_exec(pid: u32, number: i32) -> Option<bool> {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000; // open(2): O_CLOEXEC
    let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    Some(u32::from_str_radix(flags.trim(), 8).ok()? & CLOSE_ON_EXEC != 0)
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_keeps_the_channel_to_itself() {
    let spec = support::spec!();
    let check = spec.early_check("forked `child` and looked at its descriptors");
    // Why a child refuses its channel is the matter of other checks.
    let (mut program, mut channel) = forked_child(&spec);
    channel.disconnect();
    if last_words(&check, &mut program).is_some_and(|finished| is_refused(&finished)) {
        return;
    }
    // This one waits for a message, or in the panic of the next `todo!`: what it says is not read.
    let (mut program, channel) = spec.program().arg("child").stderr(Reader::Stopped).fork();
    check.eventually_gives("close-on-exec is set on the channel", || {
        match is_close_on_exec(program.pid(), channel.childs_number()) {
            Some(false) => {
                Err("it is not set (FD_CLOEXEC, fcntl(2)): a program that this child starts gets \
                                the channel, too"
                    .to_owned())
            }
            Some(true) => Ok(()),
            None if program.is_running() => Err("the channel's descriptor is closed".to_owned()),
            None => Ok(()),
        }
    });
}
