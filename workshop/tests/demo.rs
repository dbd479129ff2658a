//! `cargo workshop demo`, with the real server of lesson 10 and with programs that are not as they should be.

mod run;

use nix::sys::signal::Signal;
use observe::process;
use run::{LIMIT, Running, says, workshop};
use std::path::PathBuf;
use std::process::Command;

/// The programs in tests/programs are files of the repository, since a file that was written a moment ago may still be open
/// for writing in another test's child: execve(2), ETXTBSY.
fn path_of(program: &str) -> PathBuf {
    run::root().join("workshop/tests/programs").join(program)
}

#[test]
fn the_story_is_told_to_its_end_from_any_subfolder_and_60_columns_wide() {
    let mut demo = workshop();
    demo.current_dir(run::root().join("book/src")).env("COLUMNS", "60").args(["demo", "--mails", "5"]);
    let story = [
        "POST /endpoint with 5 mails",
        "{\"status\":true,\"sent\":true}",
        "has forked a child",
        "mail 5 of 5 arrives",
        "Number of mails sent 5",
        "has ended: exit status 0",
        "\n  curl -H 'content-type: application/json' -d '{\"emails\":[{\"from\":",
    ];
    let told = says(&mut demo, 0, &story);
    assert!(!told.contains('\u{1b}'), "{told}");
    // The line to copy stays whole, and comes last.
    let too_wide =
        told.lines().take_while(|line| !line.contains("curl")).find(|line| line.chars().count() > 60);
    assert_eq!(too_wide, None, "{told}");
}

/// Starts a demo, waits until it tells this, and returns what it told and the server's pid.
fn start(demo: &mut Running, told: &str) -> (String, u32) {
    let told = demo.wait_for(told).to_owned();
    let pid = told.split("server   pid ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(process::info(pid).is_some(), "{told}");
    (told, pid)
}

#[test]
fn keep_stays_up_until_ctrl_c_and_leaves_nothing_behind() {
    let mut demo = Running::start(&["demo", "--keep"]);
    let (told, pid) = start(&mut demo, "The server stays up.");
    let curl = told.lines().find(|line| line.contains("curl")).unwrap();
    assert!(Command::new("sh").args(["-c", curl]).output().is_ok());
    demo.signal(Signal::SIGINT);
    assert_eq!(demo.code(), Some(0));
    assert_eq!(process::group(pid), []);
}

#[test]
fn ctrl_c_ends_every_child() {
    let mut demo = Running::start(&["demo", "--program", path_of("hangs.sh").to_str().unwrap()]);
    let (_, pid) = start(&mut demo, "POST /endpoint");
    demo.signal(Signal::SIGINT);
    assert_eq!(demo.code(), Some(1));
    observe::limit::poll(LIMIT, || process::group(pid).is_empty().then_some(())).expect("no process is left");
}

#[test]
fn a_server_that_is_not_as_it_should_be_is_reported() {
    let left = || process::all().into_iter().filter(|info| info.command == "sleep 98765").collect::<Vec<_>>();
    let reports: [(&str, &[&str]); 5] = [
        ("ends.sh", &["it does not say where it listens"]),
        ("chats.sh", &["its first line is \"hello\""]),
        ("hangs.sh", &["no answer: ", "0 of 3 mails arrived"]),
        ("leaves.sh", &["the server has left a process behind"]),
        ("nowhere", &["tests/programs/nowhere"]),
    ];
    for (program, words) in reports {
        let mut demo = workshop();
        demo.args(["demo", "--program"]).arg(path_of(program)).env("WORKSHOP_LIMIT_SECONDS", "1");
        says(&mut demo, 1, words);
    }
    assert!(left().is_empty(), "{:?}", left());
    let mut without_worker = workshop();
    without_worker.arg("demo").env("WORKER", "false").env("WORKSHOP_LIMIT_SECONDS", "2");
    says(&mut without_worker, 1, &["0 of 3 mails arrived in the mailbox"]);
    says(workshop().args(["demo", "--package", "no-such"]), 1, &["cannot build no-such"]);
    says(workshop().args(["demo", "--mails", "0"]), 2, &[]);
    says(workshop().current_dir("/").arg("demo"), 2, &["cannot find the workshop"]);
}
