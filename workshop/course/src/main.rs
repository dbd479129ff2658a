//! `cargo workshop`: the map of the lessons, and the way to the verbs.
//!
//! This package has no dependencies, so the map appears about a second after the first `cargo workshop`. The verbs are in the
//! package `workshop`. The first one builds it, with cargo's progress to watch; later there is nothing left to build.

use std::env;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let done = if arguments.is_empty() { print_map() } else { run_verb(&arguments) };
    done.unwrap_or_else(|why| {
        eprintln!("error: {why}");
        ExitCode::from(2)
    })
}

fn print_map() -> Result<ExitCode, String> {
    let map = course::map(&course::root()?)?;
    match io::stdout().write_all(map.as_bytes()) {
        // Whoever has closed the pipe (`… | head`) knows.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::FAILURE),
        Err(error) => Err(format!("cannot write to stdout: {error}")),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// Builds the package `workshop` if it isn't built yet, and becomes it.
fn run_verb(arguments: &[OsString]) -> Result<ExitCode, String> {
    let here = env::current_exe().map_err(|error| format!("cannot tell where this program is: {error}"))?;
    let workshop = here.with_file_name("workshop");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--package", "workshop"]);
    if workshop.exists() {
        cargo.arg("--quiet");
    } else {
        eprintln!("Building the workshop's commands. This happens once and takes about half a minute.");
    }
    let built = cargo.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if !built.success() {
        return Err("cannot build the workshop's commands; cargo's messages are above".into());
    }
    // Takes this process's place, so that Ctrl-C and the exit status are the command's.
    let error = Command::new(&workshop).args(arguments).exec();
    Err(format!("cannot run {}: {error}", workshop.display()))
}
