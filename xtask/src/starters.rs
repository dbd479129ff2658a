//! `cargo xtask starters`: lessons/ from the marks in solutions/.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use steps::Lesson;

/// Writes what differs, and removes sources that no solution has.
pub fn write(root: &Path) -> Result<(), String> {
    for (path, text) in differences(root)? {
        let cannot = |error: io::Error| format!("cannot write {}: {error}", path.display());
        let place = root.join(&path);
        match text {
            Some(text) => {
                if let Some(folder) = place.parent() {
                    fs::create_dir_all(folder).map_err(cannot)?;
                }
                fs::write(&place, text).map_err(cannot)?;
                println!("wrote {}", path.display());
            }
            None => {
                fs::remove_file(&place).map_err(cannot)?;
                println!("removed {}", path.display());
            }
        }
    }
    Ok(())
}

/// An error when a file differs, after a line for each.
pub fn check(root: &Path) -> Result<(), String> {
    let differences = differences(root)?;
    for (path, text) in &differences {
        let what =
            if text.is_some() { "differs from what the solution's marks say" } else { "is in no solution" };
        println!("{} {what}", path.display());
    }
    if differences.is_empty() { Ok(()) } else { Err("to write lessons/ anew: cargo xtask starters".into()) }
}

/// Each file of lessons/ that is not as it should be, with the text that it should have. `None`: it should not be there.
fn differences(root: &Path) -> Result<Vec<(PathBuf, Option<String>)>, String> {
    let mut differences = Vec::new();
    for name in names(&root.join("solutions"))? {
        let lesson = Lesson::read(root, &name)?;
        let folder = Path::new("lessons").join(&name);
        let mut files = lesson.starter();
        files.insert("Cargo.toml".into(), lesson.manifest());
        let superfluous = steps::sources(&root.join(&folder))
            .map_err(|error| format!("cannot read lessons/{name}: {error}"))?;
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

/// The names of the lessons, in order.
pub fn names(solutions: &Path) -> Result<BTreeSet<String>, String> {
    let cannot = |error: io::Error| format!("cannot read {}: {error}", solutions.display());
    let entries = fs::read_dir(solutions).map_err(cannot)?.flatten();
    Ok(entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect())
}
