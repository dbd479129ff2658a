//! `cargo workshop restore`: what you had.

use crate::failure::Failure;
use crate::lesson::keep::{self, Kept, Replaced};
use crate::lesson::{self, Lesson};
use crate::run::workspace;
use crate::ui::arguments;
use crate::ui::terminal::say;
use clap::{Arg, ArgMatches, Command, value_parser};
use course::files;
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "restore",
        "Brings back the files that another command replaced",
        "Examples:\n  cargo workshop restore 02\n  cargo workshop restore 02 --list\n  \
         cargo workshop restore 02 1\n\n\
         Without a number: the version that you had last. What is in place now is kept first.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
    .arg(
        Arg::new("version")
            .value_name("NUMBER")
            .help("The number of a version in the list")
            .value_parser(value_parser!(u32)),
    )
    .arg(arguments::flag("list", "Show which versions were kept").conflicts_with("version"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let number = lesson.number();
    let kept = keep::list(&root, &lesson);
    let Some(newest) = kept.last() else {
        say(format!("Nothing of lesson {number} was kept so far."));
        return Ok(());
    };
    if matches.get_flag("list") {
        return list(&root, &lesson, &kept);
    }
    let version = matches.get_one::<u32>("version").copied().unwrap_or(newest.number);
    let wanted = kept.iter().find(|kept| kept.number == version);
    let wanted = wanted.ok_or_else(|| {
        Failure::input(format!(
            "there is no version {version}. Which there are: cargo workshop restore {number} --list"
        ))
    })?;
    match keep::replace(&root, &lesson, &wanted.sources()?)? {
        Replaced::Nothing => say(format!("Your version {version} is in place already.")),
        replaced => {
            say(format!("Your version {version}, kept {}, is in lessons/{}.", wanted.age(), lesson.name));
            if let Replaced::Work(was) = replaced {
                say(format!("What was there is kept as version {}.", was.number));
            }
        }
    }
    if kept.len() > 1 {
        say(format!("All versions:  cargo workshop restore {number} --list"));
    }
    Ok(())
}

fn list(root: &Path, lesson: &Lesson, kept: &[Kept]) -> Result<(), Failure> {
    say(format!("Your versions of lesson {}, the oldest first:", lesson.number()));
    let now = files::read(&lesson.folder(root))?;
    for kept in kept {
        let sources = kept.sources()?;
        let in_place = if keep::same(&sources, &now) { ", in place now" } else { "" };
        let written = lesson.written(root, &sources)?;
        say(format!("  {}  {}, {written}{in_place}", kept.number, kept.age()));
    }
    say(format!("\nTo bring one back:  cargo workshop restore {} NUMBER", lesson.number()));
    Ok(())
}
