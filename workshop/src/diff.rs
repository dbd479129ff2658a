//! `cargo workshop diff`: your files and the solution's.

use crate::arguments;
use crate::failure::Failure;
use crate::keep;
use crate::lesson::{self, Lesson};
use crate::terminal::{Look, paint, print, say};
use crate::workspace;
use clap::{ArgMatches, Command};
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "diff",
        "Shows how your files differ from the solution's",
        "Examples:\n  cargo workshop diff 02\n  cargo workshop diff 02 --no-comments\n\n\
         A line with - is yours, a line with + is the solution's. While a todo! is left, this would give its \
         solution away: then it asks for --spoil.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
    .arg(arguments::flag("no-comments", "Leave comments out"))
    .arg(arguments::flag("spoil", "Show the solution also while a todo! is left"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let no_comments = matches.get_flag("no-comments");
    if matches.get_flag("spoil") {
        return differences(&root, &lesson, no_comments);
    }
    show(&root, &lesson, no_comments)
}

/// Shows how the learner's files differ from the solution's, unless that would give away what is still to be
/// written.
pub fn show(root: &Path, lesson: &Lesson, no_comments: bool) -> Result<(), Failure> {
    let left = lesson.todos(root)?.len();
    if left == 0 {
        return differences(root, lesson, no_comments);
    }
    let (number, their) = (lesson.number(), if left == 1 { "its" } else { "their" });
    Err(Failure::input(format!(
        "lesson {number} has {left} todo!{} left, and this would show {their} solution.\n\
         A hint:               cargo workshop hint {number}\n\
         Show it all the same: cargo workshop diff {number} --spoil",
        if left == 1 { "" } else { "s" }
    )))
}

fn differences(root: &Path, lesson: &Lesson, no_comments: bool) -> Result<(), Failure> {
    let yours = keep::read(&lesson.folder(root))?;
    let ours = keep::solution(root, lesson)?;
    let mut differ = 0;
    for file in yours.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let [your_text, our_text] = [&yours, &ours].map(|sources| {
            let text = sources.get(file).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
            let text = steps::without_allowance(&text);
            if no_comments { without_comments(&text) } else { text }
        });
        if your_text != our_text {
            differ += 1;
            show_file(&format!("lessons/{}/{}", lesson.name, file.display()), &your_text, &our_text);
        }
    }
    if differ == 0 {
        say("Your files and the solution's are the same.");
    }
    Ok(())
}

fn show_file(name: &str, yours: &str, ours: &str) {
    say(paint(&format!("--- yours      {name}"), Look::Strong));
    say(paint("+++ solution", Look::Strong));
    for group in TextDiff::from_lines(yours, ours).grouped_ops(3) {
        say(paint("@@", Look::Quiet));
        for change in group.iter().flat_map(|operation| {
            // The texts live as long as this function, the operation does not: take what is to be shown.
            TextDiff::from_lines(yours, ours)
                .iter_changes(operation)
                .map(|change| (change.tag(), change.value().trim_end_matches('\n').to_owned()))
                .collect::<Vec<_>>()
        }) {
            match change {
                (ChangeTag::Equal, line) => print(format!("  {line}")),
                (ChangeTag::Delete, line) => print(paint(&format!("- {line}"), Look::Bad)),
                (ChangeTag::Insert, line) => print(paint(&format!("+ {line}"), Look::Good)),
            }
        }
    }
    say("");
}

/// Without lines that are only a comment. A comment after code stays: to cut it, one would have to parse.
fn without_comments(text: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.trim().is_empty();
    text.lines().filter(is_code).map(|line| format!("{line}\n")).collect()
}
