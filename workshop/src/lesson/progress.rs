//! Running a lesson's spec, and remembering what came of it.

use crate::failure::Failure;
use crate::lesson::begin;
use crate::run::spec::{self, Run, Verdict};
use crate::ui::terminal::note;
use course::{Lesson, Progress, State};
use observe::tool;
use std::path::Path;

/// How far a lesson is. Its spec is run when nothing is known of its files as they are now.
///
/// # Errors
/// When the files cannot be read, or cargo cannot be run.
pub fn state(progress: &mut Progress, root: &Path, lesson: &Lesson) -> Result<State, Failure> {
    match progress.state(root, lesson)? {
        State::Unchecked => {}
        // When it is here now, its checks are still to be run.
        State::Lacks(tool) if tool::find(&tool).is_some() => {}
        known => return Ok(known),
    }
    note(format!("Running the spec of lesson {} …", lesson.number()));
    let run = spec::run(root, &lesson.package())?;
    Ok(remember(progress, root, lesson, &run))
}

/// Remembers what came of a run of a lesson's spec. Not being able to, as in a folder that is read-only, is no failure.
pub fn remember(progress: &mut Progress, root: &Path, lesson: &Lesson, run: &Run) -> State {
    let checks = run.checks();
    let passed = checks.iter().filter(|check| check.passed).count();
    let of = checks.len().max(lesson.check_names(root).len());
    let state = match run.verdict {
        Verdict::Green => State::Green { of },
        Verdict::Lacks(tool) => State::Lacks(tool.into()),
        _ => State::Red { passed, of },
    };
    let step = begin::with(root, lesson, run).and_then(|begin| begin.step());
    say_why_not(progress.remember(root, lesson, &state, step));
    state
}

/// Says why something could not be remembered.
pub fn say_why_not(remembered: Result<(), String>) {
    if let Err(why) = remembered {
        note(format!("note: {why}"));
    }
}
