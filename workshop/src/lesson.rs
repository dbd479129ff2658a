//! The lessons of the workshop, as the folders say.

use crate::failure::Failure;
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
}

/// All lessons that have a starter, in order.
///
/// # Errors
/// When the folder cannot be read.
pub fn all(root: &Path) -> Result<Vec<Lesson>, Failure> {
    let folder = root.join("lessons");
    let entries = fs::read_dir(&folder)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}", folder.display())))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.as_bytes().first().is_some_and(u8::is_ascii_digit))
        .collect();
    names.sort();
    Ok(names.into_iter().map(|name| Lesson { name }).collect())
}

/// The lessons that a person means: all, or the one with this number or name. `2`, `02`, `lesson-02`,
/// `02-endpoint` and `endpoint` are all the same lesson.
///
/// # Errors
/// When there is no such lesson.
pub fn chosen(root: &Path, wanted: Option<&str>) -> Result<Vec<Lesson>, Failure> {
    let all = all(root)?;
    let Some(wanted) = wanted else { return Ok(all) };
    let short = wanted.trim_start_matches("lesson-").trim_start_matches("solution-");
    let is_meant = |lesson: &Lesson| {
        lesson.name == short
            || lesson.number() == format!("{short:0>2}")
            || lesson.name.split_once('-').is_some_and(|(_, word)| word == short)
    };
    match all.iter().find(|lesson| is_meant(lesson)) {
        Some(lesson) => Ok(vec![lesson.clone()]),
        None => {
            let names: Vec<&str> = all.iter().map(|lesson| lesson.name.as_str()).collect();
            Err(Failure::input(format!("there is no lesson \"{wanted}\"; there are {}", names.join(", "))))
        }
    }
}
