//! One test in the making.

use crate::check::Check;
use crate::mail::{self, Mail};
use crate::process::{self, Info, Mark};
use crate::{Mailbox, Program, Transcript};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// One test in the making: which program it is about, its random inputs, and what happened so far.
///
/// Begin one with [`spec!`](crate::spec!). A clone is the same test.
#[derive(Clone)]
pub struct Spec {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub chapter: String,
    /// `lesson-NN` or `solution-NN`.
    pub package: String,
    program: PathBuf,
    /// The name of the test.
    pub test: Option<String>,
    pub seed: u64,
    random: Mutex<fastrand::Rng>,
    transcript: Transcript,
    /// The programs that this test started, for the process tree of a failure.
    started: Mutex<Vec<(u32, Mark)>>,
    /// The first `todo!` that a program of this test ran into.
    todo: Mutex<Option<String>>,
}

impl Spec {
    /// Begins a test. The seed of its inputs is random, or what `WORKSHOP_SEED` says.
    pub fn new(chapter: &str, package: &str, program: impl AsRef<Path>) -> Self {
        let seed = env::var("WORKSHOP_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(|| fastrand::u64(0..1_000_000));
        // libtest names each test's thread after the test, except where it runs them on the main one.
        let test = std::thread::current().name().filter(|name| *name != "main").map(str::to_owned);
        let transcript = Transcript::new();
        transcript.note("spec", format!("begins, with seed {seed}"));
        // Another build of the program, for example of an answer that `cargo xtask prove` tries.
        let program = env::var_os("WORKSHOP_PROGRAM").map_or(program.as_ref().to_owned(), PathBuf::from);
        Self {
            inner: Arc::new(Inner {
                chapter: chapter.to_owned(),
                package: package.to_owned(),
                program,
                test,
                seed,
                random: Mutex::new(fastrand::Rng::with_seed(seed)),
                transcript,
                started: Mutex::default(),
                todo: Mutex::default(),
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

    /// What a check is about: the section of the chapter that a learner should read when it fails
    /// (its heading, to the letter), and what the spec has done, in words.
    pub fn check(&self, section: &str, did: impl Into<String>) -> Check {
        Check::new(self, section, did.into())
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

    pub(crate) fn remember_started(&self, pid: u32, mark: &Mark) {
        self.inner.started.lock().unwrap().push((pid, mark.clone()));
    }

    /// A panic's message, as std prints it: the place on one line, what was said on the next.
    pub(crate) fn remember_panic(&self, place: &str, message: &str) {
        if let Some(task) = message.strip_prefix("not yet implemented") {
            let place =
                place.rsplit_once("panicked at ").map_or("", |(_, place)| place).trim_end_matches(':');
            let task = task.trim_start_matches(": ");
            self.inner.todo.lock().unwrap().get_or_insert(format!("todo {task}\n({place})"));
        }
    }

    pub(crate) fn todo(&self) -> Option<String> {
        self.inner.todo.lock().unwrap().clone()
    }

    /// Whether waiting is in vain: a program ran into a `todo!`, or every program of this test has ended.
    pub(crate) fn waits_in_vain(&self) -> bool {
        let started = self.inner.started.lock().unwrap().clone();
        let runs = |(pid, _): &(u32, Mark)| process::info(*pid).is_some_and(|info| !info.is_zombie());
        self.todo().is_some() || (!started.is_empty() && !started.iter().any(runs))
    }

    /// All programs of this test that run now, with everything that they have started.
    pub fn process_tree(&self) -> String {
        let started = self.inner.started.lock().unwrap().clone();
        let families = started.iter().flat_map(|(pid, mark)| process::family(*pid, mark));
        let mut members: Vec<Info> = families.collect();
        members.sort_by_key(|info| info.pid);
        members.dedup_by_key(|info| info.pid);
        process::tree(&members)
    }
}
