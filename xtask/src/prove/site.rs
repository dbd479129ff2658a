//! Where answers are built and run: a copy of the workspace, and what came of it.

use super::copy::Copy;
use super::stage::{self, Building};
use course::files::write_if_new;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use workshop::failure::Failure;
use workshop::lesson::Lesson;
use workshop::run::workspace;

/// Where the copy is and where it is built, for one run at a time.
pub struct Site {
    root: PathBuf,
    folder: PathBuf,
    stages: AtomicUsize,
    _lock: Flock<File>,
}

impl Site {
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
        stage::build(self.cargo(copy), copy, lesson, folder)
    }

    /// cargo, to be run in the copy.
    pub fn cargo(&self, copy: &Copy) -> process::Command {
        let mut cargo = workspace::cargo(copy.root());
        // Nobody looks into these executables with a debugger, and they are linked faster without.
        cargo.env("CARGO_TARGET_DIR", self.folder.join("target")).env("CARGO_PROFILE_DEV_DEBUG", "false");
        cargo
    }

    /// Keeps what a run has printed, for a person to read, and says where.
    pub fn keep(&self, lesson: &Lesson, name: &str, printed: &str) -> String {
        let path = self.report(lesson, name);
        match write_if_new(&path, printed.as_bytes()) {
            Ok(()) => format!("all that it printed is in {}", path.display()),
            Err(error) => format!("cannot keep what it printed: {error}"),
        }
    }

    /// Where this is kept.
    pub fn report(&self, lesson: &Lesson, name: &str) -> PathBuf {
        let word = name.replace(|letter: char| !letter.is_alphanumeric(), "-");
        self.folder.join("reports").join(format!("{}-{word}.txt", lesson.number()))
    }
}
