//! `cargo workshop demo`, with the real server of lesson 10 and with programs that are not as they should be.

mod run;

use nix::sys::signal::Signal;
use observe::process;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use run::Running;
use std::path::PathBuf;
use std::process::Command;

/// A demo of one of the programs in tests/programs. They are files of the repository, since a file that was
/// written a moment ago may still be open for writing in another test's child: execve(2), ETXTBSY.
fn demo_of(program: &str) -> assert_cmd::Command {
    let mut command = run::workshop();
    command.arg("demo").arg("--program").arg(path_of(program)).env("WORKSHOP_LIMIT_SECONDS", "1");
    command
}

fn path_of(program: &str) -> PathBuf {
    run::root().join("workshop/tests/programs").join(program)
}

#[test]
fn the_story_is_told_to_its_end() {
    let told = run::workshop().args(["demo", "--mails", "5"]).assert().code(0);
    told.stdout(contains("POST /endpoint with 5 mails"))
        .stdout(contains("{\"status\":true,\"sent\":true}"))
        .stdout(contains("has forked a child: the worker, pid "))
        .stdout(contains("mail 5 of 5 arrives"))
        .stdout(contains("Number of mails sent 5"))
        .stdout(contains("has ended: exit status 0"))
        .stdout(contains("\n  curl -H 'content-type: application/json' -d '{\"emails\":[{\"from\":"))
        .stdout(contains("\u{1b}").not());
}

#[test]
fn it_works_from_any_subfolder_and_60_columns_wide() {
    let mut command = run::workshop();
    command.current_dir(run::root().join("book/src")).env("COLUMNS", "60").arg("demo");
    let output = command.assert().code(0).get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    // The line to copy stays whole.
    let too_wide = text.lines().find(|line| line.chars().count() > 60 && !line.contains("curl"));
    assert_eq!(too_wide, None, "{text}");
}

#[test]
fn mails_that_do_not_come_are_named_and_the_exit_status_is_1() {
    let mut command = run::workshop();
    command.arg("demo").env("WORKER", "false").env("WORKSHOP_LIMIT_SECONDS", "2");
    command.assert().code(1).stderr(contains("0 of 3 mails arrived in the mailbox"));
}

#[test]
fn keep_stays_up_until_ctrl_c_and_leaves_nothing_behind() {
    let mut demo = Running::start(&["demo", "--keep"]);
    let told = demo.wait_for("The server stays up.").to_owned();
    let pid = told.split("server   pid ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(process::info(pid).is_some(), "{told}");
    let curl = told.lines().find(|line| line.contains("curl")).unwrap();
    assert!(Command::new("sh").args(["-c", curl]).output().is_ok());

    demo.signal(Signal::SIGINT);
    assert_eq!(demo.code(), Some(0));
    assert_eq!(process::group(pid), []);
}

#[test]
fn ctrl_c_ends_every_child() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.current_dir(run::root()).arg("demo").arg("--program").arg(path_of("hangs.sh"));
    let mut demo = Running::spawn(&mut command);
    let told = demo.wait_for("POST /endpoint").to_owned();
    let pid = told.split("server   pid ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(process::info(pid).is_some(), "{told}");

    demo.signal(Signal::SIGINT);
    assert_eq!(demo.code(), Some(1));
    observe::limit::poll(observe::limit::limit(), || process::group(pid).is_empty().then_some(()))
        .expect("no process is left");
}

#[test]
fn a_server_that_ends_at_once_is_reported() {
    demo_of("ends.sh").assert().code(1).stderr(contains("it does not say where it listens"));
}

#[test]
fn a_first_line_that_is_something_else_is_reported() {
    demo_of("chats.sh").assert().code(1).stderr(contains("its first line is \"hello\""));
}

#[test]
fn a_server_that_does_not_answer_is_reported() {
    demo_of("hangs.sh")
        .assert()
        .code(1)
        .stderr(contains("no answer: ").and(contains("0 of 3 mails arrived")));
}

#[test]
fn a_program_or_a_package_that_is_not_there_is_reported() {
    run::workshop()
        .args(["demo", "--program", "/nowhere/server"])
        .assert()
        .code(1)
        .stderr(contains("/nowhere/server"));
    run::workshop()
        .args(["demo", "--package", "no-such"])
        .assert()
        .code(1)
        .stderr(contains("cannot build no-such"));
    run::workshop().args(["demo", "--mails", "0"]).assert().code(2);
}

#[test]
fn outside_of_the_workshop_it_says_so() {
    let mut command = run::workshop();
    command.current_dir("/").arg("demo").assert().code(2).stderr(contains("cannot find the workshop"));
}

#[test]
fn help_shows_an_example() {
    run::shows_an_example("demo");
}

#[test]
fn what_a_server_leaves_in_a_group_of_its_own_is_noticed_and_ended() {
    if !Command::new("bash").args(["-c", "exit"]).status().is_ok_and(|status| status.success()) {
        return;
    }
    let left = || process::all().into_iter().filter(|info| info.command == "sleep 98765").collect::<Vec<_>>();
    demo_of("leaves.sh").assert().code(1).stderr(contains("the server has left a process behind"));
    assert!(left().is_empty(), "{:?}", left());
}
