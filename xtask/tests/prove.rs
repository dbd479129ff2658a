//! `cargo xtask prove` and `starters --run`, in a workshop of two tiny lessons.

#[path = "../../workshop/tests/run/mod.rs"]
mod run;

use nix::sys::signal::Signal;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use run::tiny::Tiny;

/// A bank in which everything is as it should be.
const BANK: &str = r#"
[[wrong]]
name = "adds two"
file = "src/main.rs"
find = '''number * 2'''
replace = '''number + 2'''
says = ["the answer to 10 is 20", "but 12 came"]

[[right]]
name = "adds it to itself"
file = "src/main.rs"
find = '''number * 2'''
replace = '''number + number'''
"#;

fn with_bank(name: &str, bank: &str) -> Tiny {
    let tiny = Tiny::new(name).with_git();
    tiny.write("tests/answers/01-one.toml", bank);
    tiny
}

#[test]
fn a_bank_that_is_as_it_should_be_is_proven() {
    let tiny = with_bank("prove-good", BANK);
    let proven = tiny.workshop(&["prove", "01"]).assert().code(0);
    proven
        .stdout(contains("01  right  the solution itself: passes in"))
        .stdout(contains("01  wrong  adds two: fails in"))
        .stdout(contains("01  right  adds it to itself: passes in"))
        .stdout(contains("01-one         1 of 1          2 of 2"))
        .stdout(contains("All 3 answers are as they should be, after"));
    // The learner's own work is where it was.
    assert!(tiny.read("lessons/01-one/src/main.rs").contains("todo!"));
}

#[test]
fn what_is_not_as_it_should_be_is_named() {
    let bad = r#"
[[wrong]]
name = "no mistake at all"
file = "src/main.rs"
find = '''number * 2'''
replace = '''2 * number'''
says = ["20"]

[[wrong]]
name = "other words"
file = "src/main.rs"
find = '''number * 2'''
replace = '''number'''
says = ["look at the operator"]

[[wrong]]
name = "no Rust"
file = "src/main.rs"
find = '''number * 2'''
replace = '''number *'''
says = ["20"]

[[wrong]]
name = "elsewhere"
file = "src/main.rs"
find = '''not in there'''
replace = ''''''
says = ["20"]

[[right]]
name = "a mistake"
file = "src/main.rs"
find = '''number * 2'''
replace = '''number * 3'''
"#;
    let tiny = with_bank("prove-bad", bad);
    let mut command = tiny.workshop(&["prove", "01"]);
    command.env("COLUMNS", "1000");
    command
        .assert()
        .code(1)
        .stdout(contains("no mistake at all: the spec passes a wrong answer"))
        .stdout(contains("other words: the spec fails, but does not say [\"look at the operator\"]"))
        .stdout(contains("no Rust: it does not compile"))
        .stdout(contains("elsewhere: its `find` is not in the solution's src/main.rs"))
        .stdout(contains("a mistake: the spec fails a right answer").count(2))
        .stdout(contains("\n    CHECK FAILED: the answer to 10 is 20, but 30 came\n"))
        .stderr(contains("error: 5 of 6 answers are not as they should be"));
}

#[test]
fn one_answer_can_be_chosen() {
    let tiny = with_bank("prove-only", BANK);
    let proven = tiny.workshop(&["prove", "one", "--only", "adds two"]).assert().code(0);
    proven.stdout(contains("adds two").and(contains("the solution itself").not()));
    tiny.workshop(&["prove", "01", "--only", "no such"]).assert().code(2).stderr(contains("no such answer"));
}

#[test]
fn ctrl_c_ends_every_child() {
    let hangs = "[[wrong]]\nname = \"sleeps\"\nfile = \"src/main.rs\"\nfind = '''number * 2'''\n\
        replace = '''loop { std::thread::park(); }'''\nsays = [\"x\"]\n";
    let tiny = with_bank("prove-interrupted", hangs);
    let mut prove = tiny.start(&["prove", "01"]);
    prove.wait_for("the solution itself: passes");
    tiny.wait_for_programs(2);
    prove.signal(Signal::SIGINT);
    assert_eq!(prove.code(), Some(1));
    tiny.wait_for_programs(0);
}

const STARTER_FAILS: &str = "starter_fails = ['ten_is_doubled', 'two_is_doubled']";

#[test]
fn starters_fail_as_intended_and_can_be_solved() {
    let tiny = Tiny::new("starters-good").with_git();
    tiny.write("tests/answers/01-one.toml", STARTER_FAILS);
    tiny.write("tests/answers/02-two.toml", STARTER_FAILS);
    tiny.workshop(&["starters", "--run"])
        .assert()
        .code(0)
        .stdout(contains("01  starter: fails 2 of 2 checks"))
        .stdout(contains("02  solution: in its place, all 2 checks are green"))
        .stdout(contains("All 2 starters are as they should be."));
}

#[test]
fn a_starter_fails_the_checks_that_its_bank_names_and_no_others() {
    let tiny = Tiny::new("starters-named").with_git();
    tiny.write("tests/answers/01-one.toml", "starter_fails = ['two_is_doubled']");
    tiny.write("tests/answers/02-two.toml", &STARTER_FAILS.replace(']', ", 'three_is_doubled']"));
    let mut command = tiny.workshop(&["starters", "--run"]);
    command.env("COLUMNS", "1000");
    command
        .assert()
        .code(1)
        .stdout(contains("it fails {\"ten_is_doubled\"} and passes {};"))
        .stdout(contains("it fails {} and passes {\"three_is_doubled\"};"));
}

#[test]
fn a_starter_with_a_warning_or_without_a_todo_is_named() {
    let tiny = Tiny::new("starters-bad").with_git();
    let starter = tiny.read("lessons/01-one/src/main.rs");
    tiny.write("lessons/01-one/src/main.rs", &starter.replace(", unused_variables", ""));
    tiny.write(
        "lessons/02-two/src/main.rs",
        &starter.replace("todo!(\"1: return twice the number\")", "number"),
    );
    let mut command = tiny.workshop(&["starters", "--run"]);
    command.env("COLUMNS", "1000");
    command
        .assert()
        .code(1)
        .stdout(contains("01  NOT AS IT SHOULD BE: starter: it does not compile without a warning"))
        .stdout(contains(
            "02  NOT AS IT SHOULD BE: starter: it fails ten_is_doubled, but not because of a todo!",
        ));
}
