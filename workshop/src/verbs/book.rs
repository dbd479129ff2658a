//! `cargo workshop book`: the book in a browser, with or without a network.

use crate::failure::Failure;
use crate::run::command::finish;
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::say;
use clap::{ArgMatches, Command};
use std::path::{Path, PathBuf};
use std::process;

/// How to get mdbook.
pub const INSTALL: &str =
    "cargo install mdbook --version 0.5.4 --locked --no-default-features --features search";

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "book",
        "Builds the book and opens it in a browser",
        "Example:\n  cargo workshop book\n\n\
         It needs mdbook, and no network. Without mdbook, read book/src as text.",
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

/// Builds the book, and returns the folder of its pages. Where there is no browser to open, mdbook says so.
///
/// # Errors
/// When there is no mdbook, or it cannot build the book.
pub fn build(root: &Path, open: bool) -> Result<PathBuf, Failure> {
    let pages = workspace::target(root).join("book");
    let mut mdbook = process::Command::new("mdbook");
    mdbook.arg("build").arg("--dest-dir").arg(&pages).args(open.then_some("--open")).arg(root.join("book"));
    match finish(mdbook.stdout(process::Stdio::null())) {
        Ok(true) => Ok(pages),
        Ok(false) => Err(Failure::work("mdbook cannot build the book; see above")),
        Err(error) if interrupt::requested() => Err(error),
        Err(error) => Err(Failure::work(format!("{error}. To get it: {INSTALL}"))),
    }
}
