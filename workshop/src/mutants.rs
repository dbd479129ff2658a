//! `cargo workshop mutants`: does the spec notice every small change of the solution?

use crate::arguments;
use crate::failure::Failure;
use crate::lesson::{self, Lesson};
use crate::prove::{self, Answer, Change, Finding, Kind, Outcome, Place, Task, Workshop};
use crate::terminal::say;
use crate::{interrupt, workspace};
use clap::{ArgMatches, Command};
use serde_json::Value;
use std::path::Path;
use std::process;
use std::time::Instant;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "mutants",
        "Runs the specs on every mutant of the solutions that cargo-mutants finds",
        "Examples:\n  cargo workshop mutants\n  cargo workshop mutants 02 --only endpoint\n\n\
         cargo-mutants lists the mutants: `cargo install cargo-mutants --locked`. What is left out, and why, is \
         in .cargo/mutants.toml. Each mutant is tried like a wrong answer. Exit status 1 when a spec passes one.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: all)"))
    .arg(arguments::option("only", "NAME", "Only mutants whose name contains this"))
    .arg(prove::jobs_argument())
}

/// Tries every mutant, or what the command line says of them.
///
/// # Errors
/// When a mutant is missed, or when something cannot be listed, built or run.
pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let only = arguments::text(matches, "only").unwrap_or_default();
    let mut tasks = Vec::new();
    for lesson in lesson::chosen(&root, arguments::text(matches, "lesson"))? {
        let wanted = list(&root, &lesson)?.into_iter().filter(|mutant| mutant.name.contains(only));
        tasks.extend(wanted.map(|answer| Task { lesson: lesson.clone(), answer }));
    }
    let workshop = Workshop::open(&root)?;
    interrupt::listen(|| {})?;
    let began = Instant::now();
    let outcomes = prove::try_all(&workshop, tasks, prove::jobs(matches), false)?;
    conclude(&outcomes, began.elapsed().as_secs())
}

/// The mutants of a lesson's solution, as cargo-mutants lists them.
fn list(root: &Path, lesson: &Lesson) -> Result<Vec<Answer>, Failure> {
    let cannot = |why: &str| Failure::work(format!("cannot list the mutants of {}: {why}", lesson.name));
    let package = format!("solution-{}", lesson.number());
    let output = process::Command::new("cargo-mutants")
        .args(["mutants", "--list", "--json", "--package", &package])
        .current_dir(root)
        .output()
        .map_err(|error| cannot(&format!("{error}; to have it: cargo install cargo-mutants --locked")))?;
    if !output.status.success() {
        return Err(cannot(String::from_utf8_lossy(&output.stderr).trim()));
    }
    let listed: Vec<Value> =
        serde_json::from_slice(&output.stdout).map_err(|error| cannot(&error.to_string()))?;
    let folder = format!("solutions/{}/", lesson.name);
    listed.iter().map(|mutant| answer(mutant, &folder).ok_or_else(|| cannot("an entry is another"))).collect()
}

fn answer(mutant: &Value, folder: &str) -> Option<Answer> {
    let text = |field: &str| mutant[field].as_str();
    let place = |end: &str| {
        let number = |field: &str| usize::try_from(mutant["span"][end][field].as_u64()?).ok();
        Some(Place { line: number("line")?, column: number("column")? })
    };
    // A space on either side, where a word could grow together with its neighbour.
    let replacement = format!(" {} ", text("replacement")?);
    Some(Answer {
        name: text("name")?.strip_prefix(folder)?.to_owned(),
        kind: Kind::Mutant,
        file: text("file")?.strip_prefix(folder)?.to_owned(),
        change: Change::Span { from: place("start")?, to: place("end")?, text: replacement },
    })
}

fn conclude(outcomes: &[Outcome], seconds: u64) -> Result<(), Failure> {
    say("\nlesson         caught   missed   no program");
    for lesson in prove::lessons_of(outcomes) {
        let of_lesson = || outcomes.iter().filter(|outcome| outcome.lesson == *lesson);
        let count = |is: fn(&Finding) -> bool| of_lesson().filter(|outcome| is(&outcome.finding)).count();
        let caught = count(|finding| matches!(finding, Finding::Good(_)));
        let missed = count(|finding| matches!(finding, Finding::Bad(_)));
        let broken = count(|finding| matches!(finding, Finding::DoesNotCompile(_)));
        say(format!("{:<14} {caught:<8} {missed:<8} {broken}", lesson.name));
    }
    let missed: Vec<_> =
        outcomes.iter().filter(|outcome| matches!(outcome.finding, Finding::Bad(_))).collect();
    for Outcome { lesson, name, .. } in &missed {
        say(format!("missed: {} {name}", lesson.name));
    }
    match missed.len() {
        0 => {
            say(format!("\nEvery mutant is caught, after {seconds} s."));
            Ok(())
        }
        count => Err(Failure::work(format!("{count} mutants are missed"))),
    }
}
