//! What a failing check says, on programs that are a line of shell.

use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, starts_with};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use support::{Check, Place, Program, Spec, json, limit, process};

fn begin() -> (Spec, Check) {
    let spec = Spec::new(Place::SHELL);
    let check = spec.check("ran a program");
    (spec, check)
}

fn shell(spec: &Spec, script: &str) -> Program {
    spec.program().args(["-c", script])
}

/// The report of a check that must fail. It must say each of `words`.
fn report(words: &[&str], act: impl FnOnce(&Spec, &Check)) -> String {
    let (spec, check) = begin();
    let failure = catch_unwind(AssertUnwindSafe(|| act(&spec, &check))).expect_err("the check passed");
    let report = *failure.downcast::<String>().expect("a report");
    for word in words {
        assert!(report.contains(word), "no {word:?} in:\n{report}");
    }
    report
}

#[test]
fn a_report_says_what_was_done_expected_and_came_and_what_to_read() {
    let words = [
        "done:      ran a program\n",
        "expected:  one line on stdout: {\"counter\":3}",
        "got:       2",
        "\"3. One after another, and count\" in book/src/01-blocking.md#3-one-after-another-and-count\n",
        "WORKSHOP_SEED=",
        "stderr]  a word",
        "ended: exit status 0",
    ];
    report(&words, |spec, check| {
        shell(spec, "echo 2; echo a word >&2").run(check).prints_json(&json!({"counter": 3}));
    });
    report(&["killed by SIGKILL"], |spec, check| drop(shell(spec, "kill -9 $$").run(check).code(0)));
}

#[test]
fn a_todo_is_told_shortly_and_at_once() {
    let script = "echo \"thread 'main' panicked at src/main.rs:7:5:\" >&2; \
                  echo 'not yet implemented: 4: print the reply' >&2; exit 101";
    let words = [
        "NOT WRITTEN YET",
        "todo 4: print the reply\n             (src/main.rs:7:5)",
        "step 4 of \"Your task\" in book/src/01-blocking.md",
    ];
    let report = report(&words, |spec, check| drop(shell(spec, script).run(check).code(0)));
    assert!(!report.contains("What happened"), "{report}");
}

#[test]
fn a_log_line_that_is_missing_is_told_in_words_with_the_settings_and_the_log() {
    let words = [
        "expected:  a line of stderr that starts with (\"error: \") and contains (down)",
        "these lines, and then the program closed stderr:\n             something",
        "echo something >&2 with SMTP_CONNECTIONS=2\n",
    ];
    report(&words, |spec, check| {
        let program = shell(spec, "echo something >&2").env("SMTP_CONNECTIONS", "2").start();
        program.logs(check, "something");
        program.log_line(check, &starts_with("error: ").and(contains("down")));
    });
}

#[test]
fn what_a_program_writes_does_not_reach_the_terminal_raw() {
    let script = "printf 'a\\033[31mred\\007\\n\\233b'; printf 'log\\033]0;title\\007\\n' >&2; exec -a 'x\u{1b}[2J' true";
    let report = report(&["a\\u{1b}[31mred\\u{7}", "log\\u{1b}]0;title\\u{7}"], |spec, check| {
        spec.other_program("bash", "bash").args(["-c", script]).run(check).prints_json(&json!(1));
    });
    assert!(!report.chars().any(|letter| letter.is_control() && letter != '\n'), "{report:?}");
}

#[test]
fn only_a_line_that_begins_as_an_error_is_one() {
    let (spec, check) = begin();
    shell(&spec, "echo 'an error: of another kind' >&2").run(&check).reports_no_error();
    report(&["got:       error: this: one"], |spec, check| {
        drop(shell(spec, "echo 'error: this: one' >&2").run(check).reports_no_error());
    });
}

#[test]
fn the_whole_tree_is_killed_when_a_program_is_dropped() {
    let (spec, check) = begin();
    let mut program = shell(&spec, "sleep 1000 & echo ready; wait").start();
    program.line(&check);
    let group = program.pid();
    assert_eq!(process::group(group).len(), 2);
    drop(program);
    // An orphan that has ended is left to whoever waits for orphans, which can take a while.
    let has_ended = || process::group(group).iter().all(|info| info.is_zombie());
    check.eventually("nothing is left that runs", || has_ended().then_some(()));
}

/// What the tests below start, with a limit of its own. `WORKSHOP_PLAYS` says what it is to do.
#[test]
#[ignore = "another test starts it"]
fn player() {
    let (spec, check) = begin();
    match std::env::var("WORKSHOP_PLAYS").as_deref() {
        Ok("wait for a line") => {
            drop(shell(&spec, "sh -c 'read line; exit 0'; exit 0").start().line(&check));
        }
        Ok("compute without an end") => drop(shell(&spec, "while :; do :; done").run(&check)),
        Ok("sleep") => drop(shell(&spec, "sleep 1000").run(&check)),
        Ok("leave a process") => shell(&spec, "sleep 1000 & exit 0").start().leaves_nothing_behind(&check),
        // As where a child has its parent's end of the channel, and so never sees the end of it.
        Ok("leave a group") => {
            let script = "set -m; sleep 1000 </dev/null >/dev/null 2>&1 &";
            let mut program = spec.other_program("bash", "bash").args(["-c", script]).start();
            program.leaves_nothing_behind(&check);
        }
        // As it looks where others have the processor most of the time.
        Ok("compute now and then") => {
            let compute = "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; sleep 0.3;";
            drop(shell(&spec, &compute.repeat(9)).run(&check).code(0));
        }
        Ok("fail in two steps") => {
            let earlier = Place { module: "spec::step_2_send", ..Place::SHELL };
            let (begun, has_begun) = std::sync::mpsc::channel();
            let earlier = move || {
                let spec = Spec::new(earlier);
                begun.send(()).unwrap();
                std::thread::sleep(limit::BRIEFLY * 4);
                spec.check("did something").fail("this", "that");
            };
            std::thread::Builder::new().name("step_2_send::early".into()).spawn(earlier).unwrap();
            has_begun.recv().unwrap();
            check.fail("one thing", "another thing");
        }
        _ => println!("word: {}", spec.word()),
    }
}

/// Runs the player with a limit. Gives whether it passed, and what it printed.
fn play(seconds: u64, what: &str, seed: &str) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["player", "--exact", "--ignored", "--nocapture"]).env("WORKSHOP_PLAYS", what);
    command.env("WORKSHOP_LIMIT_SECONDS", seconds.to_string()).env("WORKSHOP_SEED", seed);
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), printed.concat())
}

/// The player must fail, and say each of `words`.
fn fails(seconds: u64, what: &str, words: &[&str]) {
    let (passed, output) = play(seconds, what, "1");
    assert!(!passed && words.iter().all(|word| output.contains(word)), "{words:?} in:\n{output}");
}

#[test]
fn a_process_that_is_left_behind_fails_the_check() {
    for what in ["leave a process", "leave a group"] {
        fails(1, what, &["no process of the program is left", ") sleep 1000\n"]);
    }
}

#[test]
fn a_time_out_shows_what_each_process_waits_for() {
    fails(1, "wait for a line", &["line 1 of stdout", "The processes at this moment:"]);
    #[cfg(target_os = "linux")]
    fails(1, "wait for a line", &["reading stdin", "waiting for a child to end"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_is_stuck_or_in_a_loop_is_told_long_before_the_limit() {
    let cases = [
        ("wait for a line", "line 1 of stdout", "seconds, and by now every process only waits"),
        ("compute without an end", "the program ends", "seconds, in which a program only computes"),
    ];
    for (what, expected, why) in cases {
        let began = std::time::Instant::now();
        fails(20, what, &[expected, why]);
        assert!(began.elapsed().as_secs() < 15, "{what}: {:?}", began.elapsed());
    }
}

#[test]
fn a_check_that_fails_after_one_of_an_earlier_step_is_told_shortly() {
    let words =
        ["CHECK FAILED: step_2_send::early", "FAILS, TOO: player", "first:     step_2_send::early fails"];
    fails(10, "fail in two steps", &words);
}

#[test]
fn an_early_check_passes_at_the_todo_of_a_later_step() {
    let todo = |step: u32| {
        format!(
            "echo ready; echo \"thread 'main' panicked at src/main.rs:7:5:\" >&2; \
             echo 'not yet implemented: {step}: write it' >&2; exit 101"
        )
    };
    let run = |step| {
        let spec = Spec::new(Place::SHELL);
        let check = spec.early_check("ran a program");
        let mut program = shell(&spec, &todo(step)).start();
        program.line(&check);
        check.as_far_as_written(|| drop(program.finish(&check).code(0)));
    };
    run(4);
    catch_unwind(|| run(3)).expect_err("its own step is not written, and the check passed");
    report(&["NOT WRITTEN YET"], |spec, check| drop(shell(spec, &todo(4)).run(check).code(0)));
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_is_slow_on_a_busy_machine_has_time() {
    let (passed, output) = play(2, "compute now and then", "1");
    assert!(passed, "{output}");
    fails(1, "sleep", &["nothing of the kind "]);
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let word = |seed: &str| {
        let (_, output) = play(10, "say a word", seed);
        output.lines().find(|line| line.contains("word: ")).expect("a word").to_owned()
    };
    assert_eq!(word("5"), word("5"));
    assert_ne!(word("5"), word("6"));
}
