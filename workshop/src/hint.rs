//! `cargo workshop hint`: one more hint each time you ask.

use crate::arguments;
use crate::check;
use crate::failure::Failure;
use crate::lesson::{self, Lesson};
use crate::progress::Progress;
use crate::terminal::say;
use crate::workspace;
use clap::{ArgMatches, Command, value_parser};
use std::fs;
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "hint",
        "Shows a hint for the next todo!, and one more each time you ask",
        "Examples:\n  cargo workshop hint 02\n  cargo workshop hint 02 --todo 3\n\n\
         There are three for each todo!, from a nudge to nearly the answer.\n\
         They are in lessons/NN-name/hints.md.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: the first that is not done)"))
    .arg(
        arguments::option("todo", "N", "The number of the todo! (without it: the first that is left)")
            .value_parser(value_parser!(u32)),
    )
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let mut progress = Progress::load(&root);
    let lesson = match arguments::text(matches, "lesson") {
        Some(wanted) => lesson::one(&root, wanted)?,
        None => check::next(&root, &mut progress)?,
    };
    show(&root, &mut progress, &lesson, matches.get_one::<u32>("todo").copied())
}

/// Shows the hints for a todo!, one more than the last time.
pub fn show(root: &Path, progress: &mut Progress, lesson: &Lesson, todo: Option<u32>) -> Result<(), Failure> {
    let path = lesson.folder(root).join("hints.md");
    let text = fs::read_to_string(&path)
        .map_err(|_| Failure::input(format!("there are no hints for lesson {} yet", lesson.number())))?;
    let Some(number) = todo.or_else(|| lesson.todos(root).ok()?.first().copied()) else {
        say("No todo! is left in this lesson.");
        say(format!("See what the spec says:     cargo workshop check {}", lesson.number()));
        say(format!("A hint for a part of it:    cargo workshop hint {} --todo 1", lesson.number()));
        return Ok(());
    };
    let (title, hints) = parse(&text, number).ok_or_else(|| {
        Failure::input(format!("there are no hints for number {number} of lesson {}", lesson.number()))
    })?;
    let shown = (progress.hints_shown(lesson, number) + 1).min(hints.len());
    progress.show_hints(lesson, number, shown);

    say(format!("Lesson {}, {title}", lesson.number()));
    for (index, hint) in hints.iter().take(shown).enumerate() {
        say(format!("\nHint {} of {}: {hint}", index + 1, hints.len()));
    }
    if shown == hints.len() {
        say("\nThat was the last hint. Compare your files with the solution:");
        say(format!("  cargo workshop diff {}", lesson.number()));
    } else {
        say("\nAsk again for one more.");
    }
    Ok(())
}

/// The heading of this number, `## N. …`, and the hints below it, each from its `### …` to the next.
fn parse(text: &str, number: u32) -> Option<(String, Vec<String>)> {
    let wanted = format!("## {number}. ");
    let section = text.split("\n## ").find_map(|section| {
        let section = format!("## {section}");
        section.starts_with(&wanted).then(|| section["## ".len()..].to_owned())
    })?;
    let mut parts = section.split("\n### ");
    let title = parts.next()?.trim().to_owned();
    let hints: Vec<String> = parts.map(|hint| hint.trim().to_owned()).collect();
    (!hints.is_empty()).then_some((title, hints))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_those_of_the_number() {
        let text = "# Hints\n\n## 1. One\n\n### a\n\nA.\n\n## 2. Two\n\n### b\n\nB.\n\n### c\n\nC.\n";
        assert_eq!(parse(text, 1), Some(("1. One".into(), vec!["a\n\nA.".into()])));
        assert_eq!(parse(text, 2), Some(("2. Two".into(), vec!["b\n\nB.".into(), "c\n\nC.".into()])));
        assert_eq!(parse(text, 3), None);
    }
}
