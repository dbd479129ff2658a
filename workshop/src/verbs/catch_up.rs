//! `cargo workshop catch-up`: a latecomer joins the class in a minute.

use crate::failure::Failure;
use crate::lesson::{self, keep, progress};
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::say;
use crate::verbs::solve;
use clap::{ArgMatches, Command};
use course::{Progress, State};

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "catch-up",
        "Puts the solution in place for every unfinished lesson before this one, and keeps your files",
        "Example:\n  cargo workshop catch-up 05\n\n\
         Lessons that you have finished stay yours. `cargo workshop restore NN` brings your files back.",
    )
    .arg(arguments::lesson("The lesson that you want to start, such as 05").required(true))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let wanted = lesson::one(&root, arguments::required(matches, "lesson"))?;
    interrupt::listen()?;
    let mut progress = Progress::load(&root);
    for lesson in lesson::counted(&root)?.into_iter().take_while(|lesson| lesson.name < wanted.name) {
        if matches!(progress::state(&mut progress, &root, &lesson)?, State::Green { .. }) {
            say(format!("Lesson {} is done: it stays as it is.", lesson.number()));
        } else {
            let replaced = keep::replace(&root, &lesson, &keep::solution(&root, &lesson)?)?;
            solve::tell(&lesson, "solution", &replaced);
        }
    }
    say(format!("\nYou can begin with lesson {}: book/src/{}.md", wanted.number(), wanted.name));
    Ok(())
}
