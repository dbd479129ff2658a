//! What `inherited` and `fork` do to the process that calls them: the program looks, in the role that a test names.

mod common;

use std::os::unix::net::UnixStream;
use std::process::Command;

use common::{PROGRAM, Raw, Summary, output, program};

fn assert_success((code, stdout, stderr): Summary) {
    assert_eq!(code, Some(0), "{stdout}{stderr}");
}

#[test]
fn b04_the_environment_and_the_descriptor_stay_with_the_worker() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    // A number that nothing else has.
    let mut raw = Raw::fork_on(program("clean"), ours, theirs.into(), 60);
    assert_eq!(raw.read_line(), "\"done\"\n");
    assert_success(raw.finish());
}

#[test]
fn b05_a_second_call_finds_nothing() {
    assert_success(Raw::fork(program("twice")).finish());
}

#[test]
#[cfg(target_os = "linux")] // elsewhere nobody counts the threads
fn b04_too_late_is_an_error() {
    assert_success(Raw::fork(program("too late")).finish());
}

#[test]
fn b40_the_childs_end_may_have_its_number_already() {
    assert_success(output(&mut program("equal number")));
}

#[test]
fn b31_without_a_descriptor_to_wait_with_the_message_stays() {
    let script = "ulimit -n 40; exec \"$0\" 'no descriptor'";
    assert_success(output(Command::new("sh").args(["-c", script, PROGRAM])));
}
