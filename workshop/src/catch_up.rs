//! `cargo workshop catch-up`: a latecomer joins the class in a minute.

use crate::failure::Failure;
use crate::progress::{Progress, State};
use crate::terminal::say;
use crate::{interrupt, lesson, solve, workspace};

/// Puts the solutions of all unfinished lessons before one in place. Your files are kept.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo workshop catch-up 05\n\n\
    What is done stays yours. `cargo workshop restore NN` brings your files back.")]
pub struct Args {
    /// The lesson that you want to begin, such as 05
    lesson: String,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let root = workspace::root()?;
    let wanted = lesson::one(&root, &args.lesson)?;
    interrupt::listen(|| {})?;
    let mut progress = Progress::load(&root);
    for lesson in lesson::all(&root)?.into_iter().take_while(|lesson| *lesson != wanted) {
        if matches!(progress.state(&root, &lesson)?, State::Green { .. }) {
            say(format!("Lesson {} is done: it stays as it is.", lesson.number()));
        } else {
            let kept = solve::put_solution(&root, &lesson)?;
            solve::tell(&lesson, "solution", kept.as_ref());
        }
    }
    say(format!("\nYou can begin with lesson {}: book/src/{}.md", wanted.number(), wanted.name));
    Ok(())
}
