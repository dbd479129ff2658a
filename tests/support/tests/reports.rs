//! What a failing check says, on programs that are a line of shell.

use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, starts_with};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use support::{ClosedPort, Program, Signal, Spec, json, process};

fn spec() -> Spec {
    Spec::new("01-blocking", "lesson-01", "/bin/sh")
}

fn shell(spec: &Spec, script: &str) -> Program {
    spec.program().args(["-c", script])
}

/// The report of a check that must fail.
fn report(check: impl FnOnce()) -> String {
    let failure = catch_unwind(AssertUnwindSafe(check)).expect_err("the check passed");
    *failure.downcast::<String>().expect("a report")
}

#[test]
fn a_report_says_what_was_done_expected_and_came_and_what_to_read() {
    let spec = spec();
    let check = spec.check("3. One after another, and count", "ran a program that prints 2");
    let report = report(|| {
        shell(&spec, "echo 2; echo a word >&2").run(&check).prints_json(&json!({"counter": 3}));
    });
    for words in [
        "done:      ran a program that prints 2",
        "expected:  one line on stdout: {\"counter\":3}",
        "came:      2",
        "book/src/01-blocking.md#3-one-after-another-and-count",
        &format!("WORKSHOP_SEED={}", spec.seed()),
        "stderr]  a word",
        "ended: exit status 0",
    ] {
        assert!(report.contains(words), "no {words:?} in:\n{report}");
    }
}

#[test]
fn a_todo_is_told_shortly_and_at_once() {
    let spec = spec();
    let check = spec.check("2. Send one mail", "ran an unsolved lesson");
    let script = "echo \"thread 'main' panicked at src/main.rs:7:5:\" >&2; \
                  echo 'not yet implemented: 2: give the message to the transport' >&2; exit 101";
    let report = report(|| {
        shell(&spec, script).run(&check).code(0);
    });
    assert!(report.contains("NOT WRITTEN YET"), "{report}");
    assert!(
        report.contains("todo 2: give the message to the transport\n             (src/main.rs:7:5)"),
        "{report}"
    );
    assert!(report.contains("step 2 of \"Your task\" in book/src/01-blocking.md"), "{report}");
    assert!(!report.contains("What happened"), "{report}");
}

#[test]
fn an_exit_status_is_told_in_words() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that is killed");
    let report = report(|| {
        shell(&spec, "kill -9 $$").run(&check).code(0);
    });
    assert!(report.contains("killed by SIGKILL"), "{report}");
}

#[test]
fn a_log_line_that_is_missing_is_told_in_words_with_the_settings_and_the_log() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that logs");
    let missing = starts_with("error: ").and(contains("down"));
    let report = report(|| {
        let program = shell(&spec, "echo something >&2").env("SMTP_CONNECTIONS", "2").start();
        program.logs(&check, "something");
        program.log_line(&check, &missing);
    });
    for words in [
        "expected:  a line of stderr that starts with (\"error: \") and contains (down)",
        "the program closed stderr after:\n             something",
        "echo something >&2 with SMTP_CONNECTIONS=2\n",
    ] {
        assert!(report.contains(words), "no {words:?} in:\n{report}");
    }
}

#[test]
fn what_a_program_writes_does_not_reach_the_terminal_raw() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that writes what a terminal obeys");
    let script = "printf 'a\\033[31mred\\007\\n\\233b'; printf 'log\\033]0;title\\007\\n' >&2; exec -a 'x\u{1b}[2J' true";
    let report = report(|| {
        spec.other_program("bash", "bash").args(["-c", script]).run(&check).prints_json(&json!(1));
    });
    assert!(!report.chars().any(|letter| letter.is_control() && letter != '\n'), "{report:?}");
    assert!(
        report.contains("a\\u{1b}[31mred\\u{7}") && report.contains("log\\u{1b}]0;title\\u{7}"),
        "{report}"
    );
}

#[test]
fn another_section_of_the_chapter_can_be_named() {
    let spec = spec();
    let check = spec.check("3. One after another, and count", "did something");
    let report = report(|| check.about("1. Read the job").equal("the number", &1, &2));
    assert!(report.contains("done:      did something"), "{report}");
    assert!(report.contains("\"1. Read the job\" in book/src/01-blocking.md#1-read-the-job"), "{report}");
}

#[test]
fn the_whole_tree_is_killed_when_a_program_is_dropped() {
    let spec = spec();
    let check = spec.check("1. Read the job", "started a program with a child");
    let mut program = shell(&spec, "sleep 1000 & echo ready; wait").start();
    program.line(&check);
    let group = program.pid();
    assert_eq!(process::group(group).len(), 2);
    drop(program);
    check.eventually("nothing is left", || process::group(group).is_empty().then_some(()));
}

#[test]
fn a_process_that_is_left_behind_fails_the_check() {
    for name in ["leaves_a_process_behind", "leaves_a_process_of_another_group_behind"] {
        let output = run_alone(name);
        assert!(output.contains("no process of the program is left"), "{output}");
        assert!(output.contains(") sleep 1000\n"), "{output}");
    }
}

#[test]
fn a_time_out_shows_what_each_process_waits_for() {
    let output = run_alone("waits_for_a_line_that_never_comes");
    assert!(output.contains("line 1 of stdout"), "{output}");
    assert!(output.contains("The processes at this moment:"), "{output}");
    #[cfg(target_os = "linux")]
    assert!(output.contains("reading stdin") && output.contains("waiting for a child to end"), "{output}");
}

#[test]
fn a_unit_test_that_never_ends_or_fills_memory_is_ended_with_its_name() {
    let tests = [("never_ends", 1, "it has not ended after 1 second"), ("fills_memory", 60, "MiB of memory")];
    for (name, seconds, came) in tests {
        let (passed, output) = run_alone_within(seconds, name);
        assert!(
            !passed && output.contains(&format!("CHECK FAILED: {name}")) && output.contains(came),
            "{output}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_is_slow_on_a_busy_machine_has_time() {
    let (passed, output) = run_alone_within(2, "computes_now_and_then");
    assert!(passed, "{output}");
    let output = run_alone("sleeps_for_ever");
    assert!(output.contains("nothing of the kind within 1 second;"), "{output}");
}

#[test]
fn a_forked_program_has_a_channel() {
    let spec = spec();
    let check = spec.check("1. Read the job", "forked a shell that answers one line");
    // bash, since a POSIX shell takes only one digit after `<&`.
    let script = "read -r line <&$NODE_CHANNEL_FD; echo \"$line\" >&$NODE_CHANNEL_FD; exit 7";
    if Command::new("bash").args(["-c", "exit"]).status().is_err() {
        return;
    }
    let (mut program, mut channel) = spec.other_program("bash", "bash").args(["-c", script]).fork();
    channel.send(&check, &json!({"n": 1}));
    assert_eq!(channel.recv(&check), json!({"n": 1}));
    channel.ends(&check);
    assert_eq!(program.wait(&check).code(), Some(7));
}

#[test]
fn signals_and_lines_are_seen() {
    let spec = spec();
    let check = spec.check("1. Read the job", "sent SIGTERM to a program that catches it");
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.01; done";
    let mut program = shell(&spec, script).start();
    assert_eq!(program.line(&check), "ready");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.line(&check), "caught");
    assert_eq!(program.wait(&check).code(), Some(3));
}

#[test]
fn a_closed_port_refuses() {
    let port = ClosedPort::new().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port.number())).is_err());
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let output = |seed: &str| {
        let test = std::env::current_exe().unwrap();
        let arguments = ["prints_a_word", "--exact", "--ignored", "--nocapture"];
        let output = Command::new(test).args(arguments).env("WORKSHOP_SEED", seed).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find(|line| line.contains("word: ")).unwrap_or_default().to_owned()
    };
    assert_eq!(output("5"), output("5"));
    assert_ne!(output("5"), output("6"));
}

// What the tests above start, as tests of their own, with a short limit.

/// Runs one of the tests below, which fails, with a limit of a second. Gives what it printed.
fn run_alone(name: &str) -> String {
    let (passed, output) = run_alone_within(1, name);
    assert!(!passed, "{name} passed");
    output
}

/// Runs one of the tests below with this limit. Gives whether it passed, and what it printed.
fn run_alone_within(seconds: u64, name: &str) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--ignored", "--nocapture"]);
    let output = command.env("WORKSHOP_LIMIT_SECONDS", seconds.to_string()).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), printed.concat())
}

#[test]
#[ignore = "another test starts it"]
fn waits_for_a_line_that_never_comes() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program whose child reads");
    let mut program = shell(&spec, "sh -c 'read line; exit 0'; exit 0").start();
    program.line(&check);
}

#[test]
#[ignore = "another test starts it"]
fn leaves_a_process_behind() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that leaves a child behind");
    let mut program = shell(&spec, "sleep 1000 & exit 0").start();
    program.leaves_nothing_behind(&check);
}

/// As where a child has its parent's end of the channel, and so never sees the end of it.
#[test]
#[ignore = "another test starts it"]
fn leaves_a_process_of_another_group_behind() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that leaves a child behind");
    let bash = spec.other_program("bash", "bash");
    let mut program = bash.args(["-c", "set -m; sleep 1000 </dev/null >/dev/null 2>&1 &"]).start();
    program.leaves_nothing_behind(&check);
}

/// As it looks where others have the processor most of the time.
#[test]
#[ignore = "another test starts it"]
fn computes_now_and_then() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that computes for longer than the limit");
    let compute = "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; sleep 0.3;";
    shell(&spec, &compute.repeat(9)).run(&check).code(0);
}

#[test]
#[ignore = "another test starts it"]
fn sleeps_for_ever() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that sleeps");
    shell(&spec, "sleep 1000").run(&check);
}

#[test]
#[ignore = "another test starts it"]
fn never_ends() {
    let _bounded = support::bounded();
    loop {
        std::thread::park();
    }
}

#[test]
#[ignore = "another test starts it"]
fn fills_memory() {
    let _bounded = support::bounded();
    let mut pieces = Vec::new();
    loop {
        pieces.push("x".repeat(1 << 20));
    }
}

#[test]
#[ignore = "another test starts it"]
fn prints_a_word() {
    println!("word: {}", spec().word());
}
