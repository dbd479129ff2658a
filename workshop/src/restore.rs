//! `cargo workshop restore`: what you had.

use crate::failure::Failure;
use crate::terminal::say;
use crate::{keep, lesson, workspace};

/// Lists the versions of your files that were kept, or brings one back.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo workshop restore 02\n  cargo workshop restore 02 1\n\n\
    Without a number it lists. What is in place now is kept too.")]
pub struct Args {
    /// The lesson, such as 02
    lesson: String,
    /// The number of the version in the list
    version: Option<usize>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, &args.lesson)?;
    let kept = keep::list(&root, &lesson);
    let Some(version) = args.version else {
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
