//! `cargo workshop book`: the book in a browser, with or without a network.

use crate::failure::Failure;
use crate::run::command::finish;
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::say;
use clap::{ArgMatches, Command};
use std::path::{Path, PathBuf};

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "book",
        "Builds the book and opens it in a browser",
        "Example:\n  cargo workshop book\n\n\
         The first time, it compiles what builds the book, which takes about a minute.",
    )
    .arg(arguments::flag("no-open", "Only build it"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    interrupt::listen()?;
    let pages = build(&root, !matches.get_flag("no-open"))?;
    say(format!("The book is in {}", pages.join("index.html").display()));
    Ok(())
}

/// Builds the book, and returns the folder of its pages.
///
/// The package `book-builder` does it. Cargo shows its progress while it compiles that.
///
/// # Errors
/// When the book cannot be built.
pub fn build(root: &Path, open: bool) -> Result<PathBuf, Failure> {
    let pages = workspace::target(root).join("book");
    let mut cargo = workspace::cargo(root);
    cargo.args(["run", "--package", "book-builder", "--"]).arg(&pages).args(open.then_some("--open"));
    match finish(&mut cargo)? {
        true => Ok(pages),
        false => Err(Failure::work("cannot build the book; see above")),
    }
}
