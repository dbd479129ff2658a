//! `cargo xtask limits`: does each lesson fit in the head?

use clap::{ArgMatches, Command};
use std::collections::BTreeMap;
use workshop::failure::Failure;
use workshop::lesson;
use workshop::run::workspace;
use workshop::ui::arguments;
use workshop::ui::terminal::say;

/// How many lines a learner may have to write in one step.
const STEP: usize = 15;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "limits",
        "Counts the lines that each lesson gives and asks for",
        "Example:\n  cargo xtask limits\n\nExit status 1 when a lesson is too large.",
    )
}

/// Prints how many lines each lesson gives and asks for. An error when one is over a limit.
pub fn run(_: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let mut problems = Vec::new();
    say("lesson         given   to write   in each step");
    for lesson in lesson::all(&root)? {
        let (given, steps) = count(&lesson.marked(&root)?);
        let name = &lesson.name;
        let to_write: usize = steps.values().sum();
        let each: Vec<String> = steps.values().map(usize::to_string).collect();
        say(format!("{name:<14} {given:>5}   {to_write:>8}   {}", each.join(" ")));

        let most = if name.as_str() < "11" { 250 } else { 400 };
        let mut wrong = |is_wrong: bool, what: String| {
            if is_wrong {
                problems.push(format!("{name}: {what}"));
            }
        };
        wrong(given > most, format!("{given} lines are given, {most} is the limit"));
        wrong(!(3..=6).contains(&steps.len()), format!("{} steps, and not 3 to 6", steps.len()));
        let (few, many) = if lesson.is_warm_up() { (5, 12) } else { (15, 90) };
        wrong(
            !(few..=many).contains(&to_write),
            format!("{to_write} lines to write, and not {few} to {many}"),
        );
        for (step, lines) in steps {
            wrong(lines > STEP, format!("step {step} has {lines} lines to write, {STEP} is the limit"));
        }
    }
    problems.iter().for_each(say);
    if problems.is_empty() { Ok(()) } else { Err(Failure::work("these lessons are too large")) }
}

/// The lines that are given, with comments and empty ones, and those that the solution has for each step.
fn count(lesson: &course::Marked) -> (usize, BTreeMap<u32, usize>) {
    let (mut given, mut steps) = (0, BTreeMap::new());
    for file in lesson.starter().keys() {
        let Some((starter, gaps)) = lesson.outline(file) else { continue };
        given += starter.lines().count() - gaps.iter().map(|gap| gap.lines.len()).sum::<usize>();
        for gap in gaps {
            if let Some(step) = gap.step {
                *steps.entry(step).or_default() += gap.solution.len();
            }
        }
    }
    (given, steps)
}
