//! `cargo xtask new-lesson`: every file of a lesson, with a small task in it, to be written over.

use crate::starters;
use clap::{ArgMatches, Command};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use workshop::failure::Failure;
use workshop::lesson::{self, Lesson, files};
use workshop::run::command::finish;
use workshop::run::workspace;
use workshop::ui::arguments;
use workshop::ui::terminal::say;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "new-lesson",
        "Writes the skeleton of a lesson",
        "Example:\n  cargo xtask new-lesson 14-retry\n\n\
         The solution, the spec, the answers, the chapter, the card, the teacher's page and the hints are those of a program \
         that adds numbers. The spec is red on the starter and green on the solution, so replace one part after another. \
         Templates are in xtask/templates; what is left to write says \"to be written\".",
    )
    .arg(arguments::lesson("Its number and its name, such as 14-retry").required(true))
}

/// Writes the files, adds the lesson to the lists that name every lesson, and generates the starter.
pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = Lesson { name: arguments::required(matches, "lesson").to_owned() };
    let words = words(&lesson, &lesson::all(&root)?)?;
    let fill =
        |text: &str| words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));
    let cannot = |error| Failure::input(format!("cannot write the lesson: {error}"));

    let templates = root.join("xtask/templates");
    for file in files::below(&templates.join("lesson")).map_err(cannot)? {
        let text = fs::read_to_string(templates.join("lesson").join(&file)).map_err(cannot)?;
        let path = fill(&file.display().to_string());
        files::write_if_new(&root.join(&path), fill(&text).as_bytes()).map_err(cannot)?;
        say(format!("wrote {path}"));
    }
    let lines = fs::read_to_string(templates.join("lines.toml")).map_err(cannot)?;
    add_lines(&root, &fill(&lines))?;
    starters::write(&root)?;
    if !finish(std::process::Command::new(root.join(".ci/schedules")).arg("--write").current_dir(&root))? {
        return Err(Failure::work("the schedules need your help, see above"));
    }
    say(format!("\nNow: cargo test -p solution-{0}, cargo xtask prove {0}", lesson.number()));
    Ok(())
}

/// What stands for what in a template, in the order in which it is replaced.
fn words(lesson: &Lesson, lessons: &[Lesson]) -> Result<[(&'static str, String); 4], Failure> {
    let Lesson { name } = lesson;
    let (number, word) = (lesson.number(), lesson.word());
    let is_number = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if !is_number || !is_word {
        return Err(Failure::input(format!("\"{name}\" is not a name such as 14-retry")));
    }
    if let Some(taken) = lessons.iter().find(|other| other.number() == number) {
        return Err(Failure::input(format!("there is a lesson {number} already: {}", taken.name)));
    }
    let before = lessons.iter().rfind(|other| other.name < *name);
    let before = before.ok_or_else(|| Failure::input("there is no lesson before it"))?;
    let title = word[..1].to_uppercase() + &word[1..].replace('-', " ");
    Ok([
        ("MM-before", before.name.clone()),
        ("NN-name", name.clone()),
        ("NN", number.to_owned()),
        ("TITLE", title),
    ])
}

/// Adds each text of lines.toml to its file.
fn add_lines(root: &Path, lines: &str) -> Result<(), Failure> {
    let lines: BTreeMap<String, Vec<BTreeMap<String, String>>> =
        basic_toml::from_str(lines).map_err(|error| Failure::input(format!("lines.toml: {error}")))?;
    for line in lines.values().flatten() {
        let (file, below) = (root.join(&line["file"]), &line["below"]);
        let cannot = |why: String| Failure::input(format!("cannot add a line to {}: {why}", line["file"]));
        let text = fs::read_to_string(&file).map_err(|error| cannot(error.to_string()))?;
        let mut all: Vec<&str> = text.lines().collect();
        let at = all.iter().rposition(|line| line.contains(below));
        let at = at.ok_or_else(|| cannot(format!("no line contains {below}")))?;
        all.insert(at + 1, &line["text"]);
        fs::write(&file, all.join("\n") + "\n").map_err(|error| cannot(error.to_string()))?;
        say(format!("added a line to {}", line["file"]));
    }
    Ok(())
}
