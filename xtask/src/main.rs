//! `cargo xtask`: what people who make lessons need. One file for each verb, named after it.

mod bench;
mod circles;
mod limits;
mod mutants;
mod new_lesson;
mod pictures;
mod prove;
mod starters;

use std::process::ExitCode;
use workshop::command_line::CommandLine;

const COMMAND_LINE: CommandLine = CommandLine {
    name: "xtask",
    shown_as: "cargo xtask",
    about: "What people who make lessons of \"From Blocking to Forked\" need",
    help: "Examples:\n  cargo xtask starters\n  cargo xtask prove 01\n\n\
           Exit status: 0 done, 1 the work failed, 2 bad input.\n\
           `cargo xtask VERB --help` shows an example of each verb.",
    verbs: &[
        (bench::command, bench::run),
        (circles::command, circles::run),
        (limits::command, limits::run),
        (mutants::command, mutants::run),
        (new_lesson::command, new_lesson::run),
        (pictures::command, pictures::run),
        (prove::command, prove::run),
        (starters::command, starters::run),
    ],
    without_verb: None,
};

fn main() -> ExitCode {
    COMMAND_LINE.main()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::COMMAND_LINE.command().debug_assert();
    }
}
