//! How far a learner is with each lesson, as the last run of its spec said.

use crate::files::{self, MANIFEST};
use crate::lesson::{self, Lesson, Written};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// How far a lesson is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Some steps are not written yet.
    Writing(Written),
    /// No `todo!` is left, and the spec has not run since.
    Unchecked,
    /// No `todo!` is left, but the spec is not green.
    Red {
        /// How many checks passed.
        passed: usize,
        /// How many there are.
        of: usize,
    },
    /// The spec is green.
    Green {
        /// How many checks there are.
        of: usize,
    },
    /// The solution is in place, which is known to be green. Its spec need not be run.
    Solution,
    /// The spec left its checks out, since this tool was missing.
    Lacks(String),
}

impl State {
    /// Whether there is nothing left to do.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Green { .. } | Self::Solution)
    }
}

/// The memory in `.workshop/progress`, a line `LESSON.FIELD = VALUE` for each thing. A file that is missing, or a line that
/// is broken, is forgotten.
pub struct Progress {
    path: PathBuf,
    /// Names and values.
    entries: Vec<(String, String)>,
}

impl Progress {
    /// Reads what is remembered.
    pub fn load(root: &Path) -> Self {
        let path = root.join(".workshop/progress");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let entry = |line: &str| line.split_once(" = ").map(|(name, value)| (name.into(), value.into()));
        Self { path, entries: text.lines().filter_map(entry).collect() }
    }

    /// How far a lesson is, without running its spec.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn state(&self, root: &Path, lesson: &Lesson) -> Result<State, String> {
        let mine = files::read(&lesson.folder(root))?;
        let written = lesson.written(root, &mine)?;
        if written.steps < written.of {
            return Ok(State::Writing(written));
        }
        let remembered = self.remembered(root, lesson);
        // A run that went wrong weighs more: a machine may lack what even the solution needs.
        if matches!(remembered, None | Some(State::Green { .. })) && has_solution(root, lesson, &mine)? {
            return Ok(State::Solution);
        }
        Ok(remembered.unwrap_or(State::Unchecked))
    }

    /// How far each lesson is, without running any spec.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn states(&self, root: &Path) -> Result<Vec<(Lesson, State)>, String> {
        let state = |lesson: Lesson| self.state(root, &lesson).map(|state| (lesson, state));
        lesson::all(root)?.into_iter().map(state).collect()
    }

    /// The lesson that a learner works on: the first that isn't done. Whoever has begun another lesson has decided not to
    /// finish the warm-up.
    pub fn next<'a>(&self, lessons: &'a [(Lesson, State)]) -> Option<&'a (Lesson, State)> {
        let is_skipped =
            lessons.iter().any(|(lesson, state)| !lesson.is_warm_up() && self.has_begun(lesson, state));
        let is_left = |lesson: &Lesson| !(is_skipped && lesson.is_warm_up());
        lessons.iter().find(|(lesson, state)| !state.is_done() && is_left(lesson))
    }

    /// Whether a step is written, or a check or a hint was asked for.
    fn has_begun(&self, lesson: &Lesson, state: &State) -> bool {
        let is_untouched = matches!(state, State::Writing(written) if written.steps == 0);
        let field = format!("{}.", lesson.word());
        !is_untouched || self.entries.iter().any(|(name, _)| name.starts_with(&field))
    }

    fn remembered(&self, root: &Path, lesson: &Lesson) -> Option<State> {
        self.is_of_these_files(root, lesson).then_some(())?;
        let number = |field| self.get(lesson, field)?.parse().ok();
        Some(match self.get(lesson, "state")? {
            "green" => State::Green { of: number("of")? },
            "red" => State::Red { passed: number("passed")?, of: number("of")? },
            tool => State::Lacks(tool.strip_prefix("lacks ")?.to_owned()),
        })
    }

    /// Remembers what a run of a lesson's spec said, and the step that the learner was told to begin with.
    ///
    /// # Errors
    /// When it cannot be written, as in a folder that is read-only.
    pub fn remember(
        &mut self,
        root: &Path,
        lesson: &Lesson,
        state: &State,
        step: Option<u32>,
    ) -> Result<(), String> {
        let (word, passed, of) = match state {
            State::Green { of } => ("green".to_owned(), *of, *of),
            State::Red { passed, of } => ("red".to_owned(), *passed, *of),
            State::Lacks(tool) => (format!("lacks {tool}"), 0, 0),
            State::Writing(_) | State::Unchecked | State::Solution => return Ok(()),
        };
        self.set(lesson, "files", fingerprint(root, lesson).to_string());
        self.set(lesson, "state", word);
        self.set(lesson, "passed", passed.to_string());
        self.set(lesson, "of", of.to_string());
        self.set(lesson, "step", step.map_or_else(String::new, |step| step.to_string()));
        self.save()
    }

    /// The step that the last check told the learner to begin with. `None` when the files have changed since then.
    pub fn step_told(&self, root: &Path, lesson: &Lesson) -> Option<u32> {
        self.get(lesson, "step")?.parse().ok().filter(|_| self.is_of_these_files(root, lesson))
    }

    /// How many hints were shown for this step.
    pub fn hints_shown(&self, lesson: &Lesson, step: u32) -> usize {
        self.get(lesson, &format!("hints.{step}")).and_then(|shown| shown.parse().ok()).unwrap_or(0)
    }

    /// Remembers how many hints were shown for this step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn show_hints(&mut self, lesson: &Lesson, step: u32, count: usize) -> Result<(), String> {
        self.set(lesson, &format!("hints.{step}"), count.to_string());
        self.save()
    }

    fn is_of_these_files(&self, root: &Path, lesson: &Lesson) -> bool {
        self.get(lesson, "files") == Some(&fingerprint(root, lesson).to_string())
    }

    /// By the lesson's name, so that a lesson that gets another number keeps its progress.
    fn get(&self, lesson: &Lesson, field: &str) -> Option<&str> {
        let wanted = format!("{}.{field}", lesson.word());
        self.entries.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
    }

    fn set(&mut self, lesson: &Lesson, field: &str, value: String) {
        let wanted = format!("{}.{field}", lesson.word());
        self.entries.retain(|(name, _)| *name != wanted);
        self.entries.push((wanted, value));
    }

    fn save(&self) -> Result<(), String> {
        let text: String = self.entries.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let write = || -> io::Result<()> {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            // Renamed into place, so that another run never reads half a file.
            let new = self.path.with_extension(format!("{}.new", std::process::id()));
            fs::write(&new, text)?;
            fs::rename(new, &self.path)
        };
        write().map_err(|error| format!("cannot remember this in {}: {error}", self.path.display()))
    }
}

/// Whether these are the solution's files, whatever their line ends and whatever Cargo.toml says.
fn has_solution(root: &Path, lesson: &Lesson, mine: &files::Sources) -> Result<bool, String> {
    let solution = lesson.marked(root)?.solution();
    let mut mine = mine.iter().filter(|(file, _)| *file != Path::new(MANIFEST));
    let count = mine.clone().count();
    let is_same = |(file, bytes): (&PathBuf, &Vec<u8>)| solution.get(file) == Some(&files::text(bytes));
    Ok(count == solution.len() && mine.all(is_same))
}

/// A number that changes when the lesson's sources, its manifest or its spec change.
pub fn fingerprint(root: &Path, lesson: &Lesson) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files_of(root, lesson) {
        fs::read(root.join(&file)).unwrap_or_default().hash(&mut hasher);
        file.hash(&mut hasher);
    }
    hasher.finish()
}

/// The files that decide whether a lesson's spec is green, as paths that begin at the root: so a workshop that moves to
/// another folder keeps its progress. An editor's swap files and locks are none of these.
fn files_of(root: &Path, lesson: &Lesson) -> Vec<PathBuf> {
    let sources = crate::sources(&lesson.folder(root)).unwrap_or_default();
    let in_folder = sources.into_iter().chain([PathBuf::from(MANIFEST)]);
    let folder = lesson.folder(Path::new(""));
    in_folder.map(|file| folder.join(file)).chain(lesson.spec_files(root)).collect()
}
