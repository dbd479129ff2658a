//! `cargo workshop check`: the verdict on each check, in plain words.

mod grade;

use crate::failure::Failure;
use crate::lesson::begin::{self, Begin};
use crate::lesson::progress;
use crate::lesson::{self, Lesson};
use crate::run::spec::{self, Check, Run, Verdict};
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::{Look, paint, print, say};
use clap::{ArgGroup, ArgMatches, Command};
use course::Progress;
use std::path::Path;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "check",
        "Runs the spec of a lesson and says what passes and what does not",
        "Examples:\n  cargo workshop check\n  cargo workshop check 02\n  \
         cargo workshop check --all --points\n  cargo workshop check --all --json\n\n\
         Without a number, it checks the first lesson that is not done. For teachers: each check is one point, \
         and book/src/grading.md explains the rest. Exit status 0 when every check passes, 1 when some do not.",
    )
    .arg(arguments::lesson("The lesson, such as 02").conflicts_with("all"))
    .arg(arguments::flag("all", "All lessons but the warm-up"))
    .arg(arguments::flag("solutions", "The solutions instead of your own work"))
    .arg(arguments::flag("points", "The points of each check, and a total"))
    .arg(arguments::flag("json", "The points as one JSON document, for autograders"))
    .arg(arguments::flag("classroom", "The points as GitHub Classroom's reporter reads them"))
    .group(ArgGroup::new("form").args(["points", "json", "classroom"]))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let [all, solutions] = ["all", "solutions"].map(|flag| matches.get_flag(flag));
    let form = matches.get_one::<clap::Id>("form").map(clap::Id::as_str);
    let root = workspace::root()?;
    interrupt::listen()?;
    let mut progress = Progress::load(&root);
    let lessons = match all {
        true => lesson::counted(&root)?,
        false => vec![named_or_next(&root, &progress, matches)?],
    };
    let mut results = Vec::new();
    for lesson in lessons {
        let package = if solutions { format!("solution-{}", lesson.number()) } else { lesson.package() };
        let run = spec::run(&root, &package)?;
        if !solutions {
            progress::remember(&mut progress, &root, &lesson, &run);
        }
        let result = Outcome { checks: all_checks(&root, &lesson, &run), lesson, package, run };
        if form.is_none() {
            result.tell(&root, all);
        }
        results.push(result);
    }
    match form {
        Some("points") => grade::tell(&root, &results),
        Some("json") => print(grade::json(&results).to_string()),
        Some(_) => print(grade::for_github_classroom(&results)),
        None => {}
    }
    conclude(&results, form.is_none())
}

/// The first lesson that is not known to be done: the one that somebody works on.
fn next(root: &Path, progress: &Progress) -> Result<Lesson, Failure> {
    let lessons = progress.states(root)?;
    let (lesson, _) = progress
        .next(&lessons)
        .ok_or_else(|| Failure::input("all lessons are done; name one to check it again"))?;
    Ok(lesson.clone())
}

/// The lesson that a person means, or else the one that is worked on.
pub fn named_or_next(root: &Path, progress: &Progress, matches: &ArgMatches) -> Result<Lesson, Failure> {
    arguments::text(matches, "lesson")
        .map_or_else(|| next(root, progress), |wanted| Ok(lesson::one(root, wanted)?))
}

struct Outcome {
    lesson: Lesson,
    package: String,
    run: Run,
    checks: Vec<Check>,
}

/// All checks of a lesson. What did not come to an end passes none of those that its text names.
fn all_checks(root: &Path, lesson: &Lesson, run: &Run) -> Vec<Check> {
    let mut checks = run.checks();
    if let Verdict::Lacks(_) = run.verdict {
        // libtest says that they passed. Which of them were run, nobody knows.
        checks.iter_mut().for_each(|check| check.passed = false);
    }
    if !matches!(run.verdict, Verdict::Green | Verdict::Red) {
        let is_new = |name: &String| run.checks().iter().all(|check| check.name != *name);
        let names = lesson.check_names(root).into_iter().filter(is_new);
        checks.extend(names.map(|name| Check { name, passed: false }));
    }
    checks.sort_by(|one, other| one.name.cmp(&other.name));
    checks
}

impl Outcome {
    fn green(&self) -> bool {
        matches!(self.run.verdict, Verdict::Green)
    }

    /// How many checks pass, and how many there are.
    fn points(&self) -> (usize, usize) {
        (self.checks.iter().filter(|check| check.passed).count(), self.checks.len())
    }

    /// What is said about a check that failed.
    fn report(&self, check: &Check) -> String {
        match self.run.verdict {
            Verdict::DoesNotCompile => "it does not compile".into(),
            Verdict::Lacks(tool) => format!("not checked: {tool} is not installed"),
            _ => self.run.report(&check.name).trim().to_owned(),
        }
    }

    fn tell(&self, root: &Path, briefly: bool) {
        let (passed, of) = self.points();
        say(format!("{}: {passed} of {of} checks pass", self.lesson.title(root)));
        match self.run.verdict {
            Verdict::DoesNotCompile => {
                say("It does not compile yet. rustc says:\n");
                print(self.run.build_output.trim_end());
            }
            Verdict::Lacks(tool) => say(lacking(tool)),
            Verdict::Hangs => say("The spec did not end, which should not happen. It was stopped."),
            Verdict::Green if briefly => {}
            Verdict::Green => self.tell_what_is_proven(root),
            Verdict::Red => self.tell_checks(root, briefly),
        }
    }

    fn tell_what_is_proven(&self, root: &Path) {
        say("Proven:");
        self.run.checks().iter().for_each(|check| say(format!("  {}", describe(check))));
        let following = self.lesson.following(root).filter(|_| self.package == self.lesson.package());
        if let Some(next) = following {
            say(format!("\nLesson {} is done. The next one:", self.lesson.number()));
            say(format!("  read   book/src/{}.md", next.name));
            say(format!("  check  cargo workshop check {}", next.number()));
        }
    }

    fn tell_checks(&self, root: &Path, briefly: bool) {
        let mut checks = self.run.checks();
        // A spec goes from what is simple to what is special.
        let names = self.lesson.check_names(root);
        let place = |check: &Check| names.iter().position(|name| *name == check.name);
        checks.sort_by_key(|check| (!check.passed, place(check).unwrap_or(usize::MAX)));
        for check in &checks {
            let word = if check.passed { paint("passed", Look::Good) } else { paint("failed", Look::Bad) };
            say(format!("  {word}  {}", describe(check)));
        }
        if !briefly {
            tell_where_to_begin(root, &self.lesson, &self.run);
        }
    }
}

/// Says what matters now.
pub fn tell_where_to_begin(root: &Path, lesson: &Lesson, run: &Run) {
    match begin::with(root, lesson, run) {
        None => {}
        Some(Begin::Report(report)) => {
            say("\nBegin with this one:");
            say(report);
        }
        Some(Begin::Hole(hole)) => {
            say(format!("\nBegin with step {}, which no check reaches yet:", hole.step));
            say(format!("  write  {}", hole.text));
            say(format!("  in     lessons/{}/{}, line {}", lesson.name, hole.file.display(), hole.line));
            say(format!("  read   step {} of \"Your task\" in book/src/{}.md", hole.step, lesson.name));
            say(format!("  stuck  cargo workshop hint {}", lesson.number()));
        }
    }
}

/// What is said where a spec has left its checks out.
pub fn lacking(tool: &str) -> String {
    format!(
        "Not checked: {tool} is not installed, and the spec needs it. How to get it: cargo workshop doctor"
    )
}

/// `step_2_send::nothing_is_sent_twice` reads as a sentence: `step 2: nothing is sent twice`.
pub fn describe(check: &Check) -> String {
    let (module, name) = check.name.rsplit_once("::").unwrap_or(("", &check.name));
    let step = module.strip_prefix("step_").and_then(|module| module.split('_').next());
    let step = step.map(|step| format!("step {step}: ")).unwrap_or_default();
    format!("{step}{}", name.replace('_', " "))
}

fn conclude(results: &[Outcome], sum_up: bool) -> Result<(), Failure> {
    let green = results.iter().filter(|result| result.green()).count();
    let (points, of) = grade::total(results);
    if sum_up && results.len() > 1 {
        say(format!(
            "\n{green} of {} lessons {} green, {points} of {of} checks pass.",
            results.len(),
            if green == 1 { "is" } else { "are" }
        ));
    }
    if green == results.len() {
        return Ok(());
    }
    let missing = of - points;
    let verb = if missing == 1 { "does" } else { "do" };
    Err(Failure::work(format!("{missing} of {of} checks {verb} not pass")))
}
