//! What is left of a test program that is killed: nothing.

use std::path::Path;
use support::{Place, Scratch, Signal, Spec, ipc, process};

/// Plays a test program that is killed: starts a program with a child, makes a folder, and waits.
#[test]
#[ignore = "is started, and ended, by the test below"]
fn a_test_program_that_is_killed() {
    let Some(mut parent) = ipc::Child::from_environment() else { return };
    let spec = Spec::new(Place::SHELL);
    let check = spec.check("started a program with a child");
    let mut program = spec.program().args(["-c", "sleep 1000 & echo ready; wait"]).start();
    program.line(&check);
    // With -m, bash gives what runs in the background a group of its own. This one is an orphan as well.
    let bash = spec.other_program("bash", "bash");
    let mut bash = bash.args(["-c", "set -m; sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"]).start();
    let orphan: u32 = bash.line(&check).parse().expect("a pid");
    let scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "with spaces in it");
    std::fs::create_dir(scratch.path()).expect("a folder");
    std::fs::write(scratch.path().join("file"), "text").expect("a file");
    let told = support::json!({"group": program.pid(), "folder": scratch.path(), "orphan": orphan});
    parent.send(&told).expect("the parent listens");
    parent.recv();
}

#[test]
fn nothing_is_left_of_a_test_program_that_is_killed() {
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let spec = Spec::new(Place::SHELL);
        let check = spec.check(format!("ended a test program with {signal}"));
        let arguments = ipc::test_as_child("a_test_program_that_is_killed");
        let (mut test, mut channel) = spec.program().args(&arguments[1..]).fork();
        let told = channel.recv(&check);
        let number =
            |name: &str| told[name].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
        let (group, orphan) = (number("group"), number("orphan"));
        let folder = Path::new(told["folder"].as_str().unwrap_or_default()).to_owned();
        assert!(folder.is_dir() && process::group(group).len() == 2, "{told}");

        test.signal(signal);
        test.wait(&check);
        check.eventually("no process of its program", || process::group(group).is_empty().then_some(()));
        #[cfg(target_os = "linux")]
        check.eventually("no orphan of it in another group", || {
            process::info(orphan).is_none_or(|info| info.is_zombie()).then_some(())
        });
        #[cfg(not(target_os = "linux"))]
        process::signal(orphan, Signal::SIGKILL);
        check.eventually("no folder of its own", || (!folder.exists()).then_some(()));
    }
}
