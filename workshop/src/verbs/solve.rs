//! `cargo workshop solve`: the solution in the place of your files.

use crate::failure::Failure;
use crate::lesson::keep::{self, Replaced};
use crate::lesson::splice::splice;
use crate::lesson::{self, Lesson};
use crate::run::workspace;
use crate::ui::arguments;
use crate::ui::terminal::say;
use clap::{ArgMatches, Command, value_parser};
use course::files::{self, Sources};
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "solve",
        "Puts the solution in place, and keeps your files",
        "Examples:\n  cargo workshop solve 02\n  cargo workshop solve 02 --step 3\n\n\
         With --step, only what belongs to this step is replaced, and everything else stays yours. \
         `cargo workshop restore 02` brings your files back.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
    .arg(arguments::option("step", "N", "Only this step of the task").value_parser(value_parser!(u32)))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let (what, new) = match matches.get_one::<u32>("step").copied() {
        None => ("solution".into(), keep::solution(&root, &lesson)?),
        Some(step) => (format!("solution of step {step}"), with_step(step, &root, &lesson)?),
    };
    tell(&lesson, &what, &keep::replace(&root, &lesson, &new)?);
    Ok(())
}

/// The learner's files with this step as the solution has it. A file that is missing comes from the starter.
fn with_step(step: u32, root: &Path, lesson: &Lesson) -> Result<Sources, Failure> {
    let marked = lesson.marked(root)?;
    let steps = marked.steps();
    if !steps.contains(&step) {
        let number = lesson.number();
        return Err(Failure::input(format!("lesson {number} has no step {step}; it has {}", steps.len())));
    }
    let mut sources = keep::starter(root, lesson)?;
    sources.extend(files::read(&lesson.folder(root))?);
    for (file, bytes) in &mut sources {
        let Some((starter, gaps)) = marked.outline(file) else { continue };
        if gaps.iter().any(|gap| gap.step == Some(step)) {
            let solved = splice(&starter, &gaps, step, &files::text(bytes));
            let solved = solved.ok_or_else(|| {
                Failure::input(format!(
                    "cannot find the place of step {step} in your {}: too much around it is different. The whole \
                     solution: cargo workshop solve {}",
                    file.display(),
                    lesson.number()
                ))
            })?;
            *bytes = solved.into_bytes();
        }
    }
    Ok(sources)
}

/// Says what is in place now, and where the rest went.
pub fn tell(lesson: &Lesson, what: &str, replaced: &Replaced) {
    let number = lesson.number();
    if let Replaced::Nothing = replaced {
        say(format!("The {what} of lesson {number} was in place already."));
        return;
    }
    say(format!("The {what} of lesson {number} is in lessons/{}.", lesson.name));
    if let Replaced::Work(kept) = replaced {
        say(format!("What you had is kept as version {}. To bring it back:", kept.number));
        say(format!("  cargo workshop restore {number}"));
    }
}
