//! What is done: found by running specs, and remembered until the lesson's files change.

use crate::failure::Failure;
use crate::lesson::{Lesson, Written, begin, files, keep};
use crate::run::spec::{self, Run, Verdict};
use crate::ui::terminal::note;
use observe::tool;
use serde_json::{Value, json};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// How far a lesson is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Some steps are not written yet.
    Writing(Written),
    /// No `todo!` is left, but the spec is not green.
    Red { passed: usize, of: usize },
    /// The spec is green.
    Green { of: usize },
    /// The solution is in place, which is known to be green. Its spec need not be run.
    Solution,
    /// The spec has left its checks out, since this tool is missing.
    Lacks(String),
}

impl State {
    /// Whether there is nothing left to do.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Green { .. } | Self::Solution)
    }
}

/// The memory in `.workshop/progress.json`. A file that is missing or broken is an empty memory.
pub struct Progress {
    path: PathBuf,
    memory: Value,
}

impl Progress {
    /// Reads what is remembered.
    pub fn load(root: &Path) -> Self {
        let path = root.join(".workshop/progress.json");
        let memory = fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .filter(Value::is_object)
            .unwrap_or_else(|| json!({}));
        Self { path, memory }
    }

    /// How far a lesson is. Its spec is run when nothing is known of its files as they are now.
    ///
    /// # Errors
    /// When the files cannot be read, or cargo cannot be run.
    pub fn state(&mut self, root: &Path, lesson: &Lesson) -> Result<State, Failure> {
        if let Some(state) = self.known(root, lesson)? {
            return Ok(state);
        }
        note(format!("Running the spec of lesson {} …", lesson.number()));
        let run = spec::run(root, &lesson.package())?;
        Ok(self.remember(root, lesson, &run))
    }

    /// How far a lesson is, as far as that is known without running its spec.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn known(&self, root: &Path, lesson: &Lesson) -> Result<Option<State>, Failure> {
        let mine = files::read(&lesson.folder(root))?;
        let written = lesson.written(root, &mine)?;
        if written.steps < written.of {
            return Ok(Some(State::Writing(written)));
        }
        match self.remembered(root, lesson) {
            // A run that went wrong weighs more: a machine may lack what even the solution needs.
            None | Some(State::Green { .. }) if keep::same(&mine, &keep::solution(root, lesson)?) => {
                Ok(Some(State::Solution))
            }
            remembered => Ok(remembered),
        }
    }

    /// Notes what came of a run of a lesson's spec.
    pub fn remember(&mut self, root: &Path, lesson: &Lesson, run: &Run) -> State {
        let checks = run.checks();
        let passed = checks.iter().filter(|check| check.passed).count();
        let of = checks.len().max(lesson.check_count(root));
        let state = match run.verdict {
            Verdict::Green => State::Green { of },
            Verdict::Lacks(tool) => State::Lacks(tool.into()),
            _ => State::Red { passed, of },
        };
        let lacks = if let State::Lacks(tool) = &state { Some(tool) } else { None };
        // By name, so that a lesson that gets another number keeps its progress.
        object(&mut self.memory["lessons"])[lesson.word()] = json!({
            "fingerprint": fingerprint(root, lesson),
            "green": state.is_done(),
            "passed": passed,
            "of": of,
            "lacks": lacks,
            "step": begin::with(root, lesson, run).and_then(|begin| begin.step()),
        });
        self.save();
        state
    }

    /// What is remembered of the lesson's files as they are now.
    fn entry(&self, root: &Path, lesson: &Lesson) -> Option<&Value> {
        let known = self.memory.get("lessons")?.get(lesson.word())?;
        (known["fingerprint"] == json!(fingerprint(root, lesson))).then_some(known)
    }

    fn remembered(&self, root: &Path, lesson: &Lesson) -> Option<State> {
        let known = self.entry(root, lesson)?;
        if let Some(lacking) = known["lacks"].as_str() {
            // When it is here now, its checks are still to be run.
            return tool::find(lacking).is_none().then(|| State::Lacks(lacking.to_owned()));
        }
        let number = |field: &str| usize::try_from(known[field].as_u64()?).ok();
        let (passed, of) = (number("passed")?, number("of")?);
        Some(if known["green"].as_bool()? { State::Green { of } } else { State::Red { passed, of } })
    }

    /// The step that the last check told the learner to begin with. `None` when the files are others since then.
    pub fn step_told(&self, root: &Path, lesson: &Lesson) -> Option<u32> {
        u32::try_from(self.entry(root, lesson)?.get("step")?.as_u64()?).ok()
    }

    /// How many hints were shown for this step.
    pub fn hints_shown(&self, lesson: &Lesson, step: u32) -> usize {
        let shown = self.memory["hints"][lesson.word()][step.to_string()].as_u64();
        shown.and_then(|shown| usize::try_from(shown).ok()).unwrap_or(0)
    }

    /// Notes how many hints were shown for this step.
    pub fn show_hints(&mut self, lesson: &Lesson, step: u32, count: usize) {
        let hints = object(&mut self.memory["hints"]);
        object(&mut hints[lesson.word()])[step.to_string()] = json!(count);
        self.save();
    }

    /// Not being able to remember, as in a folder that is read-only, is no failure.
    fn save(&self) {
        if let Err(error) = self.try_save() {
            note(format!("note: cannot remember this in {}: {error}", self.path.display()));
        }
    }

    fn try_save(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        // Renamed into place, so that another run never reads half a file.
        let new = self.path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&new, format!("{:#}\n", self.memory))?;
        fs::rename(new, &self.path)
    }
}

/// The value as an object: what is something else was not written here.
fn object(value: &mut Value) -> &mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    value
}

/// A number that changes when the lesson's sources, its manifest or its spec change. An editor's swap files and locks
/// are none of these.
pub fn fingerprint(root: &Path, lesson: &Lesson) -> u64 {
    let sources = steps::sources(&lesson.folder(root)).unwrap_or_default();
    let in_folder = sources.into_iter().chain([PathBuf::from(files::MANIFEST)]);
    let mut hasher = DefaultHasher::new();
    // As paths that begin at the root, so that a workshop which moves to another folder keeps its progress.
    let folder = lesson.folder(Path::new(""));
    for file in in_folder.map(|file| folder.join(file)).chain([lesson.spec(Path::new(""))]) {
        fs::read(root.join(&file)).unwrap_or_default().hash(&mut hasher);
        file.hash(&mut hasher);
    }
    hasher.finish()
}
