//! `cargo workshop timeline`: a picture of what a lesson's program really does, to scale.

mod draw;
mod load;
mod record;
mod sample;
mod svg;
pub mod tap;
mod watch;
mod words;

use crate::failure::Failure;
use crate::lesson::{self, Lesson};
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::{columns, say, wrap};
use clap::{ArgMatches, Command, value_parser};
use course::files::write_if_new;
use load::Load;
use observe::text::counted;
use std::path::{Path, PathBuf};

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "timeline",
        "Draws what a lesson's program does: requests, threads, processes, messages and mails, to scale",
        "Examples:\n  cargo workshop timeline 02\n  cargo workshop timeline 02 --solution\n  \
         cargo workshop timeline 03 --out mine.svg\n\n\
         The program runs under a small load that is the same each time, with a mailbox that takes a quarter of \
         a second for each mail. The picture is an SVG file: open it in a browser. What it shows is printed in words, too.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
    .arg(arguments::flag("solution", "Run the solution instead of your own program"))
    .arg(
        arguments::option("out", "PATH", "The file to write [default: target/timeline-NN.svg]")
        .value_parser(value_parser!(PathBuf)),
    )
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    interrupt::listen()?;
    if !sample::SEES_THREADS {
        say(
            "Only Linux shows single threads and what they wait for: this picture has one lane for a process.",
        );
    }
    let (solution, out) = (matches.get_flag("solution"), matches.get_one::<PathBuf>("out"));
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let load = load::of(&root, &lesson)?;
    let default = workspace::target(&root).join(format!("timeline-{}.svg", lesson.number()));
    draw_one(&root, &lesson, load, solution, out.unwrap_or(&default))
}

fn draw_one(root: &Path, lesson: &Lesson, load: Load, solution: bool, file: &Path) -> Result<(), Failure> {
    let package = if solution { format!("solution-{}", lesson.number()) } else { lesson.package() };
    if !solution {
        must_be_written(root, lesson)?;
    }
    let program = workspace::build(root, &package)?;
    let record = watch::watch(root, &program, &load)?;
    let title = lesson.title(root);
    let head = title.split(':').next().unwrap_or(&title);
    let id = format!("timeline-{}", lesson.number());
    let sentences = words::describe(&record, &load.words);
    let picture = draw::draw(&record, head, &id, &sentences.join(" "));
    write_if_new(file, picture.as_bytes())
        .map_err(|error| Failure::input(format!("cannot write {}: {error}", file.display())))?;
    say(format!("{head} ({package})"));
    for sentence in &sentences {
        say(format!("  {}", wrap(sentence, 4, columns())));
    }
    say(format!("The picture is in {}.\n", file.display()));
    match record.missing {
        Some(missing) => Err(Failure::work(format!("the picture of {package} is not whole: {missing}"))),
        None => Ok(()),
    }
}

/// A program with a `todo!` on its way would only show how it panics.
fn must_be_written(root: &Path, lesson: &Lesson) -> Result<(), Failure> {
    let (number, left) = (lesson.number(), lesson.steps_left(root)?.len());
    if left == 0 {
        return Ok(());
    }
    Err(Failure::work(format!(
        "lesson {number} is not written yet: {} to go. `cargo workshop timeline {number} --solution` draws the solution",
        counted(left, "step")
    )))
}
