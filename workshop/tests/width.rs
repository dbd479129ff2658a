//! A terminal of 60 columns, or a reader who has made the letters large.

mod run;

use assert_cmd::Command;
use run::tiny::Tiny;

const COLUMNS: usize = 60;

/// Runs the command with 60 columns. No line may be longer, but one that is a single word: a path cannot be broken.
fn fits(command: &mut Command) -> String {
    let output = command.env("COLUMNS", COLUMNS.to_string()).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    for line in printed.lines() {
        let is_one_word = line.split_whitespace().count() == 1;
        assert!(is_one_word || line.chars().count() <= COLUMNS, "too long: {line:?} in\n{printed}");
    }
    printed
}

fn help(arguments: &[&str]) -> String {
    fits(run::workshop().args(arguments).arg("--help"))
}

#[test]
fn the_help_of_every_verb_fits() {
    let all = help(&[]);
    let (_, commands) = all.split_once("Commands:\n").unwrap();
    let is_verb = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let verbs: Vec<&str> =
        commands.lines().take_while(|line| !line.is_empty()).filter(is_verb).map(str::trim).collect();
    assert!(verbs.len() >= 14, "{verbs:?}");
    for verb in verbs {
        let name = verb.split(' ').next().unwrap();
        // clap has its own page for `help help`.
        let told = if name == "help" { fits(run::workshop().arg("help")) } else { help(&[name]) };
        assert!(told.contains("Usage: cargo workshop"), "{told}");
        assert!(
            name == "help" || told.contains("Example") && told.contains(&format!("  cargo workshop {name}"))
        );
    }
}

#[test]
fn what_a_learner_reads_fits() {
    let tiny = Tiny::new("width");
    let long =
        "This is a hint that goes on and on, so that it has to be broken more than once to fit in here.";
    let hints = tiny.read("lessons/01-one/hints.md").replace("Think of twins.", long);
    tiny.write("lessons/01-one/hints.md", &hints);
    let learner =
        ["", "check 01", "check 01 --points", "check --all", "hint 01", "hint 01", "hint 01", "diff 01"];
    let files = [
        "solve 01",
        "solve 02 --step 7",
        "restore 01",
        "restore 01 --list",
        "restore 01 1",
        "reset 01",
        "catch-up 02",
    ];
    let wrong = ["doctor", "nonsense", "check 77", "check --all --json --points", "mailbox --port many"];
    for line in learner.into_iter().chain(files).chain(wrong) {
        fits(&mut tiny.workshop(&line.split_whitespace().collect::<Vec<_>>()));
    }
}
