//! `cargo workshop reset`: the starter again.

use crate::arguments;
use crate::failure::Failure;
use crate::keep::{self, Sources};
use crate::lesson::{self, Lesson};
use crate::{solve, workspace};
use clap::ArgMatches;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the command line can say.
pub fn command() -> clap::Command {
    arguments::verb(
        "reset",
        "Puts the starter back in place. Your files are kept",
        "Example:\n  cargo workshop reset 02\n\n\
         The starter comes from git, also after you have committed your own work. `cargo workshop restore 02` brings your files back.",
    )
    .arg(arguments::lesson("The lesson, such as 02").required(true))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let lesson = lesson::one(&root, arguments::required(matches, "lesson"))?;
    let kept = keep::replace(&root, &lesson, &starter(&root, &lesson)?)?;
    solve::tell(&lesson, "starter", kept.as_ref());
    Ok(())
}

/// The newest version in git that has every `todo!` of the chapter: one with fewer is a learner's own.
pub fn starter(root: &Path, lesson: &Lesson) -> Result<Sources, Failure> {
    let folder = format!("lessons/{}", lesson.name);
    let log = git(root, &["log", "--format=%H", "--", &folder])?;
    let expected = lesson.todos_of_the_chapter(root);
    for commit in String::from_utf8_lossy(&log).lines() {
        let sources = sources_of(root, commit, &folder)?;
        let of_file =
            |(file, bytes): (&PathBuf, &Vec<u8>)| lesson::holes_in(file, &String::from_utf8_lossy(bytes));
        let todos: BTreeSet<u32> = sources.iter().flat_map(of_file).map(|hole| hole.number).collect();
        if !todos.is_empty() && (1..=expected).all(|number| todos.contains(&number)) {
            return Ok(sources);
        }
    }
    Err(Failure::work(format!("git knows no starter of lesson {}", lesson.number())))
}

fn sources_of(root: &Path, commit: &str, folder: &str) -> Result<Sources, Failure> {
    let list = git(root, &["ls-tree", "-r", "-z", "--name-only", commit, "--", folder])?;
    let mut sources = Sources::new();
    for path in String::from_utf8_lossy(&list).split('\0').filter(|path| path.ends_with(".rs")) {
        let bytes = git(root, &["show", &format!("{commit}:./{path}")])?;
        if let Some(file) = path.strip_prefix(folder) {
            sources.insert(PathBuf::from(file.trim_start_matches('/')), bytes);
        }
    }
    Ok(sources)
}

fn git(root: &Path, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let cannot = |why: &str| Failure::work(format!("cannot get the starter from git: {why}"));
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| cannot(&error.to_string()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(cannot(String::from_utf8_lossy(&output.stderr).trim()))
}
