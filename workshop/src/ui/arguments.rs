//! What the verbs' command lines have in common. They are built by hand: clap's derive would bring syn, which takes
//! a quarter of the time that this command needs to compile.

use clap::{Arg, ArgAction, ArgMatches, Command};

/// A verb: what it does in one line, its examples, and what else `--help` says.
pub fn verb(name: &'static str, about: &'static str, help: &'static str) -> Command {
    Command::new(name).about(about).after_help(help)
}

/// The lesson, as the one argument without a name.
pub fn lesson(help: &'static str) -> Arg {
    Arg::new("lesson").value_name("LESSON").help(help)
}

/// `--name`, which is there or not.
pub fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// `--name VALUE`.
pub fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// The text of an argument, if it was given or has a default.
pub fn text<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

/// The text of an argument that is required: without it, clap has said so and ended.
pub fn required<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    text(matches, name).unwrap_or_default()
}
