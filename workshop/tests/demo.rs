//! `cargo workshop demo`, with the real server of lesson 10 and with programs that are not as they should be.

mod run;

use nix::sys::signal::Signal;
use observe::process;
use run::{LIMIT, Running, says, workshop};
use std::path::PathBuf;

/// The programs in tests/programs are files of the repository, since a file that was written a moment ago may still be open
/// for writing in another test's child: execve(2), ETXTBSY.
fn path_of(program: &str) -> PathBuf {
    run::root().join("workshop/tests/programs").join(program)
}

#[test]
fn the_story_is_told_to_its_end_from_any_subfolder_and_60_columns_wide() {
    let mut demo = workshop();
    demo.current_dir(run::root().join("book/src")).env("COLUMNS", "60").args(["demo"]);
    let story = [
        "POST /endpoint with 3 mails",
        "{\"status\":true,\"sent\":true}",
        "has forked a child",
        "mail 3 of 3 arrives",
        "Number of mails sent 3",
        "has exited: exit status 0",
        "\n  curl -H 'content-type: application/json' -d '{\"emails\":[{\"from\":",
    ];
    let told = says(&mut demo, 0, &story);
    assert!(!told.contains('\u{1b}'), "{told}");
    // The line to copy stays whole, and comes last.
    let too_wide =
        told.lines().take_while(|line| !line.contains("curl")).find(|line| line.chars().count() > 60);
    assert_eq!(too_wide, None, "{told}");
}

#[test]
fn ctrl_c_ends_every_child() {
    let mut demo = Running::start(&["demo", "--program", path_of("hangs.sh").to_str().unwrap()]);
    let told = demo.wait_for("POST /endpoint");
    let pid = told.split("server   pid ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(process::info(pid).is_some());
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
    says(workshop().current_dir("/").arg("demo"), 2, &["cannot find the workshop"]);
}
