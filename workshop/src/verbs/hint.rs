//! `cargo workshop hint`: one more hint each time you ask.

use crate::failure::Failure;
use crate::lesson::Lesson;
use crate::lesson::progress::say_why_not;
use crate::run::workspace;
use crate::ui::arguments;
use crate::ui::terminal::{columns, say, wrap};
use crate::verbs::check;
use clap::{ArgMatches, Command, value_parser};
use course::Progress;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "hint",
        "Shows a hint for your current step, and one more each time you ask",
        "Examples:\n  cargo workshop hint 02\n  cargo workshop hint 02 --step 3\n  \
         cargo workshop hint 02 --again\n\n\
         There are three for each step, from a nudge to nearly the answer. They are in \
         lessons/NN-name/hints.md.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: the first that is not done)"))
    .arg(
        arguments::option(
            "step",
            "N",
            "The step (without it: the one that the last check named, or the next)",
        )
        .value_parser(value_parser!(u32)),
    )
    .arg(arguments::flag("again", "Show the hints that you have already seen"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let mut progress = Progress::load(&root);
    let lesson = check::named_or_next(&root, &progress, matches)?;
    let step = matches.get_one::<u32>("step").copied();
    show(&root, &mut progress, &lesson, step, matches.get_flag("again"))
}

/// Shows the next hint for a step, or `again` those that were shown. Without a step: for the one that the learner is at.
pub fn show(
    root: &Path,
    progress: &mut Progress,
    lesson: &Lesson,
    step: Option<u32>,
    again: bool,
) -> Result<(), Failure> {
    let number = lesson.number();
    let text = fs::read_to_string(lesson.folder(root).join("hints.md"))
        .map_err(|_| Failure::input(format!("there are no hints for lesson {number} yet")))?;
    let next = || progress.step_told(root, lesson).or_else(|| lesson.steps_left(root).ok()?.first().copied());
    if again {
        return show_again(root, progress, lesson, &text, step);
    }
    let Some(step) = step.or_else(next) else {
        say("Every step of this lesson is written.");
        say(format!("See what the spec says:\n  cargo workshop check {number}"));
        say(format!("A hint for a step:\n  cargo workshop hint {number} --step 1"));
        return Ok(());
    };
    let (title, hints) = parse(&text, step)
        .ok_or_else(|| Failure::input(format!("there are no hints for step {step} of lesson {number}")))?;
    let seen = progress.hints_shown(lesson, step).min(hints.len());
    // A learner reads the new one. Those before are further up, or on paper.
    let shown = (seen + 1).min(hints.len());
    say_why_not(progress.show_hints(lesson, step, shown));
    tell(lesson, &title, &hints, shown - 1..shown);
    if shown < hints.len() {
        say("\nAsk again for the next one.");
    } else {
        say("\nThat was the last hint. Compare your files with the solution of the whole lesson:");
        say(format!("  cargo workshop diff {number} --spoil"));
    }
    if shown > 1 {
        say(format!(
            "Those before this one, once more:\n  cargo workshop hint {number} --step {step} --again"
        ));
    }
    // The one before: with a compiler error, that is the step that was written last.
    let other = if step > 1 { step - 1 } else { step + 1 };
    if parse(&text, other).is_some() {
        say(format!("For another step:\n  cargo workshop hint {number} --step {other}"));
    }
    Ok(())
}

/// Shows every hint that was shown, of this step or of each.
fn show_again(
    root: &Path,
    progress: &Progress,
    lesson: &Lesson,
    text: &str,
    step: Option<u32>,
) -> Result<(), Failure> {
    let mut any = false;
    for step in
        lesson.marked(root)?.steps().into_iter().filter(|other| step.is_none_or(|step| step == *other))
    {
        let seen = progress.hints_shown(lesson, step);
        if let Some((title, hints)) = parse(text, step).filter(|_| seen > 0) {
            any = true;
            tell(lesson, &title, &hints, 0..seen.min(hints.len()));
            say("");
        }
    }
    say(if any {
        "For the next one, ask without --again."
    } else {
        "You have seen no hint yet. Ask without --again."
    });
    Ok(())
}

fn tell(lesson: &Lesson, title: &str, hints: &[String], which: Range<usize>) {
    say(format!("Lesson {}, {title}", lesson.number()));
    for index in which {
        say(format!("\nHint {} of {}: {}", index + 1, hints.len(), for_terminal(&hints[index], columns())));
    }
}

/// The heading of this step, `## N. …`, and the hints below it. Each is folded in the book and on a web page:
/// `<details><summary>NAME</summary>` … `</details>`.
fn parse(text: &str, step: u32) -> Option<(String, Vec<String>)> {
    let wanted = format!("{step}. ");
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
    let mut shown = String::new();
    // Each second part is code, after the name of its language.
    for (index, part) in markdown.split("```").enumerate() {
        if index % 2 == 0 {
            let paragraph = |text: &str| wrap(&text.replace('\n', " "), 0, columns);
            let paragraphs: Vec<String> = part.trim().split("\n\n").map(paragraph).collect();
            shown += &format!("{}\n\n", paragraphs.join("\n\n"));
        } else {
            part.lines().skip(1).for_each(|line| shown += &format!("    {line}\n"));
            shown += "\n";
        }
    }
    shown.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_and_code_is_not() {
        let text =
            "More\n\nOne two\nthree four.\n\n```rust,ignore\nlet long = one + two + three;\n```\n\nFive.";
        let shown = "More\n\nOne two three\nfour.\n\n    let long = one + two + three;\n\nFive.";
        assert_eq!(for_terminal(text, 14), shown);
    }
}
