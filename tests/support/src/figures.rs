//! Figures for the book: a check prints what it has counted, and writes it down when it is asked to.

use crate::{Running, process};
use std::path::Path;
use std::{env, fmt, fs};

/// The folder from which the chapters include them, from the package's folder, where cargo runs its tests.
const FOLDER: &str = "../../book/src/figures";

/// Prints what a check has counted. With `WORKSHOP_FIGURES=write` in the environment it goes to the book as well, to
/// the file of this name.
///
/// # Panics
/// When the file cannot be written.
pub fn publish(name: &str, text: &str) {
    println!("{text}");
    if env::var("WORKSHOP_FIGURES").is_ok_and(|value| value == "write") {
        let path = Path::new(FOLDER).join(format!("{name}.txt"));
        let written = fs::create_dir_all(FOLDER).and_then(|()| fs::write(&path, format!("{text}\n")));
        written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }
}

/// What a program holds at one moment: a leak shows in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Open descriptors. 0 where only Linux shows them.
    pub descriptors: usize,
    /// Children that ended and were not waited for.
    pub zombies: usize,
    /// Resident memory.
    pub resident_kib: u64,
}

impl Holdings {
    /// What this program holds now.
    pub fn of(running: &Running) -> Self {
        Self {
            descriptors: process::descriptors(running.pid()).unwrap_or_default().len(),
            zombies: process::zombies(running.pid()).len(),
            resident_kib: process::info(running.pid()).map_or(0, |info| info.resident_bytes / 1024),
        }
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { descriptors, zombies, resident_kib } = self;
        write!(f, "descriptors {descriptors}, zombies {zombies}, memory {resident_kib} KiB")
    }
}
