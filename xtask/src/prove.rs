//! `cargo xtask prove`: does each spec fail every wrong answer, with words that help, and pass every right one?

mod bank;
mod copy;
mod site;
mod stage;

pub use bank::Kind;
pub use bank::{Answer, Change, Place, read};
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
        "Examples:\n  cargo xtask prove\n  cargo xtask prove 02 --only \"log line\"\n\n\
         The answers are in tests/answers. Each is put in the place of the lesson's starter, in a copy of the \
         workspace. The spec of a wrong answer is ended as soon as a report says what it should. Exit status 1 \
         when a spec passes a wrong answer, does not say what it should, hangs, or fails a right answer.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: all)"))
    .arg(arguments::option("only", "NAME", "Only answers whose name contains this"))
}

/// How many specs run at once. The next answer is built meanwhile.
const JOBS: u8 = 4;

/// How long one spec may run on one answer before it is said to hang.
pub const LIMIT: Duration = Duration::from_secs(300);

/// How long each wait of a spec may take on a right answer, in seconds: the machine is busy.
const PATIENT_SECONDS: u8 = 30;

/// The same on a wrong answer, where some check waits in vain.
const IMPATIENT_SECONDS: u8 = 4;

/// How long each wait of a spec may take on a mutant. Only what really fails is to be called caught.
const MUTANT_SECONDS: u8 = 10;

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
    let trials = read_banks(&root, arguments::text(matches, "lesson"), arguments::text(matches, "only"))?;
    let site = Site::open(&root)?;
    interrupt::listen()?;
    let began = Instant::now();
    let outcomes = try_all(&site, trials)?;
    conclude(&site, &outcomes, &["wrong", "right"], began)
}

/// Tries all answers, and tells what comes of each.
///
/// # Errors
/// When something cannot be built or run, or when Ctrl-C was pressed.
pub fn try_all(site: &Site, trials: Vec<Trial>) -> Result<Vec<Outcome>, Failure> {
    let floor = &Floor { site };
    // One builds, since cargo lets only one build in a folder; the others run what is built.
    let (built, to_run) = sync_channel(1);
    let to_run = Arc::new(Mutex::new(to_run));
    thread::scope(|scope| {
        let building = scope.spawn(|| floor.build_all(trials, built));
        let run_all = |to_run: Arc<_>| scope.spawn(move || floor.run_all(&to_run));
        let running: Vec<_> = (0..JOBS).map(|_| run_all(Arc::clone(&to_run))).collect();
        // When nobody runs anything any more, nobody has the receiver, and the builder hears of it.
        drop(to_run);
        let outcomes: Result<Vec<_>, Failure> = running.into_iter().map(joined).collect();
        joined(building)?;
        Ok(outcomes?.into_iter().flatten().collect())
    })
}

/// What a thread has returned. Its panic goes on here.
fn joined<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn read_banks(root: &Path, wanted: Option<&str>, only: Option<&str>) -> Result<Vec<Trial>, Failure> {
    let mut trials = Vec::new();
    for lesson in lesson::chosen(root, wanted)? {
        let mut answers = bank::read(root, &lesson)?.answers;
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
struct Floor<'a> {
    site: &'a Site,
}

impl Floor<'_> {
    /// Builds one answer after another, and hands each on.
    fn build_all(&self, trials: Vec<Trial>, built: SyncSender<Attempt>) -> Result<(), Failure> {
        let copy = self.site.copy()?;
        for trial in trials {
            let attempt = self.build(&copy, &trial)?;
            if built.send((trial, attempt)).is_err() {
                // Whoever runs has failed, and says so.
                break;
            }
        }
        Ok(())
    }

    fn build(&self, copy: &Copy, trial: &Trial) -> Result<Result<Built, Finding>, Failure> {
        if let Err(why) = copy.put(&trial.lesson, &trial.answer) {
            self.site.keep(&trial.lesson, &trial.answer.name, &why);
            return Ok(Err(Finding::Bad(why)));
        }
        Ok(self.site.build(copy, &trial.lesson)?.map_err(|said| {
            let report = self.site.keep(&trial.lesson, &trial.answer.name, &said);
            Finding::DoesNotCompile(format!("it does not compile; {report}"))
        }))
    }

    /// Runs the spec on one answer after another.
    fn run_all(&self, to_run: &Mutex<Receiver<Attempt>>) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::new();
        loop {
            // A statement of its own, so that the lock is not held while the work is done.
            let next = to_run.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((Trial { lesson, answer }, built)) = next else { return Ok(outcomes) };
            let finding = match built {
                Ok(built) => self.prove_answer(&lesson, &answer, &built)?,
                Err(finding) => finding,
            };
            tell(&lesson, &answer, &finding);
            outcomes.push(Outcome { lesson, answer, finding });
        }
    }

    fn prove_answer(&self, lesson: &Lesson, answer: &Answer, built: &Built) -> Result<Finding, Failure> {
        let enough = |text: &str| says_enough(answer, text);
        let wait_seconds = match answer.kind {
            Kind::Right => PATIENT_SECONDS,
            Kind::Wrong(_) => IMPATIENT_SECONDS,
            Kind::Mutant => MUTANT_SECONDS,
        };
        let ends_early = !matches!(answer.kind, Kind::Right);
        let run = built.run(&How { limit: LIMIT, wait_seconds, enough: ends_early.then_some(&enough) })?;
        let printed = format!("{}\n{}", run.build_output, run.output);
        let report = self.site.keep(lesson, &answer.name, &printed);
        Ok(match judge(answer, &run) {
            Ok(what) => Finding::Good(what),
            Err(why) => Finding::Bad(format!("{why}; {report}")),
        })
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
        (Kind::Right, Verdict::Green) => Ok(format!("passes in {seconds:.1} s")),
        (Kind::Right, Verdict::Red) => Err("the spec fails a right answer".into()),
        (Kind::Wrong(_), Verdict::Green) => Err("the spec passes a wrong answer".into()),
        (Kind::Wrong(words), Verdict::Red) => {
            match (own_panic(&run.output), says_enough(answer, &run.output)) {
                (Some(panic), _) => Err(panic),
                (None, true) => Ok(format!("fails in {seconds:.1} s and says why")),
                (None, false) => Err(format!("the spec fails, but does not say {words:?}")),
            }
        }
    }
}

/// What the spec says of each check that failed.
fn reports(output: &str) -> impl Iterator<Item = &str> {
    output.split("CHECK FAILED: ").skip(1)
}

/// Whether one report says all that it should. For a mutant, any failure is enough.
fn says_enough(answer: &Answer, output: &str) -> bool {
    match &answer.kind {
        Kind::Right => false,
        Kind::Wrong(words) => reports(output).any(|report| words.iter().all(|word| report.contains(word))),
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
fn repeat(site: &Site, Outcome { lesson, answer, finding }: &Outcome) {
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
