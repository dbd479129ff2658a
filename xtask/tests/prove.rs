//! `cargo xtask prove` and `starters --run`, in a workshop of two tiny lessons.

#[path = "../../workshop/tests/run/mod.rs"]
mod run;

use nix::sys::signal::Signal;
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
    let words = [
        "01  right  the solution itself: passes in",
        "01  wrong  adds two: fails in",
        "01  right  adds it to itself: passes in",
        "01-one         1 of 1          2 of 2",
        "All 3 answers are as they should be, after",
    ];
    tiny.says("prove 01", 0, &words);
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
    let words = [
        "no mistake at all: the spec passes a wrong answer",
        "other words: the spec fails, but does not say [\"look at the operator\"]",
        "no Rust: it does not compile",
        "elsewhere: its `find` is not in the solution's src/main.rs",
        "\n    CHECK FAILED: the answer to 10 is 20, but 30 came\n",
        "error: 5 of 6 answers are not as they should be",
    ];
    let told = run::says(tiny.workshop(&["prove", "01"]).env("COLUMNS", "1000"), 1, &words);
    assert_eq!(told.matches("a mistake: the spec fails a right answer").count(), 2, "{told}");
}

#[test]
fn one_answer_can_be_chosen() {
    let tiny = with_bank("prove-only", BANK);
    let proven = tiny.says("prove one --only two", 0, &["adds two"]);
    assert!(!proven.contains("the solution itself"), "{proven}");
    tiny.says("prove 01 --only three", 2, &["no such answer"]);
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

/// Runs the starters of a workshop with these banks.
fn starters_are(tiny: &Tiny, banks: [&str; 2], code: i32, words: &[&str]) {
    tiny.write("tests/answers/01-one.toml", banks[0]);
    tiny.write("tests/answers/02-two.toml", banks[1]);
    run::says(tiny.workshop(&["starters", "--run"]).env("COLUMNS", "1000"), code, words);
}

#[test]
fn starters_fail_the_checks_that_their_banks_name_and_no_others() {
    let tiny = Tiny::new("starters").with_git();
    let good = [
        "01  starter: fails 2 of 2 checks",
        "02  solution: in its place, all 2 checks are green",
        "All 2 starters are as they should be.",
    ];
    starters_are(&tiny, [STARTER_FAILS; 2], 0, &good);
    let more = STARTER_FAILS.replace(']', ", 'three_is_doubled']");
    let bad =
        ["it fails {\"ten_is_doubled\"} and passes {};", "it fails {} and passes {\"three_is_doubled\"};"];
    starters_are(&tiny, ["starter_fails = ['two_is_doubled']", &more], 1, &bad);
}

#[test]
fn a_starter_with_a_warning_or_without_a_todo_is_named() {
    let tiny = Tiny::new("starters-bad").with_git();
    let starter = tiny.read("lessons/01-one/src/main.rs");
    tiny.write("lessons/01-one/src/main.rs", &starter.replace(", unused_variables", ""));
    let written = starter.replace("todo!(\"1: return twice the number\")", "number");
    tiny.write("lessons/02-two/src/main.rs", &written);
    let bad = [
        "01  NOT AS IT SHOULD BE: starter: it does not compile without a warning",
        "02  NOT AS IT SHOULD BE: starter: it fails ten_is_doubled, but not because of a todo!",
    ];
    starters_are(&tiny, [STARTER_FAILS; 2], 1, &bad);
}
