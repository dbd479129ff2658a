//! `cargo xtask starters --run`: is each starter what a learner should find?

use crate::prove::{self, Copy, How, Site};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use workshop::failure::Failure;
use workshop::lesson::{self, Lesson};
use workshop::run::interrupt;
use workshop::run::spec::{Check, Run, Verdict};
use workshop::ui::terminal::{columns, say, wrap};

/// A spec that has not ended after this time hangs. A starter's ends in seconds.
const LIMIT: Duration = Duration::from_secs(120);

pub fn run(root: &Path, wanted: Option<&str>) -> Result<(), Failure> {
    let lessons = lesson::chosen(root, wanted)?;
    let site = Site::open(root)?;
    interrupt::listen()?;
    let copy = site.copy()?;
    let mut bad = Vec::new();
    for lesson in &lessons {
        bad.extend(check_steps(&site, &copy, lesson)?);
    }
    // Once more, since a log may be cut at its front.
    bad.iter().for_each(|finding| say(format!("\n{finding}")));
    match (bad.len(), lessons.len()) {
        (0, 1) => say("\nThe starter is as it should be."),
        (0, count) => say(format!("\nAll {count} starters are as they should be.")),
        (bad, _) => return Err(Failure::work(format!("not as it should be: {bad}"))),
    }
    Ok(())
}

/// Writes one step after another, and runs the checks of what was written last and of what comes next. Returns a line
/// and the start of the first report for each finding.
fn check_steps(site: &Site, copy: &Copy, lesson: &Lesson) -> Result<Vec<String>, Failure> {
    let steps = lesson.marked(copy.root()).map_err(Failure::work)?.steps();
    let mut bad = Vec::new();
    let mut failed = BTreeSet::new();
    for last in 0..steps.len() as u32 {
        copy.put_steps(lesson, last).map_err(Failure::work)?;
        let (finding, printed) = match site.build(copy, lesson)? {
            Err(said) => (Err("it does not compile".into()), said),
            Ok(built) => {
                // A starter is looked at as a whole.
                let checks = [last, last + 1].map(|step| format!("step_{step}_"));
                let checks = if last == 0 { &[] } else { &checks[..] };
                let run = built.run(&How { limit: LIMIT, wait_seconds: 10, enough: None, checks })?;
                (judge(&run, last, &mut failed), format!("{}\n{}", run.build_output, run.output))
            }
        };
        let what = match last {
            0 => "the starter".to_owned(),
            last => format!("with step {last} written"),
        };
        let line = match &finding {
            Ok(good) => format!("{}  {what}: {good}", lesson.number()),
            Err(why) => {
                let report = site.keep(lesson, &what, &printed);
                format!("{}  NOT AS IT SHOULD BE: {what}: {why}; {report}", lesson.number())
            }
        };
        say(wrap(&line, 4, columns()));
        if finding.is_err() {
            bad.push(format!("{line}\n{}", prove::first_lines(&printed)));
        }
    }
    Ok(bad)
}

/// What is not written yet fails, because of a `todo!`. Each step that is written turns a check of its own green: one of
/// `failed`, which are the checks that have failed before.
fn judge(run: &Run, last: u32, failed: &mut BTreeSet<String>) -> Result<String, String> {
    if is_green(run)? {
        return Err(format!("no check needs step {}", last + 1));
    }
    let checks = run.checks();
    let fails = |check: &&Check| !check.passed;
    if let Some(check) =
        checks.iter().filter(fails).find(|check| !run.report(&check.name).contains("NOT WRITTEN YET"))
    {
        return Err(format!("it fails {}, but not because of a todo!", check.name));
    }
    let of_step =
        |step: u32| checks.iter().filter(move |check| check.name.starts_with(&format!("step_{step}_")));
    let turned = of_step(last).filter(|check| check.passed && failed.contains(&check.name)).count();
    if last > 0 && turned == 0 {
        return Err(format!("no check of step {last} turns green"));
    }
    let next = last + 1;
    if of_step(next).all(|check| check.passed) {
        return Err(format!("no check of step {next} fails, but it is not written"));
    }
    failed.extend(checks.iter().filter(fails).map(|check| check.name.clone()));
    let (red, seconds) = (checks.iter().filter(fails).count(), run.took.as_secs_f64());
    Ok(match last {
        0 => format!("fails {red} of {} checks in {seconds:.1} s, each with what to do", checks.len()),
        _ => format!("{turned} of {} checks of step {last} turn green", of_step(last).count()),
    })
}

/// Whether the spec is green. An error when it says neither that nor what is wrong, or when rustc warns.
fn is_green(run: &Run) -> Result<bool, String> {
    if let Some(line) = run.build_output.lines().find(|line| line.starts_with("warning")) {
        return Err(format!("it does not compile without a warning: {line}"));
    }
    match run.verdict {
        Verdict::Green => Ok(true),
        Verdict::Red => Ok(false),
        Verdict::Hangs => Err("its spec hangs".into()),
        Verdict::DoesNotCompile => Err("it does not compile".into()),
        Verdict::Lacks(tool) => Err(format!("its checks are left out: {tool} is not installed")),
    }
}
