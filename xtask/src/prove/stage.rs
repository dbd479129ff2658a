//! Building an answer, and running its spec apart from cargo: so the next answer is built meanwhile.

use super::copy::Copy;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use workshop::failure::Failure;
use workshop::lesson::Lesson;
use workshop::run::command::captured;
use workshop::run::spec::{Build, Run, Verdict};

/// How a spec is run.
pub struct How<'a> {
    /// How long it may run.
    pub limit: Duration,
    /// The limit of each of its waits, in seconds.
    pub wait_seconds: u8,
    /// Whether what it has printed so far is enough. `None`: it runs to its end, and prints what each check says
    /// below the check's name.
    pub enough: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// Only the checks whose names contain one of these words. Without a word: all.
    pub checks: &'a [String],
}

/// An answer that was built: its spec and its program, in a folder of their own, which is removed in the end.
pub struct Built {
    folder: PathBuf,
    spec: PathBuf,
    program: PathBuf,
    runs_in: PathBuf,
    /// What cargo said.
    pub output: String,
}

/// What came of building an answer. When it does not compile, what cargo said.
pub type Building = Result<Built, String>;

/// Builds the lesson's package with this cargo, and keeps the executables in `folder`.
///
/// # Errors
/// When cargo cannot be run, or when the executables cannot be kept.
pub fn build(mut cargo: Command, copy: &Copy, lesson: &Lesson, folder: PathBuf) -> Result<Building, Failure> {
    let build = Build::of(cargo.args(["test", "--package", &lesson.package(), "--test", "spec"]))?;
    if !build.succeeded {
        return Ok(Err(build.output));
    }
    let keep = |name: &str| {
        let built = build.executable(name).ok_or_else(|| io::Error::other("cargo did not make it"));
        let kept = folder.join(name);
        match built.and_then(|built| link(&built.path, &kept)) {
            Ok(()) => Ok(kept),
            Err(error) => Err(Failure::work(format!("cannot keep {}: {error}", kept.display()))),
        }
    };
    let (spec, program) = (keep("spec")?, keep(&lesson.package())?);
    let output = build.output;
    Ok(Ok(Built { runs_in: lesson.folder(copy.root()), folder, spec, program, output }))
}

/// A linker makes a new file and never writes into the old one, so a second name keeps what was built.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    if to.exists() {
        fs::remove_file(to)?;
    }
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}

impl Built {
    /// Runs the spec on the program.
    ///
    /// # Errors
    /// When it cannot be started, or when Ctrl-C was pressed.
    pub fn run(&self, how: &How) -> Result<Run, Failure> {
        let temporary = self.folder.join("tmp");
        fs::create_dir_all(&temporary)
            .map_err(|error| Failure::work(format!("cannot make {}: {error}", temporary.display())))?;
        let mut spec = Command::new(&self.spec);
        // A check mostly waits, so more of them at once than there are cores.
        spec.args(["--format", "pretty", "--test-threads", "4"]).current_dir(&self.runs_in);
        spec.args(how.enough.map(|_| "--nocapture")).args(how.checks);
        spec.env("WORKSHOP_PROGRAM", &self.program)
            .env("WORKSHOP_LIMIT_SECONDS", how.wait_seconds.to_string());
        spec.env("TMPDIR", &temporary).env("RUST_BACKTRACE", "0");
        let began = Instant::now();
        let end = captured(&mut spec, how.limit, how.enough)?;
        let took = began.elapsed();
        let verdict = match end.status {
            _ if how.enough.is_some_and(|enough| enough(&end.text)) => Verdict::Red,
            status => Verdict::of(status, &end.text),
        };
        Ok(Run { verdict, build_output: self.output.clone(), output: end.text, took })
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        // What stays is overwritten by the next answer.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
