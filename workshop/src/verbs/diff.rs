//! `cargo workshop diff`: your files and the solution's.

use crate::failure::Failure;
use crate::lesson::keep;
use crate::lesson::{self, Lesson};
use crate::run::workspace;
use crate::ui::arguments;
use crate::ui::terminal::{Look, paint, print, say};
use clap::{ArgMatches, Command};
use course::files;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "diff",
        "Shows how your files differ from the solution's",
        "Examples:\n  cargo workshop diff 02\n  cargo workshop diff 02 --spoil\n\n\
         A line with - is yours, a line with + is the solution's. While a step is not written yet, this would \
         give its solution away: then it asks for --spoil.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
    .arg(arguments::flag("spoil", "Show the solution even while a step is not written yet"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let show = if matches.get_flag("spoil") { differences } else { show };
    show(&root, &lesson)
}

/// Shows how the learner's files differ from the solution's, unless that would give away what is still to be
/// written.
pub fn show(root: &Path, lesson: &Lesson) -> Result<(), Failure> {
    let left = lesson.steps_left(root)?.len();
    if left == 0 {
        return differences(root, lesson);
    }
    let number = lesson.number();
    let (steps, their) = if left == 1 { ("step is", "its") } else { ("steps are", "their") };
    Err(Failure::input(format!(
        "in lesson {number}, {left} {steps} not written yet, and this would show {their} solution.\n\
         A hint:          cargo workshop hint {number}\n\
         Show it anyway:  cargo workshop diff {number} --spoil"
    )))
}

fn differences(root: &Path, lesson: &Lesson) -> Result<(), Failure> {
    let yours = files::read(&lesson.folder(root))?;
    let ours = keep::solution(root, lesson)?;
    let mut differ = 0;
    for file in yours.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let [your_text, our_text] = [&yours, &ours].map(|sources| {
            let text = sources.get(file).map(|bytes| files::text(bytes)).unwrap_or_default();
            course::without_allowance(&text)
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
    let diff = TextDiff::from_lines(yours, ours);
    for group in diff.grouped_ops(3) {
        say(paint("@@", Look::Quiet));
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let line = change.value().trim_end_matches('\n');
            match change.tag() {
                ChangeTag::Equal => print(format!("  {line}")),
                ChangeTag::Delete => print(paint(&format!("- {line}"), Look::Bad)),
                ChangeTag::Insert => print(paint(&format!("+ {line}"), Look::Good)),
            }
        }
    }
    say("");
}
