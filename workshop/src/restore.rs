//! `cargo workshop restore`: what you had.

use crate::arguments;
use crate::failure::Failure;
use crate::terminal::say;
use crate::{keep, lesson, workspace};
use clap::{Arg, ArgMatches, Command, value_parser};

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "restore",
        "Lists the versions of your files that were kept, or brings one back",
        "Examples:\n  cargo workshop restore 02\n  cargo workshop restore 02 1\n\n\
         Without a number it lists. What is in place now is kept too.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
    .arg(
        Arg::new("version")
            .value_name("NUMBER")
            .help("The number of the version in the list")
            .value_parser(value_parser!(usize)),
    )
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let kept = keep::list(&root, &lesson);
    let Some(version) = matches.get_one::<usize>("version").copied() else {
        if kept.is_empty() {
            say(format!("Nothing of lesson {} was kept so far.", lesson.number()));
            return Ok(());
        }
        say(format!("Your files of lesson {}, the oldest first:", lesson.number()));
        for (index, kept) in kept.iter().enumerate() {
            say(format!("  {}  {}", index + 1, kept.when));
        }
        say(format!("\nTo bring one back:  cargo workshop restore {} NUMBER", lesson.number()));
        return Ok(());
    };
    let wanted = version
        .checked_sub(1)
        .and_then(|index| kept.get(index))
        .ok_or_else(|| Failure::input(format!("there is no version {version}; {} were kept", kept.len())))?;
    let was = keep::replace(&root, &lesson, &wanted.sources()?)?;
    match was {
        None => say("This version was in place already."),
        Some(was) => {
            say(format!("Your files as of {} are in lessons/{}.", wanted.when, lesson.name));
            say(format!("What was there is kept as of {}.", was.when));
        }
    }
    Ok(())
}
