//! What a learner types all day: the map, check, hint, diff, solve, reset, restore and catch-up.

mod run;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, is_empty};
use run::tiny::Tiny;
use serde_json::Value;
use std::fs;

const MAIN: &str = "lessons/01-one/src/main.rs";

#[test]
fn the_map_says_what_is_done_and_what_comes_next() {
    let tiny = Tiny::new("map");
    let first = tiny.workshop(&[]).assert().code(0);
    first
        .stdout(contains("  01-one          15 min   next, 0 of 1 steps written"))
        .stdout(contains("  02-two          15 min   to do, 0 of 1 steps written"))
        .stdout(contains("About 30 minutes of work are left."))
        .stdout(contains("Next: 01 The one: doubled"));

    tiny.solve("01-one");
    let second = tiny.workshop(&[]).assert().code(0);
    second
        .stdout(contains("  01-one          15 min   done, all 2 checks pass"))
        .stdout(contains("  02-two          15 min   next, 0 of 1 steps written"))
        .stderr(contains("Running the spec of lesson 01"));
    // It is remembered until the files change.
    tiny.workshop(&[]).assert().code(0).stdout(contains("done, all 2 checks pass")).stderr(is_empty());
    tiny.write(MAIN, &tiny.read(MAIN).replace("number * 2", "number + 2"));
    tiny.workshop(&[]).assert().code(0).stdout(contains("next, 1 of 2 checks pass"));
}

#[test]
fn a_broken_memory_is_no_error() {
    let tiny = Tiny::new("memory");
    for memory in ["", "{\"lessons\":", "[1]", "{\"lessons\":7,\"hints\":[]}"] {
        tiny.write(".workshop/progress.json", memory);
        tiny.workshop(&[]).assert().code(0).stdout(contains("next, 0 of 1 steps written"));
        tiny.workshop(&["check", "01"]).assert().code(1).stderr(contains("panicked").not());
        tiny.write(".workshop/progress.json", memory);
        tiny.workshop(&["hint", "01"]).assert().code(0).stderr(contains("panicked").not());
    }
}

#[test]
fn a_memory_that_cannot_be_written_is_no_error() {
    let tiny = Tiny::new("read-only");
    // A file where the folder should be cannot be written to, not even by root.
    tiny.write(".workshop", "");
    tiny.workshop(&["hint", "01"]).assert().code(0).stderr(contains("note: cannot remember this in"));
}

#[test]
fn check_tells_each_check_and_the_first_report() {
    let tiny = Tiny::new("check");
    // Without a number: the first lesson that is not done.
    let red = tiny.workshop(&["check"]).assert().code(1);
    red.stdout(contains("01 The one: doubled: 0 of 2 checks pass"))
        .stdout(contains("  failed  ten is doubled"))
        .stdout(contains("Begin with this one:").and(contains("NOT WRITTEN YET")))
        .stderr("error: 2 of 2 checks do not pass\n");

    tiny.write(MAIN, &tiny.read("solutions/01-one/src/main.rs").replace("number * 2", "number + 2"));
    let half = tiny.workshop(&["check", "one"]).assert().code(1);
    half.stdout(contains("  passed  two is doubled"))
        .stdout(contains("  failed  ten is doubled"))
        .stdout(contains("CHECK FAILED: the answer to 10 is 20, but 12 came"));

    tiny.solve("01-one");
    // It is the lesson that was worked on, also now that it is done.
    let green = tiny.workshop(&["check"]).assert().code(0);
    green
        .stdout(contains("2 of 2 checks pass\nProven:\n  ten is doubled\n"))
        .stdout(contains("Lesson 01 is done. The next one:\n  read   book/src/02-two.md\n"));
    tiny.workshop(&["check"]).assert().code(1).stdout(contains("02 The two: doubled: 0 of 2 checks pass"));
}

#[test]
fn check_shows_what_rustc_says() {
    let tiny = Tiny::new("check-rustc");
    tiny.write(MAIN, "fn main() { nonsense }\n");
    let red = tiny.workshop(&["check", "01"]).assert().code(1);
    red.stdout(contains("0 of 2 checks pass").and(contains("cannot find value `nonsense`")));
}

#[test]
fn what_cargo_cannot_do_is_no_fault_of_the_program() {
    let tiny = Tiny::new("check-cargo");
    tiny.write("no-folder", "");
    let mut check = tiny.workshop(&["check", "01"]);
    let told = check.env("CARGO_TARGET_DIR", tiny.root().join("no-folder")).assert().code(2);
    told.stdout(contains("compile").not())
        .stderr(contains("error: cargo itself fails, before rustc has said anything. It says:\n"))
        .stderr(contains("no-folder"));
    tiny.write("lessons/01-one/Cargo.toml", "[package\n");
    let told = tiny.workshop(&["check", "01", "--json"]).assert().code(2);
    told.stdout("").stderr(contains("cargo itself fails").and(contains("lessons/01-one/Cargo.toml")));
}

/// A spec that leaves everything out, as that of lesson 13 does without a broker.
fn without_a_broker(name: &str) -> Tiny {
    let tiny = Tiny::new(name);
    let said = observe::tool::left_out("nats-server");
    let check = |name: &str| {
        let say = format!("std::io::stderr().write_all(b\"{said} To have it: …\\n\")").replace('…', "...");
        format!("#[test]\nfn {name}() {{\n    use std::io::Write;\n    {say}.unwrap();\n}}\n")
    };
    tiny.write("tests/01-one.rs", &[check("a_mail_arrives"), check("a_worker_dies")].concat());
    tiny
}

#[test]
fn a_spec_that_left_its_checks_out_proves_nothing() {
    let tiny = without_a_broker("lacks");
    let starter = tiny.workshop(&["check", "01"]).assert().code(1);
    starter
        .stdout(contains(
            "01 The one: doubled: 0 of 2 checks pass\nNot checked: nats-server is not installed",
        ))
        .stdout(contains("cargo workshop doctor"))
        .stderr("error: 2 of 2 checks do not pass\n");
    tiny.write(MAIN, &tiny.read("solutions/01-one/src/main.rs").replace("number * 2", "number + number"));
    let map = tiny.workshop(&[]).assert().code(0);
    map.stdout(contains("  01-one          15 min   not checked, needs nats-server\n"))
        .stdout(contains("0 of 2 lessons are done."))
        .stdout(contains("  get    nats-server (how: cargo workshop doctor)\n"));
    let points = tiny.workshop(&["check", "01", "--points"]).assert().code(1);
    points.stdout(contains("  0 of 1  a mail arrives\n").and(contains("Not checked: nats-server")));
    let output = tiny.workshop(&["check", "01", "--json"]).assert().code(1).get_output().stdout.clone();
    let json: Value = serde_json::from_slice(&output).unwrap();
    let lesson = &json["lessons"][0];
    assert_eq!((&lesson["lacks"], &lesson["points"]), (&"nats-server".into(), &0.into()), "{json}");
    assert_eq!((&lesson["green"], &lesson["compiles"]), (&false.into(), &true.into()), "{json}");
    assert_eq!(lesson["checks"][1]["report"], "not checked: nats-server is not installed");

    let mut watch = tiny.start(&["watch", "01"]);
    watch.wait_for("0 of 2 checks pass");
    let printed = watch.wait_for("Not checked: nats-server is not installed");
    assert!(!printed.contains("now passes"), "{printed}");
    watch.enter("q");
    assert_eq!(watch.code(), Some(0));
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
    tiny.workshop(&["reset", "01"]).assert().code(0);
    tiny
}

/// The spec of such a lesson, with reports as `support` has them.
fn with_reports(tiny: &Tiny) {
    let spec = tiny.read("tests/01-one.rs");
    let said = "eprintln!(\"NOT WRITTEN YET\");";
    let todo = "eprintln!(\"NOT WRITTEN YET: a check\\n\\n  came:      todo 3: twice\\n\");";
    let failed = "but {} came\", got.trim()";
    let section = "but {} came\\n\\n  read:      \\\"2. Multiply\\\" in book/src/01-one.md\", got.trim()";
    assert!(spec.contains(said) && spec.contains(failed));
    tiny.write("tests/01-one.rs", &spec.replace(said, todo).replace(failed, section));
}

#[test]
fn check_and_hint_name_the_same_step() {
    let tiny = with_steps("begin");
    with_reports(&tiny);
    let hints = tiny.read("lessons/01-one/hints.md");
    let (_, one) = hints.split_once("## 1. ").unwrap();
    let all = (1..=3).map(|step| format!("## {step}. {one}\n")).collect::<String>();
    tiny.write("lessons/01-one/hints.md", &format!("# Hints for lesson 01\n\n{all}"));

    let check = tiny.workshop(&["check", "01"]).assert().code(1);
    check
        .stdout(contains("Begin with step 1, which no check reaches yet:\n  write  add\n"))
        .stdout(contains("  in     lessons/01-one/src/main.rs, line 16\n"))
        .stdout(contains("  read   step 1 of \"Your task\" in book/src/01-one.md\n"));
    tiny.workshop(&["hint", "01"]).assert().code(0).stdout(contains("Lesson 01, 1. "));
    for step in ["1", "2"] {
        tiny.workshop(&["solve", "01", "--step", step]).assert().code(0);
    }
    let check = tiny.workshop(&["check", "01"]).assert().code(1);
    check.stdout(contains("Begin with this one:\nNOT WRITTEN YET").and(contains("todo 3: twice")));
    tiny.workshop(&["hint", "01"]).assert().code(0).stdout(contains("Lesson 01, 3. "));

    // What is written and wrong comes before what is not written yet.
    let solved = tiny.read(MAIN);
    tiny.write(
        MAIN,
        &solved
            .replace("one * other", "one * other + 1")
            .replace("todo!(\"3: twice\")", "Product::of(number, 2).0"),
    );
    let check = tiny.workshop(&["check", "01"]).assert().code(1);
    check.stdout(contains("Begin with this one:\nCHECK FAILED").and(contains("\"2. Multiply\"")));
    tiny.workshop(&["hint", "01"]).assert().code(0).stdout(contains("Lesson 01, 2. "));
    // Nobody knows what it says of other files.
    tiny.write(MAIN, &solved);
    tiny.workshop(&["hint", "01"]).assert().code(0).stdout(contains("Lesson 01, 3. "));
}

#[test]
fn one_step_can_be_solved_alone() {
    let tiny = with_steps("solve-step");
    let starter = tiny.read(MAIN);
    let mine = starter.replace("let known =", "// mine\n    let known =");
    tiny.write(MAIN, &mine);
    let solved = tiny.workshop(&["solve", "01", "--step", "2"]).assert().code(0);
    solved.stdout(contains("The solution of step 2 of lesson 01 is in lessons/01-one."));
    assert_eq!(tiny.read(MAIN), mine.replace("todo!(\"2: multiply\")", "Self(one * other)"));
    tiny.workshop(&[])
        .assert()
        .code(0)
        .stdout(contains("  01-one          15 min   next, 1 of 3 steps written\n"));
    // Even what was written, and is wrong.
    tiny.write(MAIN, &mine.replace("todo!(\"2: multiply\")", "let wrong = 7;\n        Self(wrong)"));
    tiny.workshop(&["solve", "01", "--step", "2"]).assert().code(0);
    assert_eq!(tiny.read(MAIN), mine.replace("todo!(\"2: multiply\")", "Self(one * other)"));
    // With the line ends of Windows, too.
    tiny.write(MAIN, &mine.replace('\n', "\r\n"));
    tiny.workshop(&["solve", "01", "--step", "2"]).assert().code(0);
    assert_eq!(tiny.read(MAIN), mine.replace("todo!(\"2: multiply\")", "Self(one * other)"));

    let missing = tiny.workshop(&["solve", "01", "--step", "4"]).assert().code(2);
    missing.stderr("error: lesson 01 has no step 4; it has 3\n");
    tiny.write(MAIN, "fn main() {}\n");
    let gone = tiny.workshop(&["solve", "01", "--step", "2"]).assert().code(2);
    gone.stderr(contains("cannot find the place of step 2 in your src/main.rs"));
    assert_eq!(tiny.read(MAIN), "fn main() {}\n");
}

#[test]
fn what_was_deleted_can_be_put_back() {
    let tiny = with_steps("deleted");
    let starter = tiny.read(MAIN);
    let folder = tiny.root().join("lessons/01-one");
    let gone = |name: &str| match name {
        "src/main.rs" => fs::remove_file(folder.join(name)).unwrap(),
        name => fs::remove_dir_all(folder.join(name)).unwrap(),
    };
    for name in ["src/main.rs", "src", ""] {
        gone(name);
        let map = tiny.workshop(&[]).assert().code(0);
        map.stdout(contains("  01-one          15 min   next, 0 of 3 steps written\n"));
        let reset = tiny.workshop(&["reset", "01"]).assert().code(0);
        reset.stdout("The starter of lesson 01 is in lessons/01-one.\n");
        assert_eq!(tiny.read(MAIN), starter);
        gone(name);
        tiny.workshop(&["solve", "01", "--step", "1"]).assert().code(0);
        let mine = tiny.read(MAIN);
        assert_eq!(mine, starter.replace("todo!(\"1: add\")", "Self(one + other)"));
        gone(name);
        tiny.workshop(&["solve", "01"]).assert().code(0);
        tiny.workshop(&["check", "01"]).assert().code(0);
        tiny.write(MAIN, &mine);
        tiny.workshop(&["reset", "01"]).assert().code(0);
        gone(name);
        let restored = tiny.workshop(&["restore", "01"]).assert().code(0);
        restored.stdout(contains("Your files as of 20").and(contains("are in lessons/01-one.")));
        assert_eq!(tiny.read(MAIN), mine);
        tiny.workshop(&["reset", "01"]).assert().code(0);
    }
}

#[test]
fn a_manifest_comes_back_too() {
    let tiny = Tiny::new("manifest");
    let manifest = "lessons/01-one/Cargo.toml";
    let given = tiny.read(manifest);
    let mine = format!("{given}\n# mine\n");
    tiny.write(manifest, &mine);
    tiny.workshop(&["solve", "01"]).assert().code(0);
    assert_eq!(tiny.read(manifest), mine);
    tiny.workshop(&["reset", "01"]).assert().code(0).stdout(contains("What you had is kept as of "));
    assert_eq!(tiny.read(manifest), given);
    tiny.workshop(&["restore", "01"]).assert().code(0);
    assert_eq!(tiny.read(manifest), mine);
}

/// One lesson half done, the other one does not compile.
fn half_done(name: &str) -> Tiny {
    let tiny = Tiny::new(name);
    tiny.write(MAIN, &tiny.read("solutions/01-one/src/main.rs").replace("number * 2", "number + 2"));
    tiny.write("lessons/02-two/src/main.rs", "fn main() { nonsense }\n");
    tiny
}

/// The types of a JSON document, without its values: what a grader depends on.
fn shape(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}:{}", shape(value))).collect();
            format!("{{{}}}", fields.join(" "))
        }
        Value::Array(values) => format!("[{}]", values.first().map(shape).unwrap_or_default()),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "bool".into(),
        Value::Null => "null".into(),
    }
}

#[test]
fn check_gives_points_as_json_of_a_shape_that_stays() {
    let tiny = half_done("check-json");
    let output = tiny.workshop(&["check", "--all", "--json"]).assert().code(1).get_output().stdout.clone();
    let json: Value = serde_json::from_slice(&output).unwrap();
    let check = "[{name:text of:number passed:bool points:number report:text}]";
    let lesson = format!(
        "[{{checks:{check} compiles:bool green:bool lacks:null lesson:text of:number package:text points:number}}]"
    );
    assert_eq!(shape(&json), format!("{{lessons:{lesson} of:number points:number version:number}}"));
    assert_eq!((&json["version"], &json["points"], &json["of"]), (&1.into(), &1.into(), &4.into()), "{json}");
    let first = &json["lessons"][0];
    assert_eq!((&first["lesson"], &first["package"]), (&"01-one".into(), &"lesson-01".into()));
    assert_eq!(first["checks"][0]["passed"], false);
    assert!(first["checks"][0]["report"].as_str().unwrap().contains("12 came"));
    assert_eq!((&first["checks"][1]["points"], &first["checks"][1]["report"]), (&1.into(), &Value::Null));
    // What does not compile has all its checks, and no points.
    let second = &json["lessons"][1];
    assert_eq!(
        (&second["compiles"], &second["points"], &second["of"]),
        (&false.into(), &0.into(), &2.into())
    );
    assert_eq!(second["checks"][1]["name"], "two_is_doubled");

    let solved = tiny.workshop(&["check", "--all", "--solutions", "--json"]).assert().code(0);
    solved.stdout(contains("\"points\":4").and(contains("\"package\":\"solution-02\"")));
}

#[test]
fn check_gives_points_as_text() {
    let tiny = half_done("check-points");
    let told = tiny.workshop(&["check", "--all", "--points"]).assert().code(1);
    told.stdout(contains("01 The one: doubled: 1 of 2 points\n  0 of 1  ten is doubled\n"))
        .stdout(contains("02 The two: doubled: 0 of 2 points\n"))
        .stdout(contains("It does not compile, so no check could run."))
        .stdout(contains("\nTotal: 1 of 4 points\n"));
    tiny.workshop(&["check", "--points", "--json"]).assert().code(2).stderr(contains("cannot be used with"));
}

#[test]
fn check_gives_points_as_github_classroom_reads_them() {
    let tiny = half_done("check-classroom");
    let output =
        tiny.workshop(&["check", "--all", "--classroom"]).assert().code(1).get_output().stdout.clone();
    let line = String::from_utf8(output).unwrap();
    let encoded = line.trim().strip_prefix("result=").unwrap();
    let json: Value = serde_json::from_slice(&STANDARD.decode(encoded).unwrap()).unwrap();
    let test = "{message:text name:text score:number status:text}";
    assert_eq!(shape(&json), format!("{{max_score:number status:text tests:[{test}] version:number}}"));
    assert_eq!((&json["status"], &json["max_score"]), (&"fail".into(), &4.into()));
    let score: u64 =
        json["tests"].as_array().unwrap().iter().map(|test| test["score"].as_u64().unwrap()).sum();
    assert_eq!(score, 1, "{json}");
    assert_eq!(json["tests"][1]["name"], "01-one: two is doubled");
    assert_eq!((&json["tests"][1]["status"], &json["tests"][1]["message"]), (&"pass".into(), &Value::Null));
}

#[test]
fn one_more_hint_each_time() {
    let tiny = Tiny::new("hint");
    let ask = || {
        String::from_utf8(tiny.workshop(&["hint", "01"]).assert().code(0).get_output().stdout.clone())
            .unwrap()
    };
    let first = ask();
    assert!(first.contains("Lesson 01, 1. Double it") && first.contains("Think of twins."), "{first}");
    assert!(!first.contains("operator"), "{first}");
    let second = ask();
    assert!(second.contains("Hint 2 of 3") && second.contains("There is an operator for it."), "{second}");
    assert!(
        !second.contains("twins") && second.contains("cargo workshop hint 01 --step 1 --again"),
        "{second}"
    );
    let again = tiny.workshop(&["hint", "01", "--again"]).assert().code(0);
    again
        .stdout(contains("Think of twins.").and(contains("There is an operator for it.")))
        .stdout(contains("number * 2").not().and(contains("Ask again for the next one.")));
    for _ in 0..2 {
        let last = ask();
        assert!(last.contains("Hint 3 of 3") && last.contains("cargo workshop diff 01"), "{last}");
        assert!(last.contains("number * 2") && !last.contains("operator"), "{last}");
    }
    let none = tiny.workshop(&["hint", "02", "--again"]).assert().code(0);
    none.stdout(contains("You have seen no hint for this step yet.").and(contains("twins").not()));
    tiny.workshop(&["hint", "01", "--step", "9"]).assert().code(2).stderr(contains("no hints for step 9"));
    tiny.solve("01-one");
    tiny.workshop(&["hint", "01"]).assert().code(0).stdout(contains("Every step of this lesson is written."));
    let again = tiny.workshop(&["hint", "01", "--again"]).assert().code(0);
    again.stdout(contains("Think of twins.").and(contains("There is an operator for it.")));
    tiny.solve("02-two");
    let none = tiny.workshop(&["hint", "02", "--again"]).assert().code(0);
    none.stdout(
        contains("You have seen no hint of this lesson.").and(contains("cargo workshop hint 02 --step 1")),
    );
}

#[test]
fn the_differences_are_shown() {
    let tiny = Tiny::new("diff");
    tiny.write("solutions/01-one/fuzz/target.rs", "fn main() {}\n");
    let refused = tiny.workshop(&["diff", "01"]).assert().code(2);
    refused
        .stdout("")
        .stderr(contains("1 step is not written yet").and(contains("cargo workshop diff 01 --spoil")));
    let shown = tiny.workshop(&["diff", "01", "--spoil"]).assert().code(0);
    shown
        .stdout(contains("-     todo!(\"1: return twice the number\")\n+     // Twice.\n+     number * 2\n"))
        // What is no part of the task: the line that keeps rustc quiet, and what the starter does not have.
        .stdout(contains("ANCHOR").or(contains("allow")).or(contains("fuzz")).not());
    let lines = |tiny: &Tiny| {
        let shown = tiny.workshop(&["diff", "01", "--spoil"]).assert().code(0).get_output().stdout.clone();
        String::from_utf8(shown).unwrap()
    };
    let unix = lines(&tiny);
    // In a checkout with the line ends of Windows, nothing else differs.
    for path in [MAIN, "solutions/01-one/src/main.rs"] {
        let text = tiny.read(path);
        tiny.write(path, &text.replace('\n', "\r\n"));
        assert_eq!(lines(&tiny), unix);
        tiny.write(path, &text);
    }
    let code = tiny.workshop(&["diff", "01", "--no-comments", "--spoil"]).assert().code(0);
    code.stdout(contains("+     number * 2\n").and(contains("Twice").not()));
    tiny.workshop(&["solve", "01"]).assert().code(0);
    assert!(!tiny.root().join("lessons/01-one/fuzz").exists());
    tiny.workshop(&["diff", "01"]).assert().code(0).stdout("Your files and the solution's are the same.\n");
}

#[test]
fn nothing_that_a_learner_wrote_is_lost() {
    let tiny = Tiny::new("keep");
    let mine = tiny.read(MAIN).replace("todo!", "/* mine */ todo!");
    tiny.write(MAIN, &mine);
    tiny.write("lessons/01-one/src/notes.rs", "// my notes\n");
    // Emacs marks a file that is being edited with a link that leads nowhere.
    std::os::unix::fs::symlink("me@host.1", tiny.root().join("lessons/01-one/src/.#main.rs")).unwrap();

    tiny.workshop(&["solve", "01"]).assert().code(0).stdout(contains("What you had is kept as of "));
    assert!(tiny.read(MAIN).contains("number * 2") && !tiny.read(MAIN).contains("ANCHOR"));
    assert!(!tiny.root().join("lessons/01-one/src/notes.rs").exists());
    tiny.workshop(&["solve", "01"]).assert().code(0).stdout(contains("was in place already"));
    let reset = tiny.workshop(&["reset", "01"]).assert().code(0);
    // The solution is nobody's work: it need not be kept.
    reset.stdout("The starter of lesson 01 is in lessons/01-one.\n");
    assert!(tiny.read(MAIN).contains("    todo!"));
    tiny.workshop(&["reset", "01"]).assert().code(0).stdout(contains("was in place already"));

    let restored = tiny.workshop(&["restore", "01"]).assert().code(0);
    restored.stdout(contains("Your files as of 20").and(contains("kept").not()));
    assert_eq!(tiny.read(MAIN), mine);
    assert_eq!(tiny.read("lessons/01-one/src/notes.rs"), "// my notes\n");
    // Asked twice, it is still there.
    tiny.workshop(&["restore", "01"]).assert().code(0).stdout(contains("in place already"));
    tiny.workshop(&["restore", "02"]).assert().code(0).stdout(contains("Nothing of lesson 02 was kept"));
    tiny.workshop(&["restore", "02", "--list"]).assert().code(0).stdout(contains("Nothing of lesson 02"));
}

#[test]
fn the_version_that_was_had_last_comes_back() {
    let tiny = Tiny::new("restore");
    let starter = tiny.read(MAIN);
    let [one, two] =
        ["number", "number + 2"].map(|code| starter.replace("todo!(\"1: return twice the number\")", code));
    for mine in [&one, &two, &one] {
        tiny.write(MAIN, mine);
        tiny.workshop(&["solve", "01"]).assert().code(0).stdout(contains("What you had is kept as of "));
    }
    tiny.workshop(&["restore", "01"]).assert().code(0).stdout(contains("restore 01 --list"));
    assert_eq!(tiny.read(MAIN), one);
    let list = tiny.workshop(&["restore", "01", "--list"]).assert().code(0);
    list.stdout(contains("  1  20").and(contains("  2  20")).and(contains("  3  ").not()))
        .stdout(contains("  1 of 1 steps written\n"))
        .stdout(contains("  1 of 1 steps written, in place now\n"));
    tiny.workshop(&["restore", "01", "1"])
        .assert()
        .code(0)
        .stdout(contains("What was there is kept as of 20"));
    assert_eq!(tiny.read(MAIN), two);
    // What is in place is kept again, so that it is the newest of all.
    tiny.workshop(&["restore", "01"]).assert().code(0);
    assert_eq!(tiny.read(MAIN), one);
    tiny.workshop(&["restore", "01", "9"]).assert().code(2).stderr(contains("there is no version 9"));
    tiny.workshop(&["restore", "01", "1", "--list"]).assert().code(2).stderr(contains("cannot be used with"));
}

#[test]
fn what_cannot_be_kept_is_not_replaced() {
    let tiny = Tiny::new("keep-fails");
    let starter = tiny.read(MAIN).replace("todo!", "/* mine */ todo!");
    tiny.write(MAIN, &starter);
    tiny.write(".workshop", "");
    tiny.workshop(&["solve", "01"]).assert().code(1).stderr(contains("cannot keep your files"));
    assert_eq!(tiny.read(MAIN), starter);
}

#[test]
fn a_latecomer_catches_up_and_keeps_what_is_done() {
    let tiny = Tiny::new("catch-up");
    let own = tiny.read("solutions/01-one/src/main.rs").replace("number * 2", "number + number");
    tiny.write(MAIN, &own);
    let done = tiny.workshop(&["catch-up", "02"]).assert().code(0);
    done.stdout(contains("Lesson 01 is done: it stays as it is.").and(contains("begin with lesson 02")));
    assert_eq!(tiny.read(MAIN), own);

    tiny.workshop(&["reset", "01"]).assert().code(0);
    tiny.workshop(&["catch-up", "02"]).assert().code(0).stdout(contains("The solution of lesson 01 is in"));
    // No spec has to run to know that the solution is good.
    let map = tiny.workshop(&[]).assert().code(0).stderr(is_empty());
    map.stdout(contains("  01-one          15 min   done, the solution is in place\n"))
        .stdout(contains("1 of 2 lessons is done.").and(contains("Next: 02 The two: doubled")));
    tiny.workshop(&["catch-up", "02"]).assert().code(0).stdout(contains("was in place already"));
    tiny.workshop(&["check", "01"]).assert().code(0);
    tiny.workshop(&[]).assert().code(0).stderr(is_empty()).stdout(contains("done, the solution is in place"));
    tiny.write(MAIN, &tiny.read(MAIN).replace("number * 2", "number + 2"));
    let changed = tiny.workshop(&[]).assert().code(0).stdout(contains("next, 1 of 2 checks pass"));
    changed.stderr(contains("Running the spec of lesson 01"));
    assert!(fs::read_to_string(tiny.root().join("lessons/02-two/src/main.rs")).unwrap().contains("todo!"));
}

#[test]
fn help_shows_an_example() {
    for verb in ["check", "hint", "diff", "solve", "reset", "restore", "catch-up"] {
        run::shows_an_example(verb);
    }
    run::workshop().arg("--help").assert().code(0).stdout(contains("Examples:\n  cargo workshop\n"));
}

/// cargo names what it makes after the package and its place in the workspace, so two checkouts have the same names.
#[test]
fn two_checkouts_that_build_in_one_folder_get_their_own_verdicts() {
    let (mine, others) = (Tiny::new("shared-mine"), Tiny::new("shared-others"));
    let shared = Tiny::new("shared");
    let run = |tiny: &Tiny, verb: &[&str]| {
        let mut command = tiny.workshop(verb);
        command.env("CARGO_TARGET_DIR", shared.root()).env("COLUMNS", "300").assert()
    };
    let note = "note: another checkout of the workshop";
    others.solve("01-one");
    run(&others, &["check", "01"]).code(0).stdout(contains("2 of 2 checks pass")).stderr(is_empty());
    for _ in 0..2 {
        let told = run(&mine, &["check", "01"]).code(1).stdout(contains("0 of 2 checks pass"));
        told.stderr(contains(note).and(contains("CARGO_TARGET_DIR")));
        run(&mine, &["check", "01"]).code(1).stderr(contains(note).not());
        run(&others, &["check", "01"]).code(0).stdout(contains("2 of 2 checks pass")).stderr(contains(note));
    }
    let told = run(&mine, &["doctor"]).stdout(contains("optional  builds"));
    told.stdout(contains("another checkout of the workshop"));
    // What has built in the other's own folder is noticed as well.
    let own = others.root().join("target");
    others.workshop(&["check", "01"]).assert().code(0);
    mine.workshop(&["check", "01"]).env("CARGO_TARGET_DIR", &own).assert().code(1);
    others.workshop(&["check", "01"]).assert().code(0).stderr(contains(note));
}
