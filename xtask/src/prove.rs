//! `cargo xtask prove`: does each spec fail every wrong answer, with words that help, and pass every right one?

mod bank;
mod copy;
mod site;
mod stage;

pub use bank::Kind;
pub use bank::{Answer, Change, Place};
use clap::{ArgMatches, Command};
pub use copy::Copy;
pub use site::Site;
pub use stage::{Built, How};
use std::fs;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};
use workshop::failure::Failure;
use workshop::lesson::{self, Lesson};
use workshop::run::spec::{Run, Verdict};
use workshop::run::{interrupt, workspace};
use workshop::ui::arguments;
use workshop::ui::terminal::{columns, plain, print, say, wrap};

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "prove",
        "Runs the specs on the bank of wrong and right answers",
        "Examples:\n  cargo xtask prove\n  cargo xtask prove 02 --only \"log line\"\n  \
         cargo xtask prove 03 --runs 20\n\n\
         The answers are in tests/answers. Each is put in the place of the lesson's starter, in a copy of the \
         workspace. The spec of a wrong answer is ended as soon as a report says what it should, unless --runs asks \
         for whole runs. Exit status 1 when a spec passes a wrong answer, names another step, does not say what it \
         should, hangs, or fails a right answer.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: all)"))
    .arg(arguments::option("only", "NAME", "Only answers whose name contains this"))
    .arg(
        arguments::option("part", "K/N", "Only every Nth wrong answer, beginning with the Kth")
            .value_parser(parse_part),
    )
    .arg(arguments::flag("early", "With later steps unwritten: those after a mistake, or those after each step of a right answer"))
    .arg(
        arguments::option("runs", "N", "Run each spec to its end, N times, as a learner does")
            .value_parser(clap::value_parser!(u32).range(1..)),
    )
}

/// How many specs run at once. The next answer is built meanwhile.
const JOBS: u8 = 4;

/// How long one spec may run on one answer before it is said to hang.
pub const LIMIT: Duration = Duration::from_secs(300);

/// How long each wait of a spec may take on a right answer, in seconds: the machine is busy.
const PATIENT_SECONDS: u8 = 30;

/// The same on a wrong answer, as a learner has it.
const ORDINARY_SECONDS: u8 = 10;

/// What is said of a mistake that does not show while later steps are not written.
const HIDDEN: &str = "not seen before later steps are written";

/// How much of a report is repeated at the end: what failed, and what had happened by then.
const FIRST_LINES: usize = 60;

/// An answer to a lesson that is to be tried.
pub struct Trial {
    pub lesson: Lesson,
    pub answer: Answer,
}

/// What is left to do for the spec: to run, or nothing, since the answer could not be built.
type Attempt = (Trial, Result<Built, Finding>);

/// What came of an answer.
pub struct Outcome {
    pub lesson: Lesson,
    pub answer: Answer,
    pub finding: Finding,
    /// How long its spec ran, at most.
    took: Duration,
}

impl Outcome {
    /// Whether it is not as it should be. What is no program says nothing about a spec, if it is a mutant.
    pub fn is_bad(&self) -> bool {
        match self.finding {
            Finding::Good(_) => false,
            Finding::Bad(_) => true,
            Finding::DoesNotCompile(_) => !matches!(self.answer.kind, Kind::Mutant),
        }
    }
}

/// Whether an answer is as it should be, in words.
pub enum Finding {
    Good(String),
    Bad(String),
    /// It is no program.
    DoesNotCompile(String),
}

/// Tries the whole bank, or what the command line says of it.
///
/// # Errors
/// When an answer is not as it should be, or when something cannot be read, built or run.
pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let mut trials = read_banks(&root, arguments::text(matches, "lesson"), arguments::text(matches, "only"))?;
    if let Some((part, of)) = matches.get_one::<(usize, usize)>("part") {
        let mut wrong = 0..;
        trials.retain(|trial| match trial.answer.kind {
            Kind::Wrong { .. } => wrong.next().is_some_and(|number: usize| number % of + 1 == *part),
            _ => true,
        });
    }
    let site = Site::open(&root)?;
    interrupt::listen()?;
    let began = Instant::now();
    if matches.get_flag("early") {
        trials = begun(&root, trials)?;
    }
    let floor =
        Floor { site: &site, runs: matches.get_one("runs").copied(), early: matches.get_flag("early") };
    let outcomes = floor.try_all(trials)?;
    tell_about_wrong(&outcomes);
    conclude(&site, &outcomes, &["wrong", "right"], began)
}

/// Each right answer becomes several, of which each has one step more.
fn begun(root: &Path, trials: Vec<Trial>) -> Result<Vec<Trial>, Failure> {
    let mut all = Vec::new();
    for trial in trials {
        let Trial { lesson, answer } = &trial;
        let steps = lesson.marked(root).map_err(Failure::work)?.steps();
        let before_last = steps.iter().rev().skip(1).rev();
        let part = |last: &u32| Some(Trial { lesson: lesson.clone(), answer: answer.begun(*last)? });
        all.extend(before_last.filter_map(part));
        all.push(trial);
    }
    all.retain(|trial| !matches!(trial.answer.kind, Kind::Right));
    Ok(all)
}

/// What a thread has returned. Its panic goes on here.
fn joined<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// `1/3` is the first of three parts.
fn parse_part(text: &str) -> Result<(usize, usize), String> {
    let part = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    part.filter(|(part, of)| (1..=*of).contains(part))
        .ok_or_else(|| "it must be a part such as 1/3".to_owned())
}

fn read_banks(root: &Path, wanted: Option<&str>, only: Option<&str>) -> Result<Vec<Trial>, Failure> {
    let mut trials = Vec::new();
    for lesson in lesson::chosen(root, wanted)? {
        let mut answers = bank::read(root, &lesson)?;
        if answers.is_empty() {
            say(format!("{}: there is no bank of answers yet", lesson.name));
        }
        answers.insert(0, Answer::solution());
        if let Some(only) = only {
            answers.retain(|answer| answer.name.contains(only));
        }
        trials.extend(answers.into_iter().map(|answer| Trial { lesson: lesson.clone(), answer }));
    }
    if trials.is_empty() {
        return Err(Failure::input("there is no such answer"));
    }
    Ok(trials)
}

/// Where the workers are: one that builds, and several that run.
pub struct Floor<'a> {
    /// Where answers are built.
    pub site: &'a Site,
    /// How often each spec is to be run to its end. `None`: once, until it has said enough.
    pub runs: Option<u32>,
    /// The steps after the one with the mistake are not written yet.
    pub early: bool,
}

impl Floor<'_> {
    /// Tries all answers, and tells what comes of each.
    ///
    /// # Errors
    /// When something cannot be built or run, or when Ctrl-C was pressed.
    pub fn try_all(&self, trials: Vec<Trial>) -> Result<Vec<Outcome>, Failure> {
        // One builds, since cargo lets only one build in a folder; the others run what is built.
        let (built, to_run) = sync_channel(1);
        let to_run = Arc::new(Mutex::new(to_run));
        thread::scope(|scope| {
            let building = scope.spawn(|| self.build_all(trials, built));
            let run_all = |to_run: Arc<_>| scope.spawn(move || self.run_all(&to_run));
            let running: Vec<_> = (0..JOBS).map(|_| run_all(Arc::clone(&to_run))).collect();
            // When nobody runs anything any more, nobody has the receiver, and the builder hears of it.
            drop(to_run);
            let outcomes: Result<Vec<_>, Failure> = running.into_iter().map(joined).collect();
            joined(building)?;
            Ok(outcomes?.into_iter().flatten().collect())
        })
    }

    /// Builds one answer after another, and hands each on.
    fn build_all(&self, trials: Vec<Trial>, built: SyncSender<Attempt>) -> Result<(), Failure> {
        let copy = self.site.copy()?;
        for trial in trials {
            let Some(attempt) = self.build(&copy, &trial)? else { continue };
            if built.send((trial, attempt)).is_err() {
                // Whoever runs has failed, and says so.
                break;
            }
        }
        Ok(())
    }

    /// `None`: there is nothing to build, since the mistake is not in what is written.
    fn build(&self, copy: &Copy, trial: &Trial) -> Result<Option<Result<Built, Finding>>, Failure> {
        let Trial { lesson, answer } = trial;
        let put = match answer.kind {
            Kind::Wrong { step: last, .. } | Kind::Begun { last } if self.early => {
                copy.put_early(lesson, answer, last)
            }
            _ if self.early => Ok(None),
            _ => copy.put(lesson, answer).map(Some),
        };
        match put {
            Ok(None) => return Ok(None),
            Ok(Some(())) => {}
            Err(why) => {
                self.site.keep(lesson, &answer.name, &why);
                return Ok(Some(Err(Finding::Bad(why))));
            }
        }
        let built = self.site.build(copy, lesson)?.map_err(|said| {
            let report = self.site.keep(lesson, &answer.name, &said);
            Finding::DoesNotCompile(format!("it does not compile; {report}"))
        });
        Ok(Some(built))
    }

    /// Runs the spec on one answer after another.
    fn run_all(&self, to_run: &Mutex<Receiver<Attempt>>) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::new();
        loop {
            // A statement of its own, so that the lock is not held while the work is done.
            let next = to_run.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((Trial { lesson, answer }, built)) = next else { return Ok(outcomes) };
            let (finding, took) = match built {
                Ok(built) => self.prove_answer(&lesson, &answer, &built)?,
                Err(finding) => (finding, Duration::ZERO),
            };
            tell(&lesson, &answer, &finding);
            outcomes.push(Outcome { lesson, answer, finding, took });
        }
    }

    fn prove_answer(
        &self,
        lesson: &Lesson,
        answer: &Answer,
        built: &Built,
    ) -> Result<(Finding, Duration), Failure> {
        let enough = |text: &str| names_mistake(answer, text);
        let ends_early = self.runs.is_none() && !matches!(answer.kind, Kind::Right | Kind::Begun { .. });
        let wait_seconds = match answer.kind {
            Kind::Right | Kind::Begun { .. } => PATIENT_SECONDS,
            Kind::Wrong { .. } | Kind::Mutant => ORDINARY_SECONDS,
        };
        let how = How { limit: LIMIT, wait_seconds, enough: ends_early.then_some(&enough), checks: &[] };
        let (mut finding, mut took) = (String::new(), Duration::ZERO);
        for number in 1..=self.runs.unwrap_or(1) {
            let run = built.run(&how)?;
            took = took.max(run.took);
            let judge = if self.early { judge_early } else { judge };
            match judge(answer, &run) {
                Ok(what) => finding = what,
                Err(why) => {
                    let printed = format!("{}\n{}", run.build_output, run.output);
                    let report = self.site.keep(lesson, &answer.name, &printed);
                    let which = self.runs.map(|runs| format!("run {number} of {runs}: ")).unwrap_or_default();
                    return Ok((Finding::Bad(format!("{which}{why}; {report}")), took));
                }
            }
        }
        Ok((Finding::Good(finding), took))
    }
}

fn judge(answer: &Answer, run: &Run) -> Result<String, String> {
    let seconds = run.took.as_secs_f64();
    match (&answer.kind, &run.verdict) {
        (_, Verdict::DoesNotCompile) => Err("it does not compile".into()),
        (_, Verdict::Lacks(tool)) => Err(format!("its checks are left out: {tool} is not installed")),
        (Kind::Mutant, Verdict::Hangs) => Ok("caught, since the spec does not end".into()),
        (Kind::Mutant, Verdict::Red) => Ok(format!("caught in {seconds:.1} s")),
        (Kind::Mutant, Verdict::Green) => Err("MISSED: the spec passes it".into()),
        (_, Verdict::Hangs) => Err(format!("the spec hangs: it has not ended after {} s", LIMIT.as_secs())),
        (Kind::Right | Kind::Begun { .. }, Verdict::Green) => Ok(format!("passes in {seconds:.1} s")),
        (Kind::Right | Kind::Begun { .. }, Verdict::Red) => Err("the spec fails a right answer".into()),
        (Kind::Wrong { .. }, Verdict::Green) => Err("the spec passes a wrong answer".into()),
        (Kind::Wrong { step, says }, Verdict::Red) => {
            if let Some(panic) = own_panic(&run.output) {
                return Err(panic);
            }
            match steps_blamed(&run.output).as_slice() {
                [] => Err("the spec fails, but no check says why".into()),
                [blamed] if blamed == step && names_mistake(answer, &run.output) => {
                    Ok(format!("fails in {seconds:.1} s and says why"))
                }
                [blamed] if blamed == step => Err(format!("the spec fails, but does not say {says:?}")),
                blamed => Err(format!("the mistake is in step {step}, and the spec names {blamed:?}")),
            }
        }
    }
}

/// What is not written yet hides some mistakes. No report may name another step.
fn judge_early(answer: &Answer, run: &Run) -> Result<String, String> {
    let blamed = steps_blamed(&run.output);
    let Kind::Wrong { step, .. } = answer.kind else {
        return match (&run.verdict, blamed.as_slice()) {
            (Verdict::Red, []) => Ok("whatever fails, fails because of a todo!".into()),
            (Verdict::Red, blamed) => Err(format!("nothing is wrong, and the spec names {blamed:?}")),
            _ => judge(answer, run),
        };
    };
    match blamed.as_slice() {
        [] => Ok(HIDDEN.into()),
        [blamed] if *blamed == step => {
            Ok(format!("fails in {:.1} s as soon as step {step} is written", run.took.as_secs_f64()))
        }
        blamed => Err(format!("the mistake is in step {step}, and the spec names {blamed:?}")),
    }
}

/// What the spec says of each check that failed, and that fails in no earlier step. What it says of others is left out.
fn reports(output: &str) -> impl Iterator<Item = &str> {
    let ends = ["\nFAILS, TOO: ", "\nNOT WRITTEN YET: "];
    let end_of = move |text: &str| ends.iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    output.split("CHECK FAILED: ").skip(1).map(move |text| &text[..end_of(text)])
}

/// The step of the check that a report is about. Its name begins with it: `step_2_send::…`.
fn step_of(report: &str) -> Option<u32> {
    report.strip_prefix("step_")?.split('_').next()?.parse().ok()
}

/// The steps that the reports name.
fn steps_blamed(output: &str) -> Vec<u32> {
    let mut steps: Vec<u32> = reports(output).filter_map(step_of).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// Whether a report of the step in which the mistake is says all that it should. For a mutant, any failure is enough.
fn names_mistake(answer: &Answer, output: &str) -> bool {
    match &answer.kind {
        Kind::Right | Kind::Begun { .. } => false,
        Kind::Wrong { step, says } => reports(output)
            .any(|report| step_of(report) == Some(*step) && says.iter().all(|word| report.contains(word))),
        Kind::Mutant => output.contains("CHECK FAILED: ") || output.contains(" ... FAILED"),
    }
}

/// A panic in the spec or in its support is no help to a learner. Paths are those of the workspace.
fn own_panic(output: &str) -> Option<String> {
    let line =
        output.lines().find(|line| line.starts_with("thread '") && line.contains("panicked at tests/"))?;
    Some(format!("the spec itself panics: {line}"))
}

/// Says in a line what came of an answer.
pub fn tell(lesson: &Lesson, answer: &Answer, finding: &Finding) {
    let (kind, name) = (answer.kind_name(), &answer.name);
    let line = match finding {
        Finding::Good(what) => format!("{}  {kind}  {name}: {what}", lesson.number()),
        Finding::DoesNotCompile(_) if matches!(answer.kind, Kind::Mutant) => {
            format!("{}  {kind}  {name}: no program, it does not compile", lesson.number())
        }
        Finding::Bad(why) | Finding::DoesNotCompile(why) => {
            format!("{}  {kind}  NOT AS IT SHOULD BE: {name}: {why}", lesson.number())
        }
    };
    say(wrap(&line, 11, columns()));
}

/// Says again what came of an answer, and how what it printed begins: a log may be cut.
fn repeat(site: &Site, Outcome { lesson, answer, finding, .. }: &Outcome) {
    say("");
    tell(lesson, answer, finding);
    let printed = fs::read_to_string(site.report(lesson, &answer.name)).unwrap_or_default();
    print(first_lines(&printed));
}

/// How the first report or error of what was printed begins, without colors.
pub fn first_lines(printed: &str) -> String {
    let printed = plain(printed);
    let begins = |line: &&str| {
        ["CHECK FAILED", "error", "thread '"].iter().any(|word| line.trim_start().starts_with(word))
    };
    let lines = printed.lines().skip_while(|line| !begins(line)).take(FIRST_LINES);
    lines.map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// The lessons of these outcomes, in order.
fn lessons_of(outcomes: &[Outcome]) -> Vec<&Lesson> {
    let mut lessons: Vec<&Lesson> = outcomes.iter().map(|outcome| &outcome.lesson).collect();
    lessons.sort_by(|one, other| one.name.cmp(&other.name));
    lessons.dedup();
    lessons
}

/// How many wrong answers fail in a check of the step that their mistake is in, and how long that takes.
fn tell_about_wrong(outcomes: &[Outcome]) {
    let is_wrong = |outcome: &&Outcome| matches!(outcome.answer.kind, Kind::Wrong { .. });
    let wrong: Vec<_> = outcomes.iter().filter(is_wrong).collect();
    let Some(longest) = wrong.iter().max_by_key(|outcome| outcome.took) else { return };
    let is_hidden = |outcome: &&&Outcome| matches!(&outcome.finding, Finding::Good(what) if what == HIDDEN);
    let hidden = wrong.iter().filter(is_hidden).count();
    let right = wrong.iter().filter(|outcome| !outcome.is_bad()).count() - hidden;
    let hidden = if hidden > 0 { format!(", and {hidden} are {HIDDEN}") } else { String::new() };
    let average = wrong.iter().map(|outcome| outcome.took).sum::<Duration>() / wrong.len() as u32;
    let [average, most] = [average, longest.took].map(|time| time.as_secs_f64());
    let (lesson, name, all) = (longest.lesson.number(), &longest.answer.name, wrong.len());
    say(format!(
        "\n{right} of {all} wrong answers name the right step{hidden}. A red run takes {average:.1} s on average, and \
         {most:.1} s at most ({lesson}, {name})."
    ));
}

/// The table at the end, with a column for each kind of answers.
///
/// # Errors
/// When an answer is not as it should be.
pub fn conclude(site: &Site, outcomes: &[Outcome], kinds: &[&str], began: Instant) -> Result<(), Failure> {
    let row = |name: &str, columns: Vec<String>| {
        let columns: String = columns.iter().map(|column| format!(" {column:<15}")).collect();
        say(format!("{name:<14}{columns}").trim_end());
    };
    say("");
    row("lesson", kinds.iter().map(|kind| format!("{kind} answers")).collect());
    for lesson in lessons_of(outcomes) {
        let good_of_kind = |kind: &&str| {
            let is_meant =
                |outcome: &&Outcome| outcome.lesson == *lesson && outcome.answer.kind_name() == *kind;
            let all: Vec<_> = outcomes.iter().filter(is_meant).collect();
            format!("{} of {}", all.iter().filter(|outcome| !outcome.is_bad()).count(), all.len())
        };
        row(&lesson.name, kinds.iter().map(good_of_kind).collect());
    }
    let bad: Vec<_> = outcomes.iter().filter(|outcome| outcome.is_bad()).collect();
    bad.iter().for_each(|outcome| repeat(site, outcome));
    let (all, seconds) = (outcomes.len(), began.elapsed().as_secs());
    match (bad.len(), all) {
        (0, 1) => say(format!("\nThe answer is as it should be, after {seconds} s.")),
        (0, _) => say(format!("\nAll {all} answers are as they should be, after {seconds} s.")),
        (bad, _) => return Err(Failure::work(format!("{bad} of {all} answers are not as they should be"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_ends_where_the_next_one_begins() {
        let output = "\nCHECK FAILED: step_2_send::a\nthis\n\nFAILS, TOO: step_3_read::b\nthat\n\nCHECK FAILED: step_2_send::c\nit\n";
        assert_eq!(reports(output).collect::<Vec<_>>(), ["step_2_send::a\nthis\n", "step_2_send::c\nit\n"]);
    }
}
