//! One test in the making.

use crate::check::Check;
use crate::mail::{self, Mail};
use crate::process::{self, Info, Mark};
use crate::{Mailbox, Program, Transcript, order};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{env, fs};

/// One test in the making: which program it is about, its random inputs, and what happened so far.
///
/// Begin one with [`spec!`](crate::spec!). A clone is the same test.
#[derive(Clone)]
pub struct Spec {
    pub(crate) inner: Arc<Inner>,
}

/// Where a test stands: see [`spec!`](crate::spec!).
pub struct Place {
    /// The module's path, whose last part begins with `step_N`.
    pub module: &'static str,
    /// The folder of the package, `lessons/NN-name` or `solutions/NN-name`.
    pub folder: &'static str,
    /// `lesson-NN` or `solution-NN`.
    pub package: &'static str,
    /// The lesson's program.
    pub program: &'static str,
}

impl Place {
    /// A shell in the place of lesson 01's program, in a check of step 3: for the tests of this package.
    pub const SHELL: Self = Self {
        module: "spec::step_3_count",
        folder: "lessons/01-blocking",
        package: "lesson-01",
        program: "/bin/sh",
    };

    /// The step of the task, or 0. `test` is the name of the test, where it is known.
    fn step(&self, test: Option<&str>) -> u32 {
        let step_in = |path: &str| {
            path.rsplit("::").find_map(|part| part.strip_prefix("step_")?.split('_').next()?.parse().ok())
        };
        // A spec may begin in a function that all steps share.
        test.and_then(step_in).or_else(|| step_in(self.module)).unwrap_or(0)
    }

    /// The name of the chapter, which is the folder's.
    fn chapter(&self) -> &str {
        Path::new(self.folder).file_name().and_then(OsStr::to_str).unwrap_or_default()
    }

    /// The heading of a step in the chapter, such as `2. Send one mail`.
    fn heading(&self, step: u32) -> Option<String> {
        // A test runs in its package's folder. Where that was when it was compiled says nothing: see `node_program`.
        let chapter = format!("../../book/src/{}.md", self.chapter());
        let begin = format!("### {step}. ");
        let text = fs::read_to_string(chapter).ok()?;
        text.lines().find(|line| line.starts_with(&begin)).map(|line| line[4..].to_owned())
    }
}

pub(crate) struct Inner {
    pub chapter: String,
    /// `lesson-NN` or `solution-NN`.
    pub package: String,
    program: PathBuf,
    /// The name of the test.
    pub test: Option<String>,
    /// The step of the task that it checks.
    pub step: u32,
    /// The heading of that step in the chapter.
    pub heading: Option<String>,
    pub seed: u64,
    random: Mutex<fastrand::Rng>,
    transcript: Transcript,
    /// The programs that this test started, for the process tree of a failure.
    started: Mutex<Vec<Started>>,
    /// The first `todo!` that a program of this test ran into, and the first one of this step or an earlier one.
    todos: Mutex<[Option<Todo>; 2]>,
    /// What the last other panic of a program said, and where.
    panic: Mutex<Option<String>>,
    later_steps: Mutex<LaterSteps>,
}

/// What the `todo!` of a later step means to a check.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LaterSteps {
    /// That the check cannot pass yet.
    #[default]
    Matter,
    /// Nothing yet: what the check is about comes before it, or beside it.
    DoNotMatter,
    /// That the check passes: what it is about was done.
    MayEndIt,
}

#[derive(Clone)]
struct Started {
    pid: u32,
    mark: Mark,
    /// Whether it waits for nobody but those whom the check is about. A broker is busy all the time.
    counts: bool,
}

/// A `todo!` that a program ran into.
#[derive(Clone)]
pub(crate) struct Todo {
    pub step: u32,
    /// Its text and its place.
    pub text: String,
}

impl Spec {
    /// Begins a test. The seed of its inputs is random, or what `WORKSHOP_SEED` says.
    pub fn new(place: Place) -> Self {
        let seed = env::var("WORKSHOP_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(|| fastrand::u64(0..1_000_000));
        // libtest names each test's thread after the test, except where it runs them on the main one.
        let test = std::thread::current().name().filter(|name| *name != "main").map(str::to_owned);
        let step = place.step(test.as_deref());
        order::begin(test.as_deref().unwrap_or(place.module), step);
        let transcript = Transcript::new();
        transcript.note("spec", format!("begins, with seed {seed}"));
        // Another build of the program, for example of an answer that `cargo xtask prove` tries.
        let program = env::var_os("WORKSHOP_PROGRAM").map_or_else(|| place.program.into(), PathBuf::from);
        Self {
            inner: Arc::new(Inner {
                chapter: place.chapter().to_owned(),
                package: place.package.to_owned(),
                program,
                test,
                step,
                heading: place.heading(step),
                seed,
                random: Mutex::new(fastrand::Rng::with_seed(seed)),
                transcript,
                started: Mutex::default(),
                todos: Mutex::default(),
                panic: Mutex::default(),
                later_steps: Mutex::default(),
            }),
        }
    }

    /// The lesson's program, ready to be given arguments and started.
    pub fn program(&self) -> Program {
        Program::new(self, &self.inner.program, &self.inner.package)
    }

    /// Another program, for example `node`, watched in the same way.
    pub fn other_program(&self, program: impl AsRef<Path>, name: &str) -> Program {
        Program::new(self, program.as_ref(), name)
    }

    /// Where the lesson's program lies.
    pub fn program_path(&self) -> &Path {
        &self.inner.program
    }

    /// A mailbox of its own for this test, on a free port.
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::for_spec_at(self, "127.0.0.1")
    }

    /// A mailbox on another address of this machine, as if it ran on another host.
    pub fn mailbox_at(&self, address: &str) -> Mailbox {
        Mailbox::for_spec_at(self, address)
    }

    /// What a check is about: what the spec has done, in words.
    pub fn check(&self, did: impl Into<String>) -> Check {
        Check::new(self, did.into())
    }

    /// A check that passes as soon as its own step and those before it are written: what comes after it is in
    /// [`Check::as_far_as_written`].
    pub fn early_check(&self, did: impl Into<String>) -> Check {
        self.later_steps(LaterSteps::DoNotMatter);
        self.check(did)
    }

    /// Notes a step of the test in the transcript.
    pub fn note(&self, what: impl AsRef<str>) {
        self.inner.transcript.note("spec", what);
    }

    /// The transcript of this test.
    pub(crate) fn transcript(&self) -> &Transcript {
        &self.inner.transcript
    }

    /// A random number in `range`, from the seed of this test.
    pub fn number(&self, range: std::ops::Range<usize>) -> usize {
        self.inner.random.lock().unwrap().usize(range)
    }

    /// A random lower case word, such as a person's name.
    pub fn word(&self) -> String {
        let mut random = self.inner.random.lock().unwrap();
        let length = random.usize(5..10);
        (0..length).map(|_| random.lowercase()).collect()
    }

    /// A random mail that every part of the workshop takes.
    pub fn mail(&self) -> Mail {
        mail::random(self)
    }

    /// That many random mails, each with a recipient of its own.
    pub fn mails(&self, count: usize) -> Vec<Mail> {
        (0..count).map(|_| self.mail()).collect()
    }

    pub(crate) fn remember_started(&self, pid: u32, mark: &Mark, counts: bool) {
        self.inner.started.lock().unwrap().push(Started { pid, mark: mark.clone(), counts });
    }

    /// A panic's message, as std prints it: the place on one line, what was said on the next.
    pub(crate) fn remember_panic(&self, place: &str, message: &str) {
        let panicked_at = place.rsplit_once("panicked at ").map(|(_, place)| place.trim_end_matches(':'));
        let Some(task) = message.strip_prefix("not yet implemented") else {
            if let Some(place) = panicked_at {
                *self.inner.panic.lock().unwrap() = Some(format!("{message}\n({place})"));
            }
            return;
        };
        let place = panicked_at.unwrap_or_default();
        let task = task.trim_start_matches(": ");
        // The text of a `todo!` of the workshop is `N: what to write`.
        let step = task.split(':').next().and_then(|step| step.parse().ok()).unwrap_or(0);
        let todo = Todo { step, text: format!("todo {task}\n({place})") };
        let [first, early] = &mut *self.inner.todos.lock().unwrap();
        first.get_or_insert_with(|| todo.clone());
        if step <= self.inner.step {
            early.get_or_insert(todo);
        }
    }

    /// The `todo!` that a program ran into: the first one, or, where later steps do not matter, the first one that does.
    pub(crate) fn todo(&self) -> Option<Todo> {
        let [first, early] = &*self.inner.todos.lock().unwrap();
        let ignored = *self.inner.later_steps.lock().unwrap() == LaterSteps::DoNotMatter;
        if ignored { early.clone() } else { first.clone() }
    }

    /// What the last panic of a program said that was not a `todo!`, and where.
    pub(crate) fn last_panic(&self) -> Option<String> {
        self.inner.panic.lock().unwrap().clone()
    }

    pub(crate) fn later_steps(&self, mean: LaterSteps) {
        *self.inner.later_steps.lock().unwrap() = mean;
    }

    /// Whether a check that has come so far passes when the program runs into this `todo!`.
    pub(crate) fn may_end_at(&self, todo: &Todo) -> bool {
        todo.step > self.inner.step && *self.inner.later_steps.lock().unwrap() == LaterSteps::MayEndIt
    }

    /// Whether waiting is in vain: a program ran into a `todo!`, or every program of this test has ended.
    pub(crate) fn waits_in_vain(&self) -> bool {
        let started = self.inner.started.lock().unwrap().clone();
        let runs = |it: &Started| process::info(it.pid).is_some_and(|info| !info.is_zombie());
        self.todo().is_some() || (!started.is_empty() && !started.iter().any(runs))
    }

    /// The programs of this test that the check is about, with everything that they have started.
    pub(crate) fn family(&self) -> Vec<Info> {
        self.families(|started| started.counts)
    }

    /// All programs of this test that run now, with everything that they have started.
    pub fn process_tree(&self) -> String {
        process::tree(&self.families(|_| true))
    }

    fn families(&self, is_meant: impl Fn(&Started) -> bool) -> Vec<Info> {
        let started = self.inner.started.lock().unwrap().clone();
        let meant = started.iter().filter(|started| is_meant(started));
        let mut members: Vec<Info> = meant.flat_map(|it| process::family(it.pid, &it.mark)).collect();
        members.sort_by_key(|info| info.pid);
        members.dedup_by_key(|info| info.pid);
        members
    }
}
