//! `cargo xtask pictures`: the timelines that the chapters show, drawn anew from real runs.

use clap::{ArgMatches, Command};
use workshop::failure::Failure;
use workshop::lesson;
use workshop::run::command::finish;
use workshop::run::{interrupt, workspace};
use workshop::ui::arguments;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "pictures",
        "Draws the timelines that the chapters show",
        "Examples:\n  cargo xtask pictures\n  cargo xtask pictures 02\n\n\
         A chapter NN-name.md that includes pictures/NN-name.svg gets it: the run of its solution. Draw them on a machine that has \
         nothing else to do, and look at them.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: all)"))
}

/// Draws each picture with `cargo workshop timeline`.
pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    interrupt::listen()?;
    for lesson in lesson::chosen(&root, arguments::text(matches, "lesson"))? {
        let picture = format!("pictures/{}.svg", lesson.name);
        if !lesson.chapter(&root).contains(&picture) {
            continue;
        }
        let mut cargo = workspace::cargo(&root);
        cargo.args(["workshop", "timeline", lesson.number(), "--solution", "--out"]);
        if !finish(cargo.arg(format!("book/src/{picture}")))? {
            return Err(Failure::work(format!("cannot draw {picture}, see above")));
        }
    }
    Ok(())
}
