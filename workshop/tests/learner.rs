//! What a learner types all day: the map, check, hint, diff, solve, reset, restore and catch-up.

mod run;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use run::tiny::Tiny;
use serde_json::{Value, json};
use std::fs;

const MAIN: &str = "lessons/01-one/src/main.rs";
const MAP_DONE: &str = "  01-one          15 min   done, all 2 checks pass";

/// Writes the solution of lesson 01 with this in the place of `number * 2`.
fn write_with(tiny: &Tiny, code: &str) {
    tiny.write(MAIN, &tiny.read("solutions/01-one/src/main.rs").replace("number * 2", code));
}

#[test]
fn the_map_says_what_is_done_and_what_comes_next() {
    let tiny = Tiny::new("map");
    let first = [
        "  01-one          15 min   next, 0 of 1 steps written",
        "  02-two          15 min   to do, 0 of 1 steps written",
        "About 30 minutes of work are left.",
        "Next: 01 The one: doubled",
    ];
    tiny.says("", 0, &first);
    tiny.solve("01-one");
    let next = "  02-two          15 min   next, 0 of 1 steps written";
    tiny.says("", 0, &["next, all steps written, not checked yet"]);
    // It is remembered until the files change.
    tiny.says("check 01", 0, &[]);
    tiny.says("", 0, &[MAP_DONE, next]);
    write_with(&tiny, "number + 2");
    tiny.says("check 01", 1, &[]);
    tiny.says("", 0, &["next, 1 of 2 checks pass"]);
}

#[test]
fn the_warm_up_is_first_but_not_counted_and_can_be_skipped() {
    let tiny = Tiny::new("warm-up");
    tiny.add("00", "zero");
    let all = ["0 of 2 lessons are done.", "About 30 minutes of work are left."];
    tiny.says("", 0, &[&all[..], &["  00-zero         15 min   next, 0 of 1", "Next: 00 The zero"]].concat());
    tiny.says("hint", 0, &["Think of twins."]);
    tiny.says("", 0, &["  00-zero         15 min   next,"]);
    // Whoever begins with another lesson has skipped it.
    tiny.says("check 01", 1, &[]);
    let skipped = "  00-zero         15 min   warm-up, 0 of 1 steps written";
    tiny.says(
        "",
        0,
        &[&all[..], &[skipped, "  01-one          15 min   next,", "Next: 01 The one"]].concat(),
    );
    tiny.says("check", 1, &["01 The one: doubled"]);
    tiny.says("catch-up 02", 0, &["The solution of lesson 01 is in"]);
    tiny.says("", 0, &[skipped, "1 of 2 lessons is done.", "Next: 02 The two"]);
    // It has its own points, and adds none to those of the lessons.
    assert_eq!(json_of(&tiny, "check --all --json")["of"], 4);
    tiny.says("check 00 --points", 1, &["Total: 0 of 2 points"]);
    tiny.says("solve 02", 0, &[]);
    tiny.says("", 0, &[skipped, "2 of 2 lessons are done.", "All lessons that are here are done."]);
    tiny.solve("00-zero");
    let next =
        tiny.says("check 00", 0, &["Lesson 00 is done. The next one:", "check  cargo workshop check 01"]);
    assert!(!next.contains("failed"), "{next}");
    tiny.says("", 0, &["  00-zero         15 min   done, all 2 checks pass", "2 of 2 lessons are done."]);
}

#[test]
fn a_memory_that_is_broken_or_cannot_be_written_is_no_error() {
    let tiny = Tiny::new("memory");
    for memory in ["", "\0", "one", "one.files = \none.step = first\none.hints.1 = -1\n"] {
        tiny.write(".workshop/progress", memory);
        tiny.says("", 0, &["next, 0 of 1 steps written"]);
        tiny.says("check 01", 1, &["NOT WRITTEN YET"]);
        tiny.write(".workshop/progress", memory);
        tiny.says("hint 01", 0, &["Think of twins."]);
    }
    fs::remove_dir_all(tiny.root().join(".workshop")).unwrap();
    // A file where the folder should be cannot be written to, not even by root.
    tiny.write(".workshop", "");
    tiny.says("hint 01", 0, &["note: cannot remember this in"]);
    // What cannot be kept is not replaced.
    let mine = tiny.read(MAIN).replace("todo!", "/* mine */ todo!");
    tiny.write(MAIN, &mine);
    tiny.says("solve 01", 1, &["cannot keep your files"]);
    assert_eq!(tiny.read(MAIN), mine);
}

#[test]
fn check_tells_each_check_and_the_first_report() {
    let tiny = Tiny::new("check");
    // Without a number: the first lesson that is not done.
    let red = tiny.says(
        "check",
        1,
        &["01 The one: doubled: 0 of 2 checks pass", "  failed  step 1: ten is doubled"],
    );
    assert!(red.contains("Begin with this one:\nNOT WRITTEN YET"), "{red}");
    assert!(red.ends_with("error: 2 of 2 checks do not pass\n"), "{red}");
    tiny.write(MAIN, "fn main() { nonsense }\n");
    tiny.says("check 01", 1, &["0 of 2 checks pass", "cannot find value `nonsense`"]);
    write_with(&tiny, "number + 2");
    let half = [
        "  passed  step 1: two is doubled",
        "  failed  step 1: ten is doubled",
        "the answer to 10 is 20, but 12 came",
    ];
    tiny.says("check one", 1, &half);
    tiny.solve("01-one");
    // It is the lesson that was worked on, also now that it is done.
    let proven = "2 of 2 checks pass\nProven:\n  step 1: ten is doubled\n";
    tiny.says("check", 0, &[proven, "Lesson 01 is done. The next one:\n  read   book/src/02-two.md\n"]);
    tiny.says("check", 1, &["02 The two: doubled: 0 of 2 checks pass"]);
}

#[test]
fn what_cargo_cannot_do_is_no_fault_of_the_program() {
    let tiny = Tiny::new("check-cargo");
    tiny.write("no-folder", "");
    let mut check = tiny.workshop(&["check", "01"]);
    check.env("CARGO_TARGET_DIR", tiny.root().join("no-folder"));
    let begin = "error: cargo itself fails, before rustc has said anything. It says:\n";
    let told = run::says(&mut check, 2, &[begin, "no-folder"]);
    assert!(!told.contains("compile"), "{told}");
    tiny.write("lessons/01-one/Cargo.toml", "[package\n");
    let told = tiny.says("check 01 --json", 2, &["lessons/01-one/Cargo.toml"]);
    assert!(told.starts_with("error: cargo itself fails"), "{told}");
}

/// A spec may leave everything out, as that of lesson 13 does without a broker.
#[test]
fn a_spec_that_left_its_checks_out_proves_nothing() {
    let tiny = Tiny::new("lacks");
    let said = observe::tool::left_out("nats-server");
    let check = |name: &str| {
        let say = format!("std::io::stderr().write_all(b\"{said}\\n\")");
        format!("#[test]\nfn {name}() {{\n    use std::io::Write;\n    {say}.unwrap();\n}}\n")
    };
    tiny.write("tests/01-one/step_1_double.rs", "");
    tiny.write("tests/01-one/main.rs", &[check("a_mail_arrives"), check("a_worker_dies")].concat());
    let first = "01 The one: doubled: 0 of 2 checks pass\nNot checked: nats-server is not installed";
    tiny.says("check 01", 1, &[first, "cargo workshop doctor", "error: 2 of 2 checks do not pass\n"]);
    write_with(&tiny, "number + number");
    let map = [
        "  01-one          15 min   not checked, needs nats-server\n",
        "0 of 2 lessons are done.",
        "  get    nats-server (how: cargo workshop doctor)\n",
    ];
    tiny.says("check 01 --points", 1, &["  0 of 1  a mail arrives\n", "Not checked: nats-server"]);
    tiny.says("", 0, &map);
    let json = json_of(&tiny, "check 01 --json");
    let lesson = &json["lessons"][0];
    let facts = ["lacks", "points", "green", "compiles"].map(|field| lesson[field].clone());
    assert_eq!(facts, [json!("nats-server"), json!(0), json!(false), json!(true)], "{json}");
    assert_eq!(lesson["checks"][1]["report"], "not checked: nats-server is not installed");

    let mut watch = tiny.start(&["watch", "01"]);
    watch.wait_for("0 of 2 checks pass");
    let printed = watch.wait_for("Not checked: nats-server is not installed");
    assert!(!printed.contains("now passes"), "{printed}");
}

/// The document that a verb prints when it fails.
fn json_of(tiny: &Tiny, line: &str) -> Value {
    let printed = tiny.says(line, 1, &[]);
    serde_json::from_str(printed.lines().next().unwrap()).unwrap()
}

/// Three steps. The last one is needed first.
const THREE: &str = r#"//! Doubles.

fn main() {
    let number: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let known = std::env::args().len() == 2;
    println!("{}", if known { double(number) } else { 0 });
}

struct Sum(u32);

impl Sum {
    fn of(one: u32, other: u32) -> Self {
        // ANCHOR: step_1 todo!("1: add")
        Self(one + other)
        // ANCHOR_END: step_1
    }
}

struct Product(u32);

impl Product {
    fn of(one: u32, other: u32) -> Self {
        // ANCHOR: step_2 todo!("2: multiply")
        Self(one * other)
        // ANCHOR_END: step_2
    }
}

fn double(number: u32) -> u32 {
    // ANCHOR: step_3 todo!("3: twice")
    Sum::of(number, number).0.max(Product::of(number, 2).0)
    // ANCHOR_END: step_3
}
"#;

/// A lesson with three steps.
fn with_steps(name: &str) -> Tiny {
    let tiny = Tiny::new(name);
    tiny.write("solutions/01-one/src/main.rs", THREE);
    tiny.says("reset 01", 0, &[]);
    tiny
}

#[test]
fn check_and_hint_name_the_same_step() {
    let tiny = with_steps("begin");
    // Reports as `support` has them.
    let spec = tiny.read("tests/01-one/main.rs");
    let todo = "eprintln!(\"NOT WRITTEN YET: a check\\n\\n  got:       todo 3: twice\\n\");";
    let section = "but {} came\\n\\n  read:      \\\"2. Multiply\\\" in book/src/01-one.md\", got.trim()";
    let spec = spec.replace("eprintln!(\"NOT WRITTEN YET\");", todo);
    tiny.write("tests/01-one/main.rs", &spec.replace("but {} came\", got.trim()", section));
    let hints = tiny.read("lessons/01-one/hints.md");
    let (_, one) = hints.split_once("## 1. ").unwrap();
    let all = (1..=3).map(|step| format!("## {step}. {one}\n")).collect::<String>();
    tiny.write("lessons/01-one/hints.md", &format!("# Hints for lesson 01\n\n{all}"));

    let first = [
        "Begin with step 1, which no check reaches yet:\n  write  add\n",
        "  in     lessons/01-one/src/main.rs, line 16\n",
        "  read   step 1 of \"Your task\" in book/src/01-one.md\n",
    ];
    tiny.says("check 01", 1, &first);
    tiny.says("hint 01", 0, &["Lesson 01, 1. "]);
    tiny.says("solve 01 --step 1", 0, &[]);
    tiny.says("solve 01 --step 2", 0, &[]);
    tiny.says("check 01", 1, &["Begin with this one:\nNOT WRITTEN YET", "todo 3: twice"]);
    tiny.says("hint 01", 0, &["Lesson 01, 3. "]);

    // What is written and wrong comes before what is not written yet.
    let solved = tiny.read(MAIN);
    let wrong = solved.replace("one * other", "one * other + 1");
    tiny.write(MAIN, &wrong.replace("todo!(\"3: twice\")", "Product::of(number, 2).0"));
    tiny.says("check 01", 1, &["Begin with this one:\nCHECK FAILED", "\"2. Multiply\""]);
    tiny.says("hint 01", 0, &["Lesson 01, 2. "]);
    // Nobody knows what it says of other files.
    tiny.write(MAIN, &solved);
    tiny.says("hint 01", 0, &["Lesson 01, 3. "]);
}

#[test]
fn one_step_can_be_solved_alone() {
    let tiny = with_steps("solve-step");
    let mine = tiny.read(MAIN).replace("let known =", "// mine\n    let known =");
    let todo = "todo!(\"2: multiply\")";
    // With the line ends of Windows, too.
    tiny.write(MAIN, &mine.replace('\n', "\r\n"));
    tiny.says("solve 01 --step 2", 0, &["The solution of step 2 of lesson 01 is in lessons/01-one."]);
    assert_eq!(tiny.read(MAIN), mine.replace(todo, "Self(one * other)"));
    tiny.says("", 0, &["  01-one          15 min   next, 1 of 3 steps written\n"]);
    tiny.says("solve 01 --step 4", 2, &["error: lesson 01 has no step 4; it has 3\n"]);
    tiny.write(MAIN, "fn main() {}\n");
    tiny.says("solve 01 --step 2", 2, &["cannot find the place of step 2 in your src/main.rs"]);
    assert_eq!(tiny.read(MAIN), "fn main() {}\n");
}

#[test]
fn what_was_deleted_can_be_put_back() {
    let tiny = with_steps("deleted");
    let starter = tiny.read(MAIN);
    let mine = starter.replace("todo!(\"1: add\")", "Self(one + other)");
    for name in ["src/main.rs", "src", ""] {
        let path = tiny.root().join("lessons/01-one").join(name);
        // Deletes it, and puts it back.
        let after = |line: &str, says: &str| {
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap()
            } else {
                fs::remove_file(&path).unwrap()
            }
            tiny.says("", 0, &["  01-one          15 min   next, 0 of 3 steps written\n"]);
            tiny.says(line, 0, &[says]);
            tiny.read(MAIN)
        };
        assert_eq!(after("reset 01", "The starter of lesson 01 is in lessons/01-one.\n"), starter);
        assert_eq!(after("solve 01 --step 1", ""), mine);
        tiny.says("reset 01", 0, &["What you had is kept as version "]);
        assert_eq!(after("restore 01", ", kept a moment ago, is in lessons/01-one."), mine);
        after("solve 01", "");
        tiny.says("check 01", 0, &[]);
        tiny.says("reset 01", 0, &[]);
    }
}

/// One lesson is half done, the other one does not compile.
#[test]
fn check_gives_points_in_each_form() {
    let tiny = Tiny::new("points");
    write_with(&tiny, "number + 2");
    tiny.write("lessons/02-two/src/main.rs", "fn main() { nonsense }\n");
    let points = [
        "01 The one: doubled: 1 of 2 points\n  0 of 1  step 1: ten is doubled\n",
        "02 The two: doubled: 0 of 2 points\n",
        "It does not compile, so no check could run.",
        "\nTotal: 1 of 4 points\n",
    ];
    tiny.says("check --all --points", 1, &points);
    tiny.says("check --points --json", 2, &["cannot be used with"]);

    // Programs of graders read each field.
    let mut json = json_of(&tiny, "check --all --json");
    let report = json["lessons"][0]["checks"][0]["report"].take();
    assert!(report.as_str().unwrap().contains("12 came"), "{report}");
    let check = |name: &str, points: u32, report: Option<&str>| {
        let passed = points == 1;
        json!({"name": name, "passed": passed, "points": points, "of": 1, "report": report})
    };
    let lesson = |name: &str, package: &str, compiles: bool, points: u32, checks: [Value; 2]| {
        json!({
            "lesson": name, "package": package, "compiles": compiles, "green": false, "lacks": null,
            "points": points, "of": 2, "checks": checks,
        })
    };
    // What does not compile has all its checks, and no points.
    let broken = Some("it does not compile");
    let [half, none] = [
        [check("step_1_double::ten_is_doubled", 0, None), check("step_1_double::two_is_doubled", 1, None)],
        [
            check("step_1_double::ten_is_doubled", 0, broken),
            check("step_1_double::two_is_doubled", 0, broken),
        ],
    ];
    let lessons =
        [lesson("01-one", "lesson-01", true, 1, half), lesson("02-two", "lesson-02", false, 0, none)];
    assert_eq!(json, json!({"version": 1, "points": 1, "of": 4, "lessons": lessons}));
    tiny.says("check --all --solutions --json", 0, &["\"points\":4", "\"package\":\"solution-02\""]);

    let printed = tiny.says("check --all --classroom", 1, &[]);
    let encoded = printed.lines().next().unwrap().strip_prefix("result=").unwrap();
    let json: Value = serde_json::from_slice(&STANDARD.decode(encoded).unwrap()).unwrap();
    let tests = json["tests"].as_array().unwrap();
    assert_eq!(json, json!({"version": 1, "status": "fail", "max_score": 4, "tests": tests}));
    let two =
        json!({"name": "01-one: step 1: two is doubled", "status": "pass", "score": 1, "message": null});
    let broken =
        json!({"name": "02-two: step 1: two is doubled", "status": "fail", "score": 0, "message": broken});
    assert_eq!((tests.len(), &tests[1], &tests[3]), (4, &two, &broken));
}

#[test]
fn one_more_hint_each_time() {
    let tiny = Tiny::new("hint");
    let [one, two, three] = ["Think of twins.", "There is an operator for it.", "number * 2"];
    let ask = |line: &str, words: &[&str], others: &[&str]| {
        let told = tiny.says(line, 0, words);
        others.iter().for_each(|other| assert!(!told.contains(other), "{told}"));
    };
    ask("hint 01", &["Lesson 01, 1. Double it", one], &[two, three]);
    ask("hint 01", &["Hint 2 of 3", two, "cargo workshop hint 01 --step 1 --again"], &[one, three]);
    ask("hint 01 --again", &[one, two, "For the next one, ask without --again."], &[three]);
    for _ in 0..2 {
        ask("hint 01", &["Hint 3 of 3", three, "cargo workshop diff 01"], &[one, two]);
    }
    ask("hint 02 --again", &["You have seen no hint yet."], &[one]);
    tiny.says("hint 01 --step 9", 2, &["no hints for step 9"]);
    tiny.solve("01-one");
    ask("hint 01", &["Every step of this lesson is written."], &[]);
    ask("hint 01 --again", &[one, two, three], &[]);
}

#[test]
fn the_differences_are_shown() {
    let tiny = Tiny::new("diff");
    tiny.write("solutions/01-one/fuzz/target.rs", "fn main() {}\n");
    let refused = tiny.says("diff 01", 2, &["1 step is not written yet", "cargo workshop diff 01 --spoil"]);
    assert!(refused.starts_with("error: "), "{refused}");
    let change = "-     todo!(\"1: return twice the number\")\n+     // Twice.\n+     number * 2\n";
    let unix = tiny.says("diff 01 --spoil", 0, &[change]);
    // What is no part of the task: the line that keeps rustc quiet, and what the starter does not have.
    assert!(!["ANCHOR", "allow", "fuzz"].iter().any(|word| unix.contains(word)), "{unix}");
    // In a checkout with the line ends of Windows, nothing else differs.
    for path in [MAIN, "solutions/01-one/src/main.rs"] {
        let text = tiny.read(path);
        tiny.write(path, &text.replace('\n', "\r\n"));
        assert_eq!(tiny.says("diff 01 --spoil", 0, &[]), unix);
        tiny.write(path, &text);
    }
    tiny.says("solve 01", 0, &[]);
    assert!(!tiny.root().join("lessons/01-one/fuzz").exists());
    assert_eq!(tiny.says("diff 01", 0, &[]), "Your files and the solution's are the same.\n");
}

#[test]
fn nothing_that_a_learner_wrote_is_lost() {
    let tiny = Tiny::new("keep");
    let (manifest, notes) = ("lessons/01-one/Cargo.toml", "lessons/01-one/src/notes.rs");
    let given = tiny.read(manifest);
    let mine = tiny.read(MAIN).replace("todo!", "/* mine */ todo!");
    tiny.write(MAIN, &mine);
    tiny.write(notes, "// my notes\n");
    tiny.write(manifest, &format!("{given}\n# mine\n"));
    // Emacs marks a file that is being edited with a link that leads nowhere.
    std::os::unix::fs::symlink("me@host.1", tiny.root().join("lessons/01-one/src/.#main.rs")).unwrap();

    tiny.says("restore 01", 0, &["Nothing of lesson 01 was kept"]);
    tiny.says("solve 01", 0, &["What you had is kept as version 1."]);
    assert!(tiny.read(MAIN).contains("number * 2") && !tiny.read(MAIN).contains("ANCHOR"));
    assert!(!tiny.root().join(notes).exists());
    // With the solution, Cargo.toml stays the learner's.
    assert!(tiny.read(manifest).ends_with("# mine\n"));
    tiny.write(manifest, &given);
    tiny.says("solve 01", 0, &["was in place already"]);
    // The solution is nobody's work: it need not be kept.
    assert_eq!(tiny.says("reset 01", 0, &[]), "The starter of lesson 01 is in lessons/01-one.\n");
    tiny.says("reset 01", 0, &["was in place already"]);
    let restored = tiny.says("restore 01", 0, &["Your version 1, kept a moment ago, is in lessons/01-one."]);
    assert!(!restored.contains("is kept as"), "{restored}");
    assert_eq!([MAIN, notes].map(|file| tiny.read(file)), [mine, "// my notes\n".into()]);
    assert!(tiny.read(manifest).ends_with("# mine\n"));
    // Asked twice, it is still there.
    tiny.says("restore 01", 0, &["in place already"]);
}

#[test]
fn the_version_that_was_had_last_comes_back() {
    let tiny = Tiny::new("restore");
    let starter = tiny.read(MAIN);
    let [one, two] =
        ["number", "number + 2"].map(|code| starter.replace("todo!(\"1: return twice the number\")", code));
    for (mine, number) in [(&one, 1), (&two, 2), (&one, 3)] {
        tiny.write(MAIN, mine);
        tiny.says("solve 01", 0, &[&format!("What you had is kept as version {number}.")]);
    }
    tiny.says("restore 01", 0, &["Your version 3", "restore 01 --list"]);
    assert_eq!(tiny.read(MAIN), one);
    // Version 1 was the same, so it is kept once.
    let versions =
        "  2  a moment ago, 1 of 1 steps written\n  3  a moment ago, 1 of 1 steps written, in place now\n";
    let list = tiny.says("restore 01 --list", 0, &[versions]);
    assert!(!list.contains("  1  "), "{list}");
    tiny.says("restore 01 2", 0, &["What was there is kept as version 4."]);
    assert_eq!(tiny.read(MAIN), two);
    // What is in place is kept again, so that it is the newest of all.
    tiny.says("restore 01", 0, &["Your version 4"]);
    assert_eq!(tiny.read(MAIN), one);
    tiny.says("restore 01 9", 2, &["there is no version 9"]);
    tiny.says("restore 01 1 --list", 2, &["cannot be used with"]);
}

#[test]
fn a_latecomer_catches_up_and_keeps_what_is_done() {
    let tiny = Tiny::new("catch-up");
    write_with(&tiny, "number + number");
    let own = tiny.read(MAIN);
    tiny.says("catch-up 02", 0, &["Lesson 01 is done: it stays as it is.", "begin with lesson 02"]);
    assert_eq!(tiny.read(MAIN), own);
    tiny.says("reset 01", 0, &[]);
    tiny.says("catch-up 02", 0, &["The solution of lesson 01 is in"]);
    // No spec has to run to know that the solution is good.
    let in_place = "  01-one          15 min   done, the solution is in place\n";
    tiny.says("", 0, &[in_place, "1 of 2 lessons is done.", "Next: 02 The two: doubled"]);
    tiny.says("catch-up 02", 0, &["was in place already"]);
    tiny.says("check 01", 0, &[]);
    tiny.says("", 0, &[in_place]);
    write_with(&tiny, "number + 2");
    tiny.says("", 0, &["next, all steps written, not checked yet"]);
    assert!(tiny.read("lessons/02-two/src/main.rs").contains("todo!"));
}

/// cargo names what it makes after the package and its place in the workspace, so two checkouts have the same names.
#[test]
fn two_checkouts_that_build_in_one_folder_are_told_so() {
    let (mine, others, shared) =
        (Tiny::new("shared-mine"), Tiny::new("shared-others"), Tiny::new("shared-target"));
    fs::remove_dir_all(shared.root().join("lessons")).unwrap();
    let other = "another checkout of the workshop";
    // What is nobody's belongs to the first.
    for target in [shared.root().join("built"), others.root().join("target")] {
        let run = |tiny: &Tiny, verb: &[&str], code: i32, words: &[&str]| {
            let mut command = tiny.workshop(verb);
            run::says(command.env("CARGO_TARGET_DIR", &target).env("COLUMNS", "300"), code, words)
        };
        others.solve("01-one");
        run(&others, &["check", "01"], 0, &["2 of 2 checks pass"]);
        run(&mine, &["check", "01"], 2, &[other, "CARGO_TARGET_DIR", "cargo clean"]);
        run(&others, &["check", "01"], 0, &["2 of 2 checks pass"]);
        run(&mine, &["doctor"], 0, &["optional  builds", other]);
    }
}
