//! `cargo workshop starters`: is each starter what a learner should find?

use crate::arguments;
use crate::failure::Failure;
use crate::lesson::{self, Lesson};
use crate::prove::{Answer, Copy, Workshop};
use crate::spec::{Run, Verdict};
use crate::terminal::{columns, say, wrap};
use crate::{interrupt, workspace};
use clap::{ArgMatches, Command};

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "starters",
        "Checks that each starter compiles, fails as intended, and can be solved",
        "Examples:\n  cargo workshop starters\n  cargo workshop starters 02\n\n\
         A starter compiles without a warning, fails its spec because of a todo!, and\n\
         never hangs. With the solution's files in its place, the spec is green.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: all)"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lessons = lesson::chosen(&root, arguments::text(matches, "lesson"))?;
    let workshop = Workshop::open(&root)?;
    interrupt::listen(|| {})?;
    let copy = workshop.copy(1)?;
    let mut bad = 0;
    for lesson in &lessons {
        bad += usize::from(!check(&workshop, &copy, lesson, "starter", judge_starter)?);
        if let Err(why) = copy.put(lesson, &Answer::solution()) {
            return Err(Failure::work(format!("cannot put solution {} in place: {why}", lesson.name)));
        }
        bad += usize::from(!check(&workshop, &copy, lesson, "solution", judge_solution)?);
    }
    match bad {
        0 => {
            say(format!("\nAll {} starters are as they should be.", lessons.len()));
            Ok(())
        }
        _ => Err(Failure::work(format!("{bad} findings are not as they should be"))),
    }
}

fn check(
    workshop: &Workshop,
    copy: &Copy,
    lesson: &Lesson,
    what: &str,
    judge: fn(&Run) -> Result<String, String>,
) -> Result<bool, Failure> {
    let run = workshop.run(copy, lesson)?;
    let finding = judge(&run);
    let line = match &finding {
        Ok(good) => format!("{}  {what}: {good}", lesson.number()),
        Err(why) => {
            let report = workshop.keep(lesson, what, &run);
            format!("{}  NOT AS IT SHOULD BE: {what}: {why}; {report}", lesson.number())
        }
    };
    say(wrap(&line, 4, columns()));
    Ok(finding.is_ok())
}

fn judge_starter(run: &Run) -> Result<String, String> {
    no_warning(run)?;
    match run.verdict {
        Verdict::DoesNotCompile => Err("it does not compile".into()),
        Verdict::Hangs => Err("its spec hangs".into()),
        Verdict::Green => Err("its spec is green, so there is nothing to do".into()),
        Verdict::Red if !run.output.contains("NOT WRITTEN YET") => {
            Err("it fails, but not because of a todo!".into())
        }
        Verdict::Red => {
            let checks = run.checks();
            let red = checks.iter().filter(|check| !check.passed).count();
            let seconds = run.took.as_secs_f64();
            Ok(format!("fails {red} of {} checks in {seconds:.1} s and says what to do", checks.len()))
        }
    }
}

fn judge_solution(run: &Run) -> Result<String, String> {
    no_warning(run)?;
    match run.verdict {
        Verdict::Green => Ok(format!("in its place, all {} checks are green", run.checks().len())),
        Verdict::Red => Err("in its place, the spec fails".into()),
        Verdict::Hangs => Err("in its place, the spec hangs".into()),
        Verdict::DoesNotCompile => Err("in its place, it does not compile".into()),
    }
}

fn no_warning(run: &Run) -> Result<(), String> {
    match run.build_output.lines().find(|line| line.starts_with("warning")) {
        Some(line) => Err(format!("it does not compile without a warning: {line}")),
        None => Ok(()),
    }
}
