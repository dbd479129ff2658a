//! Where to begin when a spec is red: the one thing that matters now.

use crate::run::spec::{Check, Run};
use course::{Hole, Lesson};
use std::path::Path;

/// What a learner should look at first.
pub enum Begin {
    /// A check that failed: what it reports.
    Report(String),
    /// A step that no check reaches yet.
    Hole(Hole),
}

/// What is written and fails comes first; then what is not written yet, by its step: that is the order of the chapter and
/// of the hints. `None` when nothing failed.
pub fn with(root: &Path, lesson: &Lesson, run: &Run) -> Option<Begin> {
    let names = lesson.check_names(root);
    // A spec goes from what is simple to what is special.
    let place = |check: &Check| names.iter().position(|name| *name == check.name).unwrap_or(usize::MAX);
    let failed = run.checks().into_iter().filter(|check| !check.passed);
    let report = |check: &Check| run.report(&check.name).trim_end().to_owned();
    let first = report(&failed.min_by_key(|check| (step_reached(&report(check)), place(check)))?);
    let hole = lesson.holes(root).unwrap_or_default().into_iter().next();
    match (step_reached(&first), hole) {
        (Some(reached), Some(hole)) if hole.step < reached => Some(Begin::Hole(hole)),
        _ => Some(Begin::Report(first)),
    }
}

impl Begin {
    /// The step that it is about.
    pub fn step(&self) -> Option<u32> {
        match self {
            Self::Hole(hole) => Some(hole.step),
            Self::Report(report) => step_reached(report).or_else(|| step_to_read(report)),
        }
    }
}

/// The step whose `todo!` the program has run into.
fn step_reached(report: &str) -> Option<u32> {
    after(report, "got:")?.strip_prefix("todo ")?.split(':').next()?.parse().ok()
}

/// The step that the section is about which a report names: `"2. TITLE" in book/src/…`.
fn step_to_read(report: &str) -> Option<u32> {
    after(report, "read:")?.strip_prefix('"')?.split_once(". ")?.0.parse().ok()
}

fn after<'a>(report: &'a str, word: &str) -> Option<&'a str> {
    report.lines().find_map(|line| line.trim_start().strip_prefix(word)).map(str::trim_start)
}
