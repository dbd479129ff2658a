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
step = 1
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
step = 1
says = ["20"]

[[wrong]]
name = "other words"
file = "src/main.rs"
find = '''number * 2'''
replace = '''number'''
step = 1
says = ["look at the operator"]

[[wrong]]
name = "no Rust"
file = "src/main.rs"
find = '''number * 2'''
replace = '''number *'''
step = 1
says = ["20"]

[[wrong]]
name = "elsewhere"
file = "src/main.rs"
find = '''not in there'''
replace = ''''''
step = 1
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
        "    the answer to 10 is 20, but 30 came\n",
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
    let part = tiny.says("prove 01 --part 2/2", 0, &["the solution itself"]);
    assert!(!part.contains("adds two"), "{part}");
    tiny.says("prove 01 --part 3/2", 2, &["it must be a part such as 1/3"]);
}

#[test]
fn ctrl_c_ends_every_child() {
    let hangs = "[[wrong]]\nname = \"sleeps\"\nfile = \"src/main.rs\"\nfind = '''number * 2'''\n\
        replace = '''loop { std::thread::park(); }'''\nstep = 1\n";
    let tiny = with_bank("prove-interrupted", hangs);
    let mut prove = tiny.start(&["prove", "01"]);
    prove.wait_for("the solution itself: passes");
    tiny.wait_for_programs(2);
    prove.signal(Signal::SIGINT);
    assert_eq!(prove.code(), Some(1));
    tiny.wait_for_programs(0);
}

/// Two steps. The second one is not looked at by any check.
const TWO_STEPS: &str = r#"//! Doubles a number.

fn main() {
    let number: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    println!("{}", double(number));
    farewell();
}

fn double(number: u32) -> u32 {
    // ANCHOR: step_1 todo!("1: return twice the number")
    number * 2
    // ANCHOR_END: step_1
}

fn farewell() {
    // ANCHOR: step_2 todo!("2: say goodbye on stderr")
    eprintln!("goodbye");
    // ANCHOR_END: step_2
}
"#;

fn starters_are(tiny: &Tiny, code: i32, words: &[&str]) {
    run::says(tiny.workshop(&["starters", "--run"]).env("COLUMNS", "1000"), code, words);
}

#[test]
fn each_step_must_turn_a_check_of_its_own_green() {
    let tiny = Tiny::new("starters").with_git();
    let good = ["01  the starter: fails 2 of 2 checks", "All 2 starters are as they should be."];
    starters_are(&tiny, 0, &good);
    tiny.write("solutions/01-one/src/main.rs", TWO_STEPS);
    let bad = [
        "01  NOT AS IT SHOULD BE: with step 1 written: no check of step 1 turns green",
        "02  the starter: fails 2 of 2 checks",
    ];
    starters_are(&tiny, 1, &bad);
    let two = "mod step_1_double;\nmod step_2_farewell;\n";
    tiny.write(
        "tests/01-one/main.rs",
        &tiny.read("tests/01-one/main.rs").replace("mod step_1_double;\n", two),
    );
    let early = "use super::*;\n#[test]\nfn it_doubles() {\n    run(\"2\");\n}\n";
    tiny.write("tests/01-one/step_2_farewell.rs", early);
    starters_are(&tiny, 1, &bad);
}

#[test]
fn a_right_answer_is_right_up_to_each_step() {
    let right = &BANK[BANK.find("[[right]]").unwrap()..];
    let whole = right.replace("adds it to itself", "only as a whole") + "whole = true";
    let tiny = with_bank("prove-early", &format!("{BANK}{whole}"));
    tiny.write("solutions/01-one/src/main.rs", TWO_STEPS);
    let words = ["01  right  adds it to itself, up to step 1: ", "1 of 1          1 of 1"];
    tiny.says("prove 01 --early", 0, &words);
}

#[test]
fn a_starter_that_fails_without_a_todo_is_named() {
    let tiny = Tiny::new("starters-bad").with_git();
    let solution = tiny.read("solutions/01-one/src/main.rs");
    tiny.write(
        "solutions/01-one/src/main.rs",
        &solution.replace("todo!(\"1: return twice the number\")", "number"),
    );
    starters_are(
        &tiny,
        1,
        &[
            "01  NOT AS IT SHOULD BE: the starter: it fails step_1_double::ten_is_doubled, but not because of a todo!",
        ],
    );
}
