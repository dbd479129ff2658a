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
        None => check::next(&root, &progress)?,
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
        say(format!("\nHint {} of {}: {}", index + 1, hints.len(), for_terminal(hint, columns())));
    }
    if shown == hints.len() {
        say("\nThat was the last hint. Compare your files with the solution of the whole lesson:");
        say(format!("  cargo workshop diff {} --spoil", lesson.number()));
    } else {
        say("\nAsk again for one more.");
    }
    // The one before: whoever has a compiler error has written that number, and no todo! leads there any more.
    let other = if number > 1 { number - 1 } else { number + 1 };
    if parse(&text, other).is_some() {
        say(format!("For another number: cargo workshop hint {} --todo {other}", lesson.number()));
    }
    Ok(())
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
