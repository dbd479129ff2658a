//! `cargo workshop solve`: the solution in the place of your files.

use crate::arguments;
use crate::failure::Failure;
use crate::files::{as_lesson, without_anchors};
use crate::keep::{self, Kept, Sources};
use crate::lesson::{self, Lesson};
use crate::terminal::say;
use crate::workspace;
use clap::{ArgMatches, Command};
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "solve",
        "Puts the solution in the place of your files. Yours are kept",
        "Example:\n  cargo workshop solve 02\n\n\
         `cargo workshop restore 02` brings your files back.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let kept = put_solution(&root, &lesson)?;
    tell(&lesson, "solution", kept.as_ref());
    Ok(())
}

/// Puts the solution in place and gives the version that holds what was there.
pub fn put_solution(root: &Path, lesson: &Lesson) -> Result<Option<Kept>, Failure> {
    let solution: Sources = keep::read(&lesson.solution(root))?
        .into_iter()
        .map(|(file, bytes)| {
            let text = without_anchors(&as_lesson(&String::from_utf8_lossy(&bytes), lesson));
            (file, text.into_bytes())
        })
        .collect();
    keep::replace(root, lesson, &solution)
}

/// Says what is in place now, and where the rest went.
pub fn tell(lesson: &Lesson, what: &str, kept: Option<&Kept>) {
    match kept {
        None => say(format!("The {what} of lesson {} was in place already.", lesson.number())),
        Some(kept) => {
            say(format!("The {what} of lesson {} is in lessons/{}.", lesson.number(), lesson.name));
            say(format!("What you had is kept as of {}.", kept.when));
            say(format!("  cargo workshop restore {}", lesson.number()));
        }
    }
}
