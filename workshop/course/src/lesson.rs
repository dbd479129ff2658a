//! The lessons of the workshop, as the folders say.

use crate::Marked;
use crate::files;
use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};

/// A lesson: its starter, its solution, its spec and its chapter have one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// The name of its folders, such as `02-endpoint`.
    pub name: String,
}

impl Lesson {
    /// The two digits of its name.
    pub fn number(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// Its name without the number.
    pub fn word(&self) -> &str {
        self.name.split_once('-').map_or(&self.name, |(_, word)| word)
    }

    /// Whether it is the warm-up, lesson 00. It isn't counted, and no later lesson waits for it.
    pub fn is_warm_up(&self) -> bool {
        self.number() == "00"
    }

    /// The lesson after this one.
    pub fn following(&self, root: &Path) -> Option<Lesson> {
        all(root).ok()?.into_iter().find(|lesson| lesson.name > self.name)
    }

    /// The learner's package.
    pub fn package(&self) -> String {
        format!("lesson-{}", self.number())
    }

    /// The learner's folder.
    pub fn folder(&self, root: &Path) -> PathBuf {
        root.join("lessons").join(&self.name)
    }

    /// The reference folder.
    pub fn solution(&self, root: &Path) -> PathBuf {
        root.join("solutions").join(&self.name)
    }

    /// The files of its spec, as paths that begin at the root. The checks of each step are in a file of their own.
    pub fn spec_files(&self, root: &Path) -> Vec<PathBuf> {
        let folder = Path::new("tests").join(&self.name);
        let files = files::below(&root.join(&folder)).unwrap_or_default();
        files.into_iter().map(|file| folder.join(file)).collect()
    }

    /// The title of its chapter, with its number.
    pub fn title(&self, root: &Path) -> String {
        let chapter = self.chapter(root);
        let title = chapter.lines().find_map(|line| line.strip_prefix("# "));
        title.unwrap_or(&self.name).trim().to_owned()
    }

    /// The minutes that its chapter says.
    pub fn minutes(&self, root: &Path) -> Option<u32> {
        let chapter = self.chapter(root);
        chapter.lines().find_map(|line| line.strip_prefix("*About ")?.split(' ').next()?.parse().ok())
    }

    /// The names of the checks that its spec has, step by step, as its text says: for a program that does not compile.
    pub fn check_names(&self, root: &Path) -> Vec<String> {
        let names_in = |file: PathBuf| {
            let module = file.file_stem().and_then(OsStr::to_str).filter(|name| *name != "main");
            let module = module.map(|name| format!("{name}::")).unwrap_or_default();
            let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
            tests_in(&text).into_iter().map(move |name| format!("{module}{name}"))
        };
        self.spec_files(root).into_iter().flat_map(names_in).collect()
    }

    /// Its solution, with the marks that say what a learner writes.
    ///
    /// # Errors
    /// When the solution cannot be read.
    pub fn marked(&self, root: &Path) -> Result<Marked, String> {
        Marked::read(root, &self.name)
    }

    /// How much of the task is written in these files.
    ///
    /// # Errors
    /// When the solution cannot be read.
    pub fn written(&self, root: &Path, sources: &files::Sources) -> Result<Written, String> {
        let of = self.marked(root)?.steps();
        let holes = self.holes_of(root, sources)?;
        let is_written = |step: &&u32| !holes.iter().any(|hole| hole.step == **step);
        Ok(Written { steps: of.iter().filter(is_written).count(), of: of.len() })
    }

    /// The `todo!`s that are left in the learner's files, in the order of their steps.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn holes(&self, root: &Path) -> Result<Vec<Hole>, String> {
        self.holes_of(root, &files::read(&self.folder(root))?)
    }

    /// The `todo!`s that are left in these files. Those of a file that is missing are left, too.
    ///
    /// # Errors
    /// When the solution cannot be read.
    pub fn holes_of(&self, root: &Path, sources: &files::Sources) -> Result<Vec<Hole>, String> {
        let mut texts = self.marked(root)?.starter();
        texts.extend(sources.iter().map(|(file, bytes)| (file.clone(), files::text(bytes))));
        let mut holes: Vec<Hole> = texts.iter().flat_map(|(file, text)| holes_in(file, text)).collect();
        holes.sort_by_key(|hole| hole.step);
        Ok(holes)
    }

    /// The numbers of the steps that are not written yet, in order.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn steps_left(&self, root: &Path) -> Result<Vec<u32>, String> {
        let mut steps: Vec<u32> = self.holes(root)?.iter().map(|hole| hole.step).collect();
        steps.dedup();
        Ok(steps)
    }

    /// The text of its chapter; empty when there is none.
    pub fn chapter(&self, root: &Path) -> String {
        fs::read_to_string(root.join("book/src").join(format!("{}.md", self.name))).unwrap_or_default()
    }
}

/// How much of a task is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The steps that are written.
    pub steps: usize,
    /// All steps.
    pub of: usize,
}

impl Display for Written {
    fn fmt(&self, to: &mut Formatter) -> fmt::Result {
        write!(to, "{} of {} steps written", self.steps, self.of)
    }
}

/// A `todo!("N: …")`.
pub struct Hole {
    /// N, the number of the step.
    pub step: u32,
    /// What is to be written.
    pub text: String,
    /// The file, as a path that begins at the lesson's folder.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

/// The names of the tests in a file of a spec.
fn tests_in(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim);
    let mut names = Vec::new();
    while lines.any(|line| line == "#[test]") {
        let mut ignored = false;
        let name = lines.find_map(|line| {
            ignored |= line.starts_with("#[ignore");
            line.strip_prefix("fn ")?.split_once('(').map(|(name, _)| name)
        });
        // What is ignored is no check: another process of the spec runs it, or a person who wants figures.
        names.extend(name.filter(|_| !ignored).map(str::to_owned));
    }
    names
}

/// The holes in a source. One in a comment does not count.
fn holes_in(file: &Path, source: &str) -> Vec<Hole> {
    let hole = |(begin, _): (usize, &str)| {
        let (before, todo) = source.split_at(begin);
        let is_comment = before.rsplit('\n').next()?.trim_start().starts_with("//");
        let todo = todo.strip_prefix("todo!(")?.trim_start().strip_prefix('"').filter(|_| !is_comment)?;
        let (number, rest) = todo.split_once(':')?;
        let text = rest.split_once("\")").map_or(rest, |(text, _)| text).trim().to_owned();
        let line = before.matches('\n').count() + 1;
        Some(Hole { step: number.parse().ok()?, text, file: file.to_owned(), line })
    };
    source.match_indices("todo!(").filter_map(hole).collect()
}

/// All lessons, in order. One whose folder was deleted is still there: it can be put back.
///
/// # Errors
/// When the folder cannot be read.
pub fn all(root: &Path) -> Result<Vec<Lesson>, String> {
    let folder = root.join("solutions");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.as_bytes().first().is_some_and(u8::is_ascii_digit))
        .collect();
    names.sort();
    Ok(names.into_iter().map(|name| Lesson { name }).collect())
}

/// The lessons that count: all but the warm-up.
///
/// # Errors
/// When the folder cannot be read.
pub fn counted(root: &Path) -> Result<Vec<Lesson>, String> {
    Ok(all(root)?.into_iter().filter(|lesson| !lesson.is_warm_up()).collect())
}

/// The lessons that a person means: all, or the one with this number or name. `2`, `02`, `lesson-02`,
/// `02-endpoint` and `endpoint` are all the same lesson.
///
/// # Errors
/// When there is no such lesson.
pub fn chosen(root: &Path, wanted: Option<&str>) -> Result<Vec<Lesson>, String> {
    let all = all(root)?;
    let Some(wanted) = wanted else { return Ok(all) };
    let short = wanted.trim_start_matches("lesson-").trim_start_matches("solution-");
    let is_meant = |lesson: &Lesson| {
        lesson.name == short || lesson.number() == format!("{short:0>2}") || lesson.word() == short
    };
    match all.iter().find(|lesson| is_meant(lesson)) {
        Some(lesson) => Ok(vec![lesson.clone()]),
        None => {
            let names: Vec<&str> = all.iter().map(|lesson| lesson.name.as_str()).collect();
            Err(format!("there is no lesson \"{wanted}\"; there are {}", names.join(", ")))
        }
    }
}

/// The one lesson that a person means.
///
/// # Errors
/// When there is no such lesson.
pub fn one(root: &Path, wanted: &str) -> Result<Lesson, String> {
    chosen(root, Some(wanted))?.pop().ok_or_else(|| "there are no lessons".to_owned())
}
