//! `cargo workshop hint`: one more hint each time you ask.

use crate::arguments;
use crate::check;
use crate::failure::Failure;
use crate::lesson::{self, Lesson};
use crate::progress::Progress;
use crate::terminal::{columns, say, wrap};
use crate::workspace;
use clap::{ArgMatches, Command, value_parser};
use std::fs;
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "hint",
        "Shows a hint for the next todo!, and another each time you ask",
        "Examples:\n  cargo workshop hint 02\n  cargo workshop hint 02 --todo 3\n  \
         cargo workshop hint 02 --again\n\n\
         There are three for each todo!, from a nudge to nearly the answer. They are in \
         lessons/NN-name/hints.md.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: the first that is not done)"))
    .arg(
        arguments::option("todo", "N", "The number of the todo! (without it: the first that is left)")
            .value_parser(value_parser!(u32)),
    )
    .arg(arguments::flag("again", "Show those that you have seen, and no other"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let mut progress = Progress::load(&root);
    let lesson = match arguments::text(matches, "lesson") {
        Some(wanted) => lesson::one(&root, wanted)?,
        None => check::next(&root, &progress)?,
    };
    let todo = matches.get_one::<u32>("todo").copied();
    show(&root, &mut progress, &lesson, todo, matches.get_flag("again"))
}

/// Shows the next hint for a todo!, or `again` those that were shown.
pub fn show(
    root: &Path,
    progress: &mut Progress,
    lesson: &Lesson,
    todo: Option<u32>,
    again: bool,
) -> Result<(), Failure> {
    let lesson_number = lesson.number();
    let path = lesson.folder(root).join("hints.md");
    let text = fs::read_to_string(&path)
        .map_err(|_| Failure::input(format!("there are no hints for lesson {lesson_number} yet")))?;
    let Some(number) = todo.or_else(|| lesson.todos(root).ok()?.first().copied()) else {
        say("No todo! is left in this lesson.");
        say("See what the spec says:");
        say(format!("  cargo workshop check {lesson_number}"));
        say("A hint for a part of it:");
        say(format!("  cargo workshop hint {lesson_number} --todo 1"));
        return Ok(());
    };
    let (title, hints) = parse(&text, number).ok_or_else(|| {
        Failure::input(format!("there are no hints for number {number} of lesson {lesson_number}"))
    })?;
    let seen = progress.hints_shown(lesson, number).min(hints.len());
    let shown = if again { seen } else { (seen + 1).min(hints.len()) };
    // A learner reads the new one. Those before are further up, or on paper.
    let first = if again { 0 } else { shown - 1 };
    if !again {
        progress.show_hints(lesson, number, shown);
    }

    say(format!("Lesson {lesson_number}, {title}"));
    for (index, hint) in hints.iter().enumerate().take(shown).skip(first) {
        say(format!("\nHint {} of {}: {}", index + 1, hints.len(), for_terminal(hint, columns())));
    }
    tell_what_else(lesson, &text, number, (first, shown, hints.len()));
    Ok(())
}

/// Says how to get the other hints: those before `first`, those after `shown`, and those for another number.
fn tell_what_else(lesson: &Lesson, text: &str, number: u32, (first, shown, count): (usize, usize, usize)) {
    let lesson = lesson.number();
    say("");
    match shown {
        0 => say("You have seen no hint for this number yet. Ask without --again for the first."),
        _ if shown == count => {
            say("That was the last hint. Compare your files with the solution of the whole lesson:");
            say(format!("  cargo workshop diff {lesson} --spoil"));
        }
        _ => say("Ask again for the next one."),
    }
    if first > 0 {
        say("Those before this one, once more:");
        say(format!("  cargo workshop hint {lesson} --todo {number} --again"));
    }
    // The one before: whoever has a compiler error has written that number, and no todo! leads there any more.
    let other = if number > 1 { number - 1 } else { number + 1 };
    if parse(text, other).is_some() {
        say("For another number:");
        say(format!("  cargo workshop hint {lesson} --todo {other}"));
    }
}

/// The heading of this number, `## N. …`, and the hints below it. Each is folded in the book and on a web page:
/// `<details><summary>NAME</summary>` … `</details>`.
fn parse(text: &str, number: u32) -> Option<(String, Vec<String>)> {
    let wanted = format!("{number}. ");
    let section = text.split("\n## ").find(|section| section.starts_with(&wanted))?;
    let mut parts = section.split("\n<details><summary>");
    let title = parts.next()?.trim().to_owned();
    let hint = |part: &str| {
        let (name, rest) = part.split_once("</summary>")?;
        let (text, _) = rest.split_once("\n</details>")?;
        Some(format!("{name}\n\n{}", text.trim()))
    };
    let hints: Vec<String> = parts.filter_map(hint).collect();
    (!hints.is_empty()).then_some((title, hints))
}

/// Markdown for a terminal: lines that fit, and code that can be told by its indent.
fn for_terminal(markdown: &str, columns: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let (mut in_code, mut paragraph) = (false, String::new());
    for line in markdown.lines().chain([""]) {
        let is_text = !in_code && !line.is_empty() && !line.starts_with("```");
        if is_text {
            paragraph += if paragraph.is_empty() { "" } else { " " };
            paragraph += line;
            continue;
        }
        if !paragraph.is_empty() {
            lines.push(wrap(&std::mem::take(&mut paragraph), 0, columns));
        }
        match line {
            line if line.starts_with("```") => in_code = !in_code,
            line if in_code => lines.push(format!("    {line}")),
            line => lines.push(line.to_owned()),
        }
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_those_of_the_number() {
        let hint =
            |name: &str, text: &str| format!("<details><summary>{name}</summary>\n\n{text}\n</details>\n");
        let text = format!(
            "# Hints\n\n## 1. One\n\n{}\n## 2. Two\n\n{}\n{}",
            hint("a", "A."),
            hint("b", "B."),
            hint("c", "C.")
        );
        assert_eq!(parse(&text, 1), Some(("1. One".into(), vec!["a\n\nA.".into()])));
        assert_eq!(parse(&text, 2), Some(("2. Two".into(), vec!["b\n\nB.".into(), "c\n\nC.".into()])));
        assert_eq!(parse(&text, 3), None);
    }

    #[test]
    fn text_is_wrapped_and_code_is_not() {
        let text =
            "More\n\nOne two\nthree four.\n\n```rust,ignore\nlet long = one + two + three;\n```\n\nFive.";
        let shown = "More\n\nOne two three\nfour.\n\n    let long = one + two + three;\n\nFive.";
        assert_eq!(for_terminal(text, 14), shown);
    }
}
