//! `cargo xtask starters --run`: is each starter what a learner should find?

use crate::prove::{self, Answer, Copy, How, Site};
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
        let starter_fails = prove::read(root, lesson)?.starter_fails;
        let judge = |run: &Run| judge_starter(run, &starter_fails);
        bad.extend(check(&site, &copy, lesson, "starter", judge)?);
        if let Err(why) = copy.put(lesson, &Answer::solution()) {
            return Err(Failure::work(format!("cannot put solution {} in place: {why}", lesson.name)));
        }
        bad.extend(check(&site, &copy, lesson, "solution", judge_solution)?);
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

/// Says what came of a starter or a solution. Returns the line and the start of the first report when it went wrong.
fn check(
    site: &Site,
    copy: &Copy,
    lesson: &Lesson,
    what: &str,
    judge: impl Fn(&Run) -> Result<String, String>,
) -> Result<Option<String>, Failure> {
    let (finding, printed) = match site.build(copy, lesson)? {
        Err(said) => (Err("it does not compile".into()), said),
        Ok(built) => {
            let run = built.run(&How { limit: LIMIT, wait_seconds: 10, enough: None })?;
            (judge(&run), format!("{}\n{}", run.build_output, run.output))
        }
    };
    let line = match &finding {
        Ok(good) => format!("{}  {what}: {good}", lesson.number()),
        Err(why) => {
            let report = site.keep(lesson, what, &printed);
            format!("{}  NOT AS IT SHOULD BE: {what}: {why}; {report}", lesson.number())
        }
    };
    let line = wrap(&line, 4, columns());
    say(&line);
    Ok(finding.is_err().then(|| format!("{line}\n{}", prove::first_lines(&printed))))
}

fn judge_starter(run: &Run, starter_fails: &[String]) -> Result<String, String> {
    if is_green(run)? {
        return Err("its spec is green, so there is nothing to do".into());
    }
    let checks = run.checks();
    let failed: Vec<&Check> = checks.iter().filter(|check| !check.passed).collect();
    if let Some(check) = failed.iter().find(|check| !run.report(&check.name).contains("NOT WRITTEN YET")) {
        return Err(format!("it fails {}, but not because of a todo!", check.name));
    }
    let fails: BTreeSet<&str> = failed.iter().map(|check| check.name.as_str()).collect();
    let intended: BTreeSet<&str> = starter_fails.iter().map(String::as_str).collect();
    if fails != intended {
        let (more, fewer) = (&fails - &intended, &intended - &fails);
        return Err(format!("unlike starter_fails in its bank, it fails {more:?} and passes {fewer:?}"));
    }
    let (red, all, seconds) = (failed.len(), checks.len(), run.took.as_secs_f64());
    Ok(format!("fails {red} of {all} checks in {seconds:.1} s, each with what to do"))
}

fn judge_solution(run: &Run) -> Result<String, String> {
    match is_green(run)? {
        true => Ok(format!("in its place, all {} checks are green", run.checks().len())),
        false => Err("in its place, the spec fails".into()),
    }
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
