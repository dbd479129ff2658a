//! `cargo xtask starters`: lessons/ from the marks in solutions/.

mod run;

use clap::{Arg, ArgMatches, Command};
use course::files::write_if_new;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use workshop::failure::Failure;
use workshop::lesson;
use workshop::run::workspace;
use workshop::ui::arguments;
use workshop::ui::terminal::say;

/// What the command line can say.
pub fn command() -> Command {
    let run = Arg::new("run").long("run").value_name("LESSON").num_args(0..=1).conflicts_with("check");
    arguments::verb(
        "starters",
        "Writes lessons/ from the marks in solutions/",
        "Examples:\n  cargo xtask starters\n  cargo xtask starters --check\n  cargo xtask starters --run 02\n\n\
         What --run checks: a starter compiles without a warning, and what it fails, it fails because of a todo!. Each \
         step turns a check of its own green as soon as it and those before it are written.",
    )
    .arg(arguments::flag("check", "Only say which files of lessons/ differ from what the marks say"))
    .arg(run.help("Run the specs on the starters, or on this lesson's, instead of writing them"))
}

/// Writes the starters, compares them, or runs them.
pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    if matches.contains_id("run") {
        return run::run(&root, arguments::text(matches, "run"));
    }
    match matches.get_flag("check") {
        true => check(&root),
        false => write(&root),
    }
}

/// Writes what differs, and removes sources that no solution has.
pub fn write(root: &Path) -> Result<(), Failure> {
    for (path, text) in differences(root)? {
        let cannot = |error: io::Error| Failure::work(format!("cannot write {}: {error}", path.display()));
        let place = root.join(&path);
        match text {
            Some(text) => {
                write_if_new(&place, text.as_bytes()).map_err(cannot)?;
                say(format!("wrote {}", path.display()));
            }
            None => {
                fs::remove_file(&place).map_err(cannot)?;
                say(format!("removed {}", path.display()));
            }
        }
    }
    Ok(())
}

/// An error when a file differs, after a line for each.
fn check(root: &Path) -> Result<(), Failure> {
    let differences = differences(root)?;
    for (path, text) in &differences {
        let what =
            if text.is_some() { "differs from what the solution's marks say" } else { "is in no solution" };
        say(format!("{} {what}", path.display()));
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(Failure::work("to write lessons/ anew: cargo xtask starters"))
    }
}

/// Each file of lessons/ that is not as it should be, with the text that it should have. `None`: it should not be there.
fn differences(root: &Path) -> Result<Vec<(PathBuf, Option<String>)>, Failure> {
    let mut differences = Vec::new();
    for lesson in lesson::all(root)? {
        let folder = Path::new("lessons").join(&lesson.name);
        let marked = lesson.marked(root)?;
        let mut files = marked.starter();
        files.insert("Cargo.toml".into(), marked.manifest());
        let superfluous = course::sources(&root.join(&folder))
            .map_err(|error| Failure::input(format!("cannot read {}: {error}", folder.display())))?;
        for file in superfluous.into_iter().filter(|file| !files.contains_key(file)) {
            differences.push((folder.join(file), None));
        }
        for (file, text) in files {
            let path = folder.join(file);
            // Windows' line ends are the same text.
            let same = fs::read_to_string(root.join(&path)).is_ok_and(|old| old.lines().eq(text.lines()));
            if !same {
                differences.push((path, Some(text)));
            }
        }
    }
    Ok(differences)
}
