//! `cargo workshop restore`: what you had.

use crate::failure::Failure;
use crate::lesson::files;
use crate::lesson::keep::{self, Kept, Replaced, Whose};
use crate::lesson::{self, Lesson};
use crate::run::workspace;
use crate::ui::arguments;
use crate::ui::terminal::say;
use clap::{Arg, ArgMatches, Command, value_parser};
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "restore",
        "Brings your files back as they were before a command replaced them",
        "Examples:\n  cargo workshop restore 02\n  cargo workshop restore 02 --list\n  \
         cargo workshop restore 02 1\n\n\
         Without a number: the version that you had last. What is in place now is kept first.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
    .arg(
        Arg::new("version")
            .value_name("NUMBER")
            .help("The number of a version in the list")
            .value_parser(value_parser!(usize)),
    )
    .arg(arguments::flag("list", "Show which versions were kept").conflicts_with("version"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let kept = keep::list(&root, &lesson);
    if kept.is_empty() {
        say(format!("Nothing of lesson {} was kept so far.", lesson.number()));
        return Ok(());
    }
    if matches.get_flag("list") {
        return list(&root, &lesson, &kept);
    }
    let wanted = match matches.get_one::<usize>("version") {
        None => newest(&root, &lesson, &kept)?,
        Some(version) => version.checked_sub(1).and_then(|index| kept.get(index)).ok_or_else(|| {
            Failure::input(format!("there is no version {version}; {} were kept", kept.len()))
        })?,
    };
    restore(&root, &lesson, wanted)?;
    if kept.len() > 1 {
        say(format!("All versions:  cargo workshop restore {} --list", lesson.number()));
    }
    Ok(())
}

/// The learner's own version that was replaced last.
fn newest<'a>(root: &Path, lesson: &Lesson, kept: &'a [Kept]) -> Result<&'a Kept, Failure> {
    for kept in kept.iter().rev() {
        if keep::whose(root, lesson, &kept.sources()?)? == Whose::Learner {
            return Ok(kept);
        }
    }
    kept.last().ok_or_else(|| Failure::input("nothing was kept"))
}

fn restore(root: &Path, lesson: &Lesson, wanted: &Kept) -> Result<(), Failure> {
    let mut sources = wanted.sources()?;
    if let Some(manifest) = keep::solution(root, lesson)?.remove(Path::new(files::MANIFEST)) {
        // Versions of an older workshop lack it.
        sources.entry(files::MANIFEST.into()).or_insert(manifest);
    }
    match keep::replace(root, lesson, &sources)? {
        Replaced::Nothing => say(format!("Your files as of {} are in place already.", wanted.when)),
        Replaced::NoWork => say(format!("Your files as of {} are in lessons/{}.", wanted.when, lesson.name)),
        Replaced::Work(was) => {
            say(format!("Your files as of {} are in lessons/{}.", wanted.when, lesson.name));
            say(format!("What was there is kept as of {}.", was.when));
        }
    }
    Ok(())
}

fn list(root: &Path, lesson: &Lesson, kept: &[Kept]) -> Result<(), Failure> {
    say(format!("Your files of lesson {}, the oldest first:", lesson.number()));
    let now = files::read(&lesson.folder(root))?;
    for (index, kept) in kept.iter().enumerate() {
        let sources = kept.sources()?;
        let what = match keep::whose(root, lesson, &sources)? {
            Whose::Starter => "the starter".into(),
            Whose::Solution => "the solution".into(),
            Whose::Learner => lesson.written(root, &sources)?.to_string(),
        };
        let in_place = if keep::same(&sources, &now) { ", in place now" } else { "" };
        say(format!("  {}  {}  {what}{in_place}", index + 1, kept.when));
    }
    say(format!("\nTo bring one back:  cargo workshop restore {} NUMBER", lesson.number()));
    Ok(())
}
