//! `cargo xtask mutants`: does the spec notice every small change of the solution?

use crate::prove::{self, Answer, Change, Copy, Finding, Floor, Kind, Outcome, Place, Site, Trial};
use clap::{ArgMatches, Command};
use serde_json::Value;
use std::path::Path;
use std::process;
use std::time::{Duration, Instant};
use workshop::failure::Failure;
use workshop::lesson::{self, Lesson};
use workshop::run::command::captured;
use workshop::run::{interrupt, workspace};
use workshop::ui::arguments;

/// How long a solution's own tests may take. With their build they take twenty seconds; a mutant may make them wait for ever.
const OWN_TESTS_LIMIT: Duration = Duration::from_secs(120);

/// Deleted fields that change nothing. cargo-mutants does not ask its configuration about deleted fields.
const SAME_AS_DELETED: [&str; 4] = [
    // What the broker does when it is not told: a stream's subject is its name, it is on disk, and it remembers an id
    // for two minutes; each message has to be acknowledged.
    "delete field subjects from struct stream::Config",
    "delete field storage from struct stream::Config",
    "delete field duplicate_window from struct stream::Config",
    "delete field ack_policy from struct pull::Config",
];

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "mutants",
        "Runs the specs on every mutant of the solutions that cargo-mutants finds",
        "Examples:\n  cargo xtask mutants\n  cargo xtask mutants 02 --only endpoint\n\n\
         cargo-mutants lists the mutants: `cargo install cargo-mutants --locked`. What is left out, and why, is \
         in .cargo/mutants.toml. Each mutant is tried like a wrong answer. What a spec passes, the solution's own \
         tests have to catch, where it has any. Exit status 1 when a mutant passes all.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: all)"))
    .arg(arguments::option("only", "NAME", "Only mutants whose name contains this"))
}

/// Tries every mutant, or what the command line says of them.
///
/// # Errors
/// When a mutant is missed, or when something cannot be listed, built or run.
pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let only = arguments::text(matches, "only").unwrap_or_default();
    let mut trials = Vec::new();
    for lesson in lesson::chosen(&root, arguments::text(matches, "lesson"))? {
        let wanted = list(&root, &lesson)?.into_iter().filter(|mutant| mutant.name.contains(only));
        trials.extend(wanted.map(|answer| Trial { lesson: lesson.clone(), answer }));
    }
    if trials.is_empty() {
        return Err(Failure::input("there is no such mutant"));
    }
    let site = Site::open(&root)?;
    interrupt::listen()?;
    let began = Instant::now();
    let mut outcomes = Floor { site: &site, runs: None, early: false }.try_all(trials)?;
    try_own_tests(&site, &mut outcomes)?;
    prove::conclude(&site, &outcomes, &["mutant"], began)
}

/// The mutants of a lesson's solution, as cargo-mutants lists them.
fn list(root: &Path, lesson: &Lesson) -> Result<Vec<Answer>, Failure> {
    let cannot = |why: &str| Failure::work(format!("cannot list the mutants of {}: {why}", lesson.name));
    let package = format!("solution-{}", lesson.number());
    let output = process::Command::new("cargo-mutants")
        .args(["mutants", "--list", "--json", "--package", &package])
        .current_dir(root)
        .output()
        .map_err(|error| cannot(&format!("{error}; to have it: cargo install cargo-mutants --locked")))?;
    if !output.status.success() {
        return Err(cannot(String::from_utf8_lossy(&output.stderr).trim()));
    }
    let listed: Vec<Value> =
        serde_json::from_slice(&output.stdout).map_err(|error| cannot(&error.to_string()))?;
    let folder = format!("solutions/{}/", lesson.name);
    let wanted = listed.iter().filter(|mutant| {
        let name = mutant["name"].as_str().unwrap_or_default();
        !SAME_AS_DELETED.iter().any(|same| name.contains(same))
    });
    wanted.map(|mutant| answer(mutant, &folder).ok_or_else(|| cannot("an entry is another"))).collect()
}

fn answer(mutant: &Value, folder: &str) -> Option<Answer> {
    let text = |field: &str| mutant[field].as_str();
    let place = |end: &str| {
        let number = |field: &str| usize::try_from(mutant["span"][end][field].as_u64()?).ok();
        Some(Place { line: number("line")?, column: number("column")? })
    };
    // A space on either side, where a word could grow together with its neighbour.
    let replacement = format!(" {} ", text("replacement")?);
    Some(Answer {
        name: text("name")?.strip_prefix(folder)?.to_owned(),
        kind: Kind::Mutant,
        file: text("file")?.strip_prefix(folder)?.to_owned(),
        change: Change::Span { from: place("start")?, to: place("end")?, text: replacement },
        whole: false,
    })
}

/// A solution may be more than its spec asks for, and have tests of its own: those of the channel, against real Node
/// and hostile peers. What the spec passes, they have to catch.
fn try_own_tests(site: &Site, outcomes: &mut [Outcome]) -> Result<(), Failure> {
    let copy = site.copy()?;
    let has_tests = |lesson: &Lesson| lesson.solution(copy.root()).join("tests").is_dir();
    for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_bad() && has_tests(&outcome.lesson)) {
        let Outcome { lesson, answer, finding, .. } = outcome;
        let put = |answer: &Answer| copy.put_as_solution(lesson, answer).map_err(Failure::work);
        put(answer)?;
        *finding = own_tests(site, &copy, lesson, answer)?;
        put(&Answer::solution())?;
        prove::tell(lesson, answer, finding);
    }
    Ok(())
}

fn own_tests(site: &Site, copy: &Copy, lesson: &Lesson, answer: &Answer) -> Result<Finding, Failure> {
    let mut cargo = site.cargo(copy);
    cargo.args(["test", "--package", &format!("solution-{}", lesson.number())]);
    // The second is what cargo says, also of a test program that has no words for it.
    let fails = |text: &str| text.contains(" ... FAILED") || text.contains("test failed, to rerun");
    let began = Instant::now();
    let end = captured(&mut cargo, OWN_TESTS_LIMIT, Some(&fails))?;
    if fails(&end.text) {
        let seconds = began.elapsed().as_secs_f64();
        return Ok(Finding::Good(format!("caught by the solution's own tests in {seconds:.1} s")));
    }
    let said = match end.status {
        None => return Ok(Finding::Good("caught: the solution's own tests do not end".into())),
        Some(status) if status.success() => "MISSED: the solution's own tests pass it",
        Some(_) => "its own tests cannot be run",
    };
    let report = site.keep(lesson, &answer.name, &end.text);
    Ok(Finding::Bad(format!("{said}; {report}")))
}
