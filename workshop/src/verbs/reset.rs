//! `cargo workshop reset`: the starter again.

use crate::failure::Failure;
use crate::lesson::{self, keep};
use crate::run::workspace;
use crate::ui::arguments;
use crate::verbs::solve;
use clap::{ArgMatches, Command};

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "reset",
        "Puts the starter back in place, and keeps your files",
        "Example:\n  cargo workshop reset 02\n\n\
         It also puts files back that you have deleted. `cargo workshop restore 02` brings your files back.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let replaced = keep::replace(&root, &lesson, &keep::starter(&root, &lesson)?)?;
    solve::tell(&lesson, "starter", &replaced);
    Ok(())
}
