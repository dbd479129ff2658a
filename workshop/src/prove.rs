//! `cargo workshop prove`: does each spec fail every wrong answer, with words that help, and pass every right one?

mod bank;
mod copy;

use crate::arguments;
use crate::failure::Failure;
use crate::lesson::{self, Lesson};
use crate::spec::{Run, Spec, Verdict};
use crate::terminal::{columns, say, wrap};
use crate::{interrupt, workspace};
pub use bank::Answer;
use bank::Kind;
use clap::{ArgMatches, Command, value_parser};
pub use copy::Copy;
use nix::fcntl::{Flock, FlockArg};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "prove",
        "Runs the specs on the bank of wrong and right answers",
        "Examples:\n  cargo workshop prove\n  cargo workshop prove 02 --only \"log line\"\n\n\
         The answers are in tests/answers. Each is put in the place of the lesson's\n\
         starter, in a copy of the workspace. Exit status 1 when a spec passes a wrong\n\
         answer, does not say what it should, hangs, or fails a right answer.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: all)"))
    .arg(arguments::option("only", "NAME", "Only answers whose name contains this"))
    .arg(
        arguments::option(
            "jobs",
            "N",
            "How many copies of the workspace work at once, each on a lesson of its own",
        )
        .default_value("2")
        .value_parser(value_parser!(u8).range(1..=32)),
    )
}

/// How long one spec may run on one answer before it is said to hang.
pub const LIMIT: Duration = Duration::from_secs(180);

/// A lesson with its answers, and afterwards with what came of each.
struct Work {
    lesson: Lesson,
    answers: Vec<Answer>,
}

struct Outcome {
    lesson: Lesson,
    kind: &'static str,
    as_expected: bool,
}

struct Args {
    lesson: Option<String>,
    only: Option<String>,
    jobs: u8,
}

impl From<&ArgMatches> for Args {
    fn from(matches: &ArgMatches) -> Self {
        let text = |name| arguments::text(matches, name).map(str::to_owned);
        let jobs = matches.get_one::<u8>("jobs").copied().unwrap_or(2);
        Self { lesson: text("lesson"), only: text("only"), jobs }
    }
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let args = &Args::from(matches);
    let root = workspace::root()?;
    let work = read_banks(&root, args)?;
    let workshop = Workshop::open(&root)?;
    interrupt::listen(|| {})?;

    let jobs = usize::from(args.jobs).min(work.len());
    let queue = Mutex::new(work);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let workers: Vec<_> = (1..=jobs)
            .map(|number| {
                let (workshop, queue, outcomes) = (&workshop, &queue, &outcomes);
                scope.spawn(move || prove_lessons(workshop, number, queue, outcomes))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(Failure::work("a worker of prove panicked; see above")))
        })
    })?;
    conclude(&outcomes.into_inner().unwrap_or_default())
}

fn read_banks(root: &Path, args: &Args) -> Result<VecDeque<Work>, Failure> {
    let mut work = VecDeque::new();
    for lesson in lesson::chosen(root, args.lesson.as_deref())? {
        let mut answers = bank::read(root, &lesson)?;
        if answers.is_empty() {
            say(format!("{}: there is no bank of answers yet", lesson.name));
        }
        answers.insert(0, Answer::solution());
        if let Some(only) = &args.only {
            answers.retain(|answer| answer.name.contains(only));
        }
        if !answers.is_empty() {
            work.push_back(Work { lesson, answers });
        }
    }
    if work.is_empty() {
        return Err(Failure::input("there is no such answer"));
    }
    Ok(work)
}

/// Where the copies are and where they are built, for one run at a time.
pub struct Workshop {
    root: PathBuf,
    folder: PathBuf,
    _lock: Flock<File>,
}

impl Workshop {
    /// Opens the folder `prove` in cargo's target folder. What was compiled there before is used again.
    ///
    /// # Errors
    /// When it cannot be made, or when another run uses it.
    pub fn open(root: &Path) -> Result<Self, Failure> {
        let folder = workspace::target(root).join("prove");
        let cannot = |why: String| Failure::input(format!("cannot use {}: {why}", folder.display()));
        fs::create_dir_all(&folder).map_err(|error| cannot(error.to_string()))?;
        let file = File::create(folder.join("lock")).map_err(|error| cannot(error.to_string()))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| cannot("another `cargo workshop prove` or `starters` is running".into()))?;
        Ok(Self { root: root.to_owned(), folder, _lock: lock })
    }

    /// The copy with this number.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn copy(&self, number: usize) -> Result<Copy, Failure> {
        Copy::make(&self.root, &self.folder.join(format!("copy-{number}")))
    }

    /// Runs a lesson's spec in a copy. All copies are built in one target folder, so that a dependency is
    /// compiled once. Two copies must not run one lesson at the same time: its program has one path there.
    ///
    /// # Errors
    /// When cargo cannot be run.
    pub fn run(&self, copy: &Copy, lesson: &Lesson) -> Result<Run, Failure> {
        let package = lesson.package();
        let target = Some(self.folder.join("target"));
        Spec { root: copy.root(), package: &package, target, limit: LIMIT }.run()
    }

    /// Keeps what a run has printed, for a person to read, and says where.
    pub fn keep(&self, lesson: &Lesson, name: &str, run: &Run) -> String {
        let word: String =
            name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
        let path = self.folder.join("reports").join(format!("{}-{word}.txt", lesson.number()));
        let text = format!("{}\n{}", run.build_output, run.output);
        let written = fs::create_dir_all(self.folder.join("reports")).and_then(|()| fs::write(&path, text));
        match written {
            Ok(()) => format!("all that it printed is in {}", path.display()),
            Err(error) => format!("cannot keep what it printed: {error}"),
        }
    }
}

/// One worker: takes a lesson from the queue, and tries its answers one after another.
fn prove_lessons(
    workshop: &Workshop,
    number: usize,
    queue: &Mutex<VecDeque<Work>>,
    outcomes: &Mutex<Vec<Outcome>>,
) -> Result<(), Failure> {
    let copy = workshop.copy(number)?;
    loop {
        // A statement of its own, so that the lock is not held while the work is done.
        let next = queue.lock().ok().and_then(|mut queue| queue.pop_front());
        let Some(Work { lesson, answers }) = next else { return Ok(()) };
        for answer in &answers {
            let finding = prove_answer(workshop, &copy, &lesson, answer)?;
            tell(&lesson, answer, &finding);
            let outcome =
                Outcome { lesson: lesson.clone(), kind: answer.kind_name(), as_expected: finding.is_ok() };
            if let Ok(mut outcomes) = outcomes.lock() {
                outcomes.push(outcome);
            }
        }
    }
}

/// `Ok` says what the spec did, as it should; `Err` says what is not as it should be.
fn prove_answer(
    workshop: &Workshop,
    copy: &Copy,
    lesson: &Lesson,
    answer: &Answer,
) -> Result<Result<String, String>, Failure> {
    if let Err(why) = copy.put(lesson, answer) {
        return Ok(Err(why));
    }
    let run = workshop.run(copy, lesson)?;
    Ok(judge(answer, &run).map_err(|why| format!("{why}; {}", workshop.keep(lesson, &answer.name, &run))))
}

fn judge(answer: &Answer, run: &Run) -> Result<String, String> {
    let seconds = run.took.as_secs_f64();
    let missing = |words: &[String]| {
        let absent: Vec<_> = words.iter().filter(|word| !run.output.contains(*word)).collect();
        (!absent.is_empty()).then(|| format!("the spec fails, but does not say {absent:?}"))
    };
    match (&answer.kind, &run.verdict) {
        (_, Verdict::DoesNotCompile) => Err("it does not compile".into()),
        (_, Verdict::Hangs) => Err(format!("the spec hangs: it has not ended after {} s", LIMIT.as_secs())),
        (Kind::Right, Verdict::Green) => Ok(format!("passes in {seconds:.1} s")),
        (Kind::Right, Verdict::Red) => Err("the spec fails a right answer".into()),
        (Kind::Wrong(_), Verdict::Green) => Err("the spec passes a wrong answer".into()),
        (Kind::Wrong(words), Verdict::Red) => match missing(words).or_else(|| own_panic(&run.output)) {
            None => Ok(format!("fails in {seconds:.1} s and says why")),
            Some(why) => Err(why),
        },
    }
}

/// A panic in the spec or in its support is no help to a learner. Paths are those of the workspace.
fn own_panic(output: &str) -> Option<String> {
    let line =
        output.lines().find(|line| line.starts_with("thread '") && line.contains("panicked at tests/"))?;
    Some(format!("the spec itself panics: {line}"))
}

fn tell(lesson: &Lesson, answer: &Answer, finding: &Result<String, String>) {
    let (kind, name) = (answer.kind_name(), &answer.name);
    let line = match finding {
        Ok(what) => format!("{}  {kind}  {name}: {what}", lesson.number()),
        Err(why) => format!("{}  {kind}  NOT AS IT SHOULD BE: {name}: {why}", lesson.number()),
    };
    say(wrap(&line, 11, columns()));
}

/// The table at the end.
fn conclude(outcomes: &[Outcome]) -> Result<(), Failure> {
    let mut lessons: Vec<&Lesson> = outcomes.iter().map(|outcome| &outcome.lesson).collect();
    lessons.sort_by(|one, other| one.name.cmp(&other.name));
    lessons.dedup();
    say("\nlesson         wrong answers   right answers");
    for lesson in lessons {
        let of_kind = |kind: &str| {
            let all: Vec<_> =
                outcomes.iter().filter(|outcome| outcome.lesson == *lesson && outcome.kind == kind).collect();
            let good = all.iter().filter(|outcome| outcome.as_expected).count();
            format!("{good} of {}", all.len())
        };
        say(format!("{:<14} {:<15} {}", lesson.name, of_kind("wrong"), of_kind("right")));
    }
    match outcomes.iter().filter(|outcome| !outcome.as_expected).count() {
        0 => {
            say(format!("\nAll {} answers are as they should be.", outcomes.len()));
            Ok(())
        }
        bad => Err(Failure::work(format!("{bad} of {} answers are not as they should be", outcomes.len()))),
    }
}
