//! `cargo workshop`: the companion at the learner's side. One file for each verb, named after it.

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
mod progress;
mod prove;
mod reset;
mod restore;
mod solve;
mod spec;
mod starters;
mod terminal;
mod watch;
mod workspace;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// The companion of the workshop "From Blocking to Forked".
#[derive(Parser)]
#[command(bin_name = "cargo workshop", version)]
#[command(after_help = "Examples:\n  cargo workshop\n  cargo workshop check 01\n\n\
    Without a verb: the map of the lessons, what is done and what comes next.\n\
    Exit status: 0 done, 1 the work failed, 2 bad input.\n\
    `cargo workshop VERB --help` shows an example of each verb.")]
struct Workshop {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    Book(book::Args),
    CatchUp(catch_up::Args),
    Check(check::Args),
    Demo(demo::Args),
    Diff(diff::Args),
    Doctor(doctor::Args),
    Hint(hint::Args),
    Mailbox(mailbox::Args),
    Prove(prove::Args),
    Reset(reset::Args),
    Restore(restore::Args),
    Solve(solve::Args),
    Starters(starters::Args),
    Watch(watch::Args),
}

fn main() -> ExitCode {
    match run(Workshop::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(verb: Option<Verb>) -> Result<(), Failure> {
    let Some(verb) = verb else { return map::run() };
    match verb {
        Verb::Book(args) => book::run(&args),
        Verb::CatchUp(args) => catch_up::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Demo(args) => demo::run(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Doctor(args) => doctor::run(&args),
        Verb::Hint(args) => hint::run(&args),
        Verb::Mailbox(args) => mailbox::run(&args),
        Verb::Prove(args) => prove::run(&args),
        Verb::Reset(args) => reset::run(&args),
        Verb::Restore(args) => restore::run(&args),
        Verb::Solve(args) => solve::run(&args),
        Verb::Starters(args) => starters::run(&args),
        Verb::Watch(args) => watch::run(&args),
    }
}
