//! Builds the book's pages with mdbook's library: `cargo run -p book-builder -- FOLDER [--open]`.
//!
//! It is a package of its own, so that only those who read the book compile mdbook.

use mdbook_driver::MDBook;
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).without_time().init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, open) = match arguments.as_slice() {
        [folder] => (folder, false),
        [folder, flag] if flag == "--open" => (folder, true),
        _ => {
            eprintln!("error: the arguments are: FOLDER [--open]");
            return ExitCode::from(2);
        }
    };
    match build(Path::new(folder)) {
        Ok(page) if open => show(&page),
        Ok(_) => {}
        Err(why) => {
            eprintln!("error: cannot build the book: {why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Builds the book in the current folder's `book`, and returns its first page.
///
/// # Errors
/// When a page cannot be read or written.
fn build(folder: &Path) -> Result<PathBuf, String> {
    let folder = std::path::absolute(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut book = MDBook::load("book").map_err(|error| format!("{error:#}"))?;
    book.config.build.build_dir.clone_from(&folder);
    book.build().map_err(|error| format!("{error:#}"))?;
    Ok(folder.join("index.html"))
}

/// Opens a page in the browser that the system prefers. A system without one still has the book.
fn show(page: &Path) {
    if let Err(error) = opener::open(page) {
        eprintln!("cannot open a browser ({error}): open {} yourself", page.display());
    }
}
