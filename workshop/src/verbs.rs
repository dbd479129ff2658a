//! The verbs of `cargo workshop`, one file for each.

mod book;
mod catch_up;
mod check;
mod demo;
mod diff;
mod doctor;
mod hint;
mod mailbox;
mod reset;
mod restore;
mod solve;
mod timeline;
mod watch;

use crate::command_line::CommandLine;
use crate::failure::Failure;
use crate::run::workspace;
use crate::ui::terminal;
use std::process::ExitCode;

const COMMAND_LINE: CommandLine = CommandLine {
    name: "workshop",
    shown_as: "cargo workshop",
    about: "The companion of the workshop \"From Blocking to Forked\"",
    help: "Examples:\n  cargo workshop\n  cargo workshop check 01\n\n\
           Without a verb: the map of the lessons, what is done and what comes next.\n\
           Exit status: 0 done, 1 the work failed, 2 bad input.\n\
           `cargo workshop VERB --help` shows an example of each verb.",
    verbs: &[
        (book::command, book::run),
        (catch_up::command, catch_up::run),
        (check::command, check::run),
        (demo::command, demo::run),
        (diff::command, diff::run),
        (doctor::command, doctor::run),
        (hint::command, hint::run),
        (mailbox::command, mailbox::run),
        (reset::command, reset::run),
        (restore::command, restore::run),
        (solve::command, solve::run),
        (timeline::tap::command, timeline::tap::run),
        (timeline::command, timeline::run),
        (watch::command, watch::run),
    ],
    without_verb: Some(map),
};

/// `cargo workshop` prints the map before it builds this; this is for those who call the program itself.
fn map() -> Result<(), Failure> {
    terminal::print(course::map(&workspace::root()?)?.trim_end());
    Ok(())
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    COMMAND_LINE.main()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::COMMAND_LINE.command().debug_assert();
    }
}
