//! `cargo xtask prove`: does each spec fail every wrong answer, with words that help, and pass every right one?

mod bank;
mod copy;
mod stage;

pub use bank::Kind;
pub use bank::{Answer, Change, Place, read};
use clap::{Arg, ArgMatches, Command, value_parser};
pub use copy::Copy;
use nix::fcntl::{Flock, FlockArg};
pub use stage::{Building, Built, How};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use workshop::failure::Failure;
use workshop::lesson::files::write_if_new;
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
    .arg(jobs_argument())
    .arg(arguments::flag("whole", "Let the spec of a wrong answer run to its end, and keep all that it says"))
}

/// `--jobs`, for all that try answers.
pub fn jobs_argument() -> Arg {
    arguments::option("jobs", "N", "How many specs run at once; the next answer is built meanwhile")
        .default_value("4")
        .value_parser(value_parser!(u8).range(1..=32))
}

/// What `--jobs` says.
pub fn jobs(matches: &ArgMatches) -> u8 {
    matches.get_one("jobs").copied().unwrap_or(4)
}

/// How long one spec may run on one answer before it is said to hang.
pub const LIMIT: Duration = Duration::from_secs(300);

/// How long each wait of a spec may take on a right answer, in seconds: the machine is busy.
const PATIENT_SECONDS: u8 = 30;

/// The same on a wrong answer, where some check waits in vain.
const IMPATIENT_SECONDS: u8 = 4;

/// How long each wait of a spec may take on a mutant. Only what really fails is to be called caught.
const MUTANT_SECONDS: u8 = 10;

/// How much of a report is repeated at the end.
const FIRST_LINES: usize = 12;

/// An answer to a lesson that is to be tried.
pub struct Task {
    pub lesson: Lesson,
    pub answer: Answer,
}

/// What is left to do for the spec: to run, or nothing, since the answer could not be built.
type Attempt = (Task, Result<Built, Finding>);

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
    let tasks = read_banks(&root, arguments::text(matches, "lesson"), arguments::text(matches, "only"))?;
    let workshop = Workshop::open(&root)?;
    interrupt::listen(|| {})?;
    let began = Instant::now();
    let outcomes = try_all(&workshop, tasks, jobs(matches), matches.get_flag("whole"))?;
    conclude(&workshop, &outcomes, &["wrong", "right"], began)
}

/// Tries all answers, and tells what comes of each.
///
/// # Errors
/// When something cannot be built or run, or when Ctrl-C was pressed.
pub fn try_all(
    workshop: &Workshop,
    tasks: Vec<Task>,
    jobs: u8,
    whole: bool,
) -> Result<Vec<Outcome>, Failure> {
    let floor = Floor { workshop, whole, outcomes: Mutex::default(), stopped: AtomicBool::new(false) };
    // One builds, since cargo lets only one build in a folder; the others run what is built.
    let (built, to_run) = sync_channel(1);
    let to_run = Mutex::new(to_run);
    thread::scope(|scope| {
        let building = scope.spawn(|| floor.build_all(tasks, built));
        let running: Vec<_> = (0..jobs).map(|_| scope.spawn(|| floor.run_all(&to_run))).collect();
        let all = std::iter::once(building).chain(running);
        all.map(|worker| worker.join().unwrap_or_else(|_| Err(Failure::work("a worker panicked; see above"))))
            // Everybody is waited for, whoever failed.
            .fold(Ok(()), Result::and)
    })?;
    Ok(floor.outcomes.into_inner().unwrap_or_default())
}

fn read_banks(root: &Path, wanted: Option<&str>, only: Option<&str>) -> Result<Vec<Task>, Failure> {
    let mut tasks = Vec::new();
    for lesson in lesson::chosen(root, wanted)? {
        let mut answers = bank::read(root, &lesson)?.answers;
        if answers.is_empty() {
            say(format!("{}: there is no bank of answers yet", lesson.name));
        }
        answers.insert(0, Answer::solution());
        if let Some(only) = only {
            answers.retain(|answer| answer.name.contains(only));
        }
        tasks.extend(answers.into_iter().map(|answer| Task { lesson: lesson.clone(), answer }));
    }
    if tasks.is_empty() {
        return Err(Failure::input("there is no such answer"));
    }
    Ok(tasks)
}

/// Where the copy is and where it is built, for one run at a time.
pub struct Workshop {
    root: PathBuf,
    folder: PathBuf,
    stages: AtomicUsize,
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
            .map_err(|_| cannot("another `cargo xtask prove` or `starters` is running".into()))?;
        Ok(Self { root: root.to_owned(), folder, stages: AtomicUsize::new(0), _lock: lock })
    }

    /// The copy of the workspace.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn copy(&self) -> Result<Copy, Failure> {
        Copy::make(&self.root, &self.folder.join("copy"))
    }

    /// Builds what is in the copy in the place of this lesson's starter.
    ///
    /// # Errors
    /// When cargo cannot be run.
    pub fn build(&self, copy: &Copy, lesson: &Lesson) -> Result<Building, Failure> {
        let number = self.stages.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join("stages").join(number.to_string());
        stage::build(copy, &self.folder.join("target"), lesson, folder)
    }

    /// cargo, to be run in the copy.
    pub fn cargo(&self, copy: &Copy) -> process::Command {
        stage::cargo(copy, &self.folder.join("target"))
    }

    /// Keeps what a run has printed, for a person to read, and says where.
    pub fn keep(&self, lesson: &Lesson, name: &str, printed: &str) -> String {
        let path = self.report(lesson, name);
        match write_if_new(&path, printed.as_bytes()) {
            Ok(()) => format!("all that it printed is in {}", path.display()),
            Err(error) => format!("cannot keep what it printed: {error}"),
        }
    }

    fn report(&self, lesson: &Lesson, name: &str) -> PathBuf {
        let word = name.replace(|letter: char| !letter.is_alphanumeric(), "-");
        self.folder.join("reports").join(format!("{}-{word}.txt", lesson.number()))
    }

    /// Says again which answers are not as they should be, and how what they printed begins: a log may be cut.
    pub fn repeat(&self, outcomes: &[&Outcome]) {
        for Outcome { lesson, answer, finding } in outcomes {
            say("");
            tell(lesson, answer, finding);
            let printed = fs::read_to_string(self.report(lesson, &answer.name)).unwrap_or_default();
            print(plain(&first_lines(&printed)));
        }
    }
}

/// Where the workers are: one that builds, and several that run.
struct Floor<'a> {
    workshop: &'a Workshop,
    whole: bool,
    outcomes: Mutex<Vec<Outcome>>,
    stopped: AtomicBool,
}

impl Floor<'_> {
    /// Builds one answer after another, and hands each on.
    fn build_all(&self, tasks: Vec<Task>, built: SyncSender<Attempt>) -> Result<(), Failure> {
        let copy = self.workshop.copy()?;
        for task in tasks {
            if self.stopped.load(Ordering::SeqCst) {
                break;
            }
            let attempt = self.build(&copy, &task)?;
            // An error means that nobody runs anything any more, which is told elsewhere.
            let _ = built.send((task, attempt));
        }
        Ok(())
    }

    fn build(&self, copy: &Copy, task: &Task) -> Result<Result<Built, Finding>, Failure> {
        if let Err(why) = copy.put(&task.lesson, &task.answer) {
            self.workshop.keep(&task.lesson, &task.answer.name, &why);
            return Ok(Err(Finding::Bad(why)));
        }
        Ok(match self.workshop.build(copy, &task.lesson)? {
            Building::Done(built) => Ok(built),
            Building::Failed(said) => {
                let report = self.workshop.keep(&task.lesson, &task.answer.name, &said);
                Err(Finding::DoesNotCompile(format!("it does not compile; {report}")))
            }
        })
    }

    /// Runs the spec on one answer after another.
    fn run_all(&self, to_run: &Mutex<Receiver<Attempt>>) -> Result<(), Failure> {
        loop {
            // A statement of its own, so that the lock is not held while the work is done.
            let next = to_run.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((Task { lesson, answer }, built)) = next else { return Ok(()) };
            let finding = match built {
                Ok(built) => self.prove_answer(&lesson, &answer, &built),
                Err(finding) => Ok(finding),
            };
            let Ok(finding) = finding else {
                // Takes what the builder still hands on, so that it does not wait for ever.
                self.stopped.store(true, Ordering::SeqCst);
                to_run.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(drop);
                return finding.map(|_| ());
            };
            tell(&lesson, &answer, &finding);
            let outcome = Outcome { lesson, answer, finding };
            self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        }
    }

    fn prove_answer(&self, lesson: &Lesson, answer: &Answer, built: &Built) -> Result<Finding, Failure> {
        let enough = |text: &str| says_enough(answer, text);
        let wait_seconds = match answer.kind {
            Kind::Right => PATIENT_SECONDS,
            Kind::Wrong(_) => IMPATIENT_SECONDS,
            Kind::Mutant => MUTANT_SECONDS,
        };
        let ends_early = !self.whole && !matches!(answer.kind, Kind::Right);
        let run = built.run(&How { limit: LIMIT, wait_seconds, enough: ends_early.then_some(&enough) })?;
        let printed = format!("{}\n{}", run.build_output, run.output);
        let report = self.workshop.keep(lesson, &answer.name, &printed);
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
                (None, false) => Err(format!("the spec fails, but {}", missing(words, &run.output))),
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

fn missing(words: &[String], output: &str) -> String {
    let absent: Vec<_> =
        words.iter().filter(|word| !reports(output).any(|report| report.contains(*word))).collect();
    match absent.as_slice() {
        [] => format!("no report says all of {words:?}"),
        _ => format!("does not say {absent:?}"),
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

/// How the first report or error of what was printed begins.
fn first_lines(printed: &str) -> String {
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
pub fn conclude(
    workshop: &Workshop,
    outcomes: &[Outcome],
    kinds: &[&str],
    began: Instant,
) -> Result<(), Failure> {
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
    workshop.repeat(&bad);
    let (all, seconds) = (outcomes.len(), began.elapsed().as_secs());
    match (bad.len(), all) {
        (0, 1) => say(format!("\nThe answer is as it should be, after {seconds} s.")),
        (0, _) => say(format!("\nAll {all} answers are as they should be, after {seconds} s.")),
        (bad, _) => return Err(Failure::work(format!("{bad} of {all} answers are not as they should be"))),
    }
    Ok(())
}
