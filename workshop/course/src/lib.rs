//! The lessons of the workshop, as its folders say: their files, their steps, how far a learner is, and the map of it all.
//!
//! A solution marks the lines that a learner writes. The mark says what the starter has in their place:
//!
//! ```text
//!     // ANCHOR: step_1 todo!("1: parse one JSON document from stdin")
//!     serde_json::from_reader(io::stdin().lock())
//!     // ANCHOR_END: step_1
//! ```
//!
//! Two lines in a row with the same name put two lines into the starter. A step may have several marks. A mark with the name
//! `starter` belongs to no step: it is for other differences. In Cargo.toml, marks begin with `#`. mdbook leaves out lines that
//! have an anchor in them, so no mark shows up in the book.
//!
//! Errors are lines of text, for the person who typed the command. This package has no dependencies: see `main.rs`.

pub mod files;
mod lesson;
mod map;
mod marked;
mod progress;
mod source;

pub use lesson::{Hole, Lesson, Written, all, chosen, counted, one};
pub use map::map;
pub use marked::{Files, Marked, as_lesson, sources, without_allowance};
pub use progress::{Progress, State, fingerprint};
pub use source::{Gap, Source};

use std::env;
use std::path::{Path, PathBuf};

/// The folder of the workspace: the nearest one above the current folder that holds lessons and solutions.
///
/// # Errors
/// When the current folder is outside of the workshop.
pub fn root() -> Result<PathBuf, String> {
    let here = env::current_dir().map_err(|error| format!("cannot tell the current folder: {error}"))?;
    let root = here.ancestors().find(|folder| is_root(folder)).map(Path::to_owned);
    root.ok_or_else(|| format!("cannot find the workshop: no lessons folder in or above {}", here.display()))
}

/// Whether this folder holds lessons and solutions.
pub fn is_root(folder: &Path) -> bool {
    folder.join("lessons").is_dir() && folder.join("solutions").is_dir()
}
