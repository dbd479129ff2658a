//! `cargo workshop bench`: the figures of the book, measured on this machine.

use crate::arguments;
use crate::children::Group;
use crate::failure::Failure;
use crate::{interrupt, workspace};
use clap::{Arg, ArgMatches};

/// What the command line can say.
pub fn command() -> clap::Command {
    arguments::verb(
        "bench",
        "Measures the workshop beside its peers, and writes the figures of the book",
        "Example:\n  cargo workshop bench channel\n\n\
         Without a name, everything: channel, steps, mail, server, pool, growth, memory, build. That takes about \
         twenty minutes, on a machine that does nothing else. The book's page \"How fast it is\" says how to \
         get the peers; one that is missing is left out.",
    )
    .arg(Arg::new("name").value_name("NAME").num_args(0..).help("What to measure"))
    .arg(arguments::flag("short", "Only see that everything runs: the figures mean nothing"))
    .arg(arguments::option("out", "FOLDER", "The folder for the figures [default: book/src/figures]"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    interrupt::listen(|| {})?;
    let names = matches.get_many::<String>("name").unwrap_or_default();
    let mut command = workspace::cargo(&root);
    command.args(["run", "--quiet", "--release", "--package", "benches", "--"]).args(names);
    if matches.get_flag("short") {
        command.arg("--short");
    }
    if let Some(out) = matches.get_one::<String>("out") {
        // The command runs in the workspace, whatever the current folder is.
        let folder =
            std::path::absolute(out).map_err(|error| Failure::input(format!("--out {out}: {error}")))?;
        command.arg("--out").arg(folder);
    }
    let cannot = |error| Failure::work(format!("cannot run the benches: {error}"));
    let status = Group::start(&mut command).map_err(cannot)?.child().wait().map_err(cannot)?;
    if interrupt::requested() {
        return Err(interrupt::failure());
    }
    match status.code() {
        Some(0) => Ok(()),
        Some(2) => Err(Failure::input("see above")),
        _ => Err(Failure::work("some figures could not be measured, see above")),
    }
}
