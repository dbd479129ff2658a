//! `cargo workshop`: the companion at the learner's side. One file for each verb, named after it.

mod children;
mod demo;
mod failure;
mod interrupt;
mod lesson;
mod mailbox;
mod prove;
mod spec;
mod starters;
mod terminal;
mod workspace;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// The companion of the workshop "From Blocking to Forked".
#[derive(Parser)]
#[command(bin_name = "cargo workshop", version, arg_required_else_help = true)]
#[command(after_help = "Example:\n  cargo workshop demo\n\n\
    Exit status: 0 done, 1 the work failed, 2 bad input.\n\
    `cargo workshop VERB --help` shows an example of each verb.")]
struct Workshop {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Demo(demo::Args),
    Mailbox(mailbox::Args),
    Prove(prove::Args),
    Starters(starters::Args),
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

fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Mailbox(args) => mailbox::run(&args),
        Verb::Prove(args) => prove::run(&args),
        Verb::Starters(args) => starters::run(&args),
    }
}
