//! `cargo workshop`: the companion at the learner's side. One file for each verb, named after it.

mod arguments;
mod begin;
mod bench;
mod book;
mod catch_up;
mod check;
mod children;
mod demo;
mod diff;
mod doctor;
mod failure;
mod files;
mod hint;
mod interrupt;
mod keep;
mod lesson;
mod mailbox;
mod map;
mod mutants;
mod progress;
mod prove;
mod reset;
mod restore;
mod solve;
mod spec;
mod splice;
mod starters;
mod terminal;
mod timeline;
mod watch;
mod workspace;

use clap::{ArgMatches, Command};
use failure::Failure;
use std::panic;
use std::process::ExitCode;
use terminal::Unwritten;

/// A verb: its command line, and what it does.
type Verb = (fn() -> Command, fn(&ArgMatches) -> Result<(), Failure>);

const VERBS: [Verb; 18] = [
    (bench::command, bench::run),
    (book::command, book::run),
    (catch_up::command, catch_up::run),
    (check::command, check::run),
    (demo::command, demo::run),
    (diff::command, diff::run),
    (doctor::command, doctor::run),
    (hint::command, hint::run),
    (mailbox::command, mailbox::run),
    (mutants::command, mutants::run),
    (prove::command, prove::run),
    (reset::command, reset::run),
    (restore::command, restore::run),
    (solve::command, solve::run),
    (starters::command, starters::run),
    (timeline::tap::command, timeline::tap::run),
    (timeline::command, timeline::run),
    (watch::command, watch::run),
];

fn main() -> ExitCode {
    let ended = panic::catch_unwind(obey);
    // What other threads have started.
    children::end_for_good();
    match ended.map_err(|cause| cause.downcast::<Unwritten>()) {
        Ok(code) => code,
        Err(Ok(unwritten)) => {
            if let Some(words) = unwritten.in_words() {
                terminal::note(format!("error: {words}"));
            }
            ExitCode::FAILURE
        }
        Err(Err(panic)) => panic::resume_unwind(panic),
    }
}

fn obey() -> ExitCode {
    let matches = match command_line().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return show_help(&error),
    };
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::note(format!("error: {failure}"));
            failure.exit_code()
        }
    }
}

/// Help, or what is wrong with the command line. clap breaks lines only with more crates than this needs.
fn show_help(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let text = text.trim_end();
    if error.use_stderr() {
        terminal::note(text);
        return ExitCode::from(2);
    }
    terminal::print(terminal::fit(text, terminal::columns().min(100)));
    ExitCode::SUCCESS
}

fn command_line() -> Command {
    Command::new("workshop")
        .bin_name("cargo workshop")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The companion of the workshop \"From Blocking to Forked\"")
        .after_help(
            "Examples:\n  cargo workshop\n  cargo workshop check 01\n\n\
             Without a verb: the map of the lessons, what is done and what comes next.\n\
             Exit status: 0 done, 1 the work failed, 2 bad input.\n\
             `cargo workshop VERB --help` shows an example of each verb.",
        )
        .subcommands(VERBS.map(|(command, _)| command()))
}

fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let Some((name, matches)) = matches.subcommand() else { return map::run() };
    let verb = VERBS.into_iter().find(|(command, _)| command().get_name() == name);
    let (_, run) = verb.ok_or_else(|| Failure::input(format!("there is no verb \"{name}\"")))?;
    run(matches)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command_line().debug_assert();
    }
}
