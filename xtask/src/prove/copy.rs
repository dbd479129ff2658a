//! A copy of the workspace, in which a lesson's starter can be replaced by any answer.

use super::bank::Answer;
use course::files::{self, write_if_new};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use workshop::failure::Failure;
use workshop::lesson::Lesson;

/// A copy of the workspace: what git knows, and what is new and not ignored. Never the target folder.
pub struct Copy {
    root: PathBuf,
    original: PathBuf,
}

impl Copy {
    /// Makes the copy, or brings it up to date. A file that has not changed is not touched, so that cargo does
    /// not compile it again.
    ///
    /// # Errors
    /// When git does not list the files, or a file cannot be copied.
    pub fn make(original: &Path, root: &Path) -> Result<Self, Failure> {
        let cannot = |error: io::Error| {
            Failure::work(format!("cannot copy the workspace to {}: {error}", root.display()))
        };
        let files = files_of(original)?;
        fs::create_dir_all(root).map_err(cannot)?;
        for file in files::below(root).map_err(cannot)? {
            if !files.contains(&file) {
                fs::remove_file(root.join(&file)).map_err(cannot)?;
            }
        }
        for file in &files {
            write_if_new(&root.join(file), &fs::read(original.join(file)).map_err(cannot)?)
                .map_err(cannot)?;
        }
        Ok(Self { root: root.to_owned(), original: original.to_owned() })
    }

    /// The folder of the copy.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts the answer in the place of the lesson's starter. The package stays the lesson's.
    ///
    /// # Errors
    /// When the answer's change does not fit the solution, or a file cannot be written.
    pub fn put(&self, lesson: &Lesson, answer: &Answer) -> Result<(), String> {
        self.write(lesson, answer, &lesson.folder(&self.root), |text| course::as_lesson(text, &lesson.name))
    }

    /// Puts the starter in its place, with the steps up to this one written.
    ///
    /// # Errors
    /// When the solution cannot be read, or a file cannot be written.
    pub fn put_steps(&self, lesson: &Lesson, last: u32) -> Result<(), String> {
        self.write_files(lesson, &lesson.marked(&self.original)?.written_up_to(last))
    }

    fn write_files(&self, lesson: &Lesson, files: &BTreeMap<PathBuf, String>) -> Result<(), String> {
        for (file, text) in files {
            write_if_new(&lesson.folder(&self.root).join(file), text.as_bytes())
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        Ok(())
    }

    /// As [`put`](Self::put), but what comes after this step is not written yet. `None`: the answer changes what is given, or a later step.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn put_early(&self, lesson: &Lesson, answer: &Answer, last: u32) -> Result<Option<()>, String> {
        let file = Path::new(&answer.file);
        let mut marked = lesson.marked(&self.original)?;
        let before = [0, last].map(|last| marked.written_up_to(last));
        let text = fs::read_to_string(lesson.solution(&self.original).join(file));
        let Ok(changed) = answer.apply_to(text.map_err(|error| error.to_string())?) else { return Ok(None) };
        marked.put(file, &changed)?;
        let files = marked.written_up_to(last);
        if files == before[1] || marked.starter() != before[0] {
            return Ok(None);
        }
        self.write_files(lesson, &files).map(Some)
    }

    /// Puts the answer in the place of the lesson's solution.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_as_solution(&self, lesson: &Lesson, answer: &Answer) -> Result<(), String> {
        self.write(lesson, answer, &lesson.solution(&self.root), str::to_owned)
    }

    fn write(
        &self,
        lesson: &Lesson,
        answer: &Answer,
        folder: &Path,
        named: impl Fn(&str) -> String,
    ) -> Result<(), String> {
        let solution = lesson.solution(&self.original);
        let sources = course::sources(&solution).map_err(|error| error.to_string())?;
        if !answer.file.is_empty() && !sources.contains(&PathBuf::from(&answer.file)) {
            return Err(format!("there is no file {} in solutions/{}", answer.file, lesson.name));
        }
        for file in &sources {
            let mut text = fs::read_to_string(solution.join(file)).map_err(|error| error.to_string())?;
            if *file == Path::new(&answer.file) {
                text = answer.apply(&text)?;
            }
            write_if_new(&folder.join(file), named(&text).as_bytes())
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        Ok(())
    }
}

fn files_of(root: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let cannot =
        |why: &str| Failure::input(format!("cannot list the files of the workspace with git: {why}"));
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        // Set when a git hook runs us; they would mean another repository.
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE")
        .output()
        .map_err(|error| cannot(&error.to_string()))?;
    if !output.status.success() {
        return Err(cannot(String::from_utf8_lossy(&output.stderr).trim()));
    }
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    // A file that was deleted but not committed is still listed.
    Ok(listed.split('\0').filter(|name| root.join(name).is_file()).map(PathBuf::from).collect())
}
