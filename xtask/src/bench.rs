//! `cargo xtask bench`: the figures of the book, measured on this machine.

use clap::{Arg, ArgMatches, Command};
use std::os::unix::process::CommandExt;
use std::path::Path;
use workshop::failure::Failure;
use workshop::run::workspace;
use workshop::ui::arguments;

/// What the command line can say.
pub fn command() -> Command {
    let given = Arg::new("given").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
    arguments::verb(
        "bench",
        "Measures the workshop beside its peers, and writes the figures of the book",
        "Examples:\n  cargo xtask bench\n  cargo xtask bench channel\n  cargo xtask bench --short --out FOLDER\n\n\
         Without a name, everything: channel, steps, mail, server, pool, growth, memory, build. That takes about \
         twenty minutes, on a machine that does nothing else. --short only shows that everything runs. The book's page \
         \"How fast it is\" says how to get the peers; one that is missing is left out.",
    )
    .arg(given.value_name("NAME").help("What to measure, and options of the package benches"))
}

/// Becomes the benches, which have a command line of their own.
pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let manifest = workspace::root()?.join("benches/Cargo.toml");
    // Not in the workspace's folder: --out is a path from here.
    let mut cargo = workspace::cargo(Path::new("."));
    cargo.args(["run", "--quiet", "--release", "--manifest-path"]).arg(manifest).arg("--");
    let error = cargo.args(matches.get_many::<String>("given").unwrap_or_default()).exec();
    Err(Failure::work(format!("cannot run the benches: {error}")))
}
