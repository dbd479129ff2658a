//! Files of the workshop, and putting them in the place of others.

use crate::lesson::Lesson;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// All files below a folder, as paths that begin there.
///
/// # Errors
/// When a folder cannot be read.
pub fn below(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                files.insert(path);
            }
        }
    }
    Ok(files)
}

/// The Rust sources below a package's folder. A name that begins with a dot is an editor's lock or copy.
///
/// # Errors
/// When a folder cannot be read.
pub fn sources(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = below(folder)?;
    let is_hidden =
        |file: &Path| file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs") && !is_hidden(file));
    Ok(files)
}

/// Writes a file, with its folder, unless it holds these bytes already: then cargo need not compile it again.
///
/// # Errors
/// When it cannot be written.
pub fn write_if_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

/// A source of the solution as it is in the lesson: its names of itself become the lesson's.
pub fn as_lesson(text: &str, lesson: &Lesson) -> String {
    let number = lesson.number();
    text.replace(&format!("solution_{number}"), &format!("lesson_{number}"))
        .replace(&format!("solution-{number}"), &format!("lesson-{number}"))
        .replace(&format!("solutions/{}", lesson.name), &format!("lessons/{}", lesson.name))
}

/// The text with the lesson's imports of itself where rustfmt has them in the lesson: `lesson_02` and `solution_02` do not
/// begin with the same letter.
pub fn with_imports_in_order(text: &str, lesson: &Lesson) -> String {
    let own = format!("use lesson_{}", lesson.number());
    let is_own = |line: &&str| line.starts_with(&own) && line.ends_with(';');
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(first) = lines.iter().position(is_own) else { return text.to_owned() };
    let count = lines[first..].iter().take_while(|line| is_own(line)).count();
    let imports: Vec<&str> = lines.drain(first..first + count).collect();
    let is_import = |line: &&&str| line.starts_with("use ");
    let begin = first - lines[..first].iter().rev().take_while(is_import).count();
    let end = first + lines[first..].iter().take_while(is_import).count();
    let place =
        lines[begin..end].iter().position(|line| *line > imports[0]).map_or(end, |index| begin + index);
    lines.splice(place..place, imports);
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

/// The text without the marks by which the book includes parts of it.
pub fn without_anchors(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("// ANCHOR"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_itself_are_where_rustfmt_has_them() {
        let lesson = Lesson { name: "02-two".into() };
        let text = "use http::A;\nuse mail::B;\nuse lesson_02::C;\nuse lesson_02::D;\nuse std::io;\n\nfn main() {}\n";
        let in_order = "use http::A;\nuse lesson_02::C;\nuse lesson_02::D;\nuse mail::B;\nuse std::io;\n\nfn main() {}\n";
        assert_eq!(with_imports_in_order(text, &lesson), in_order);
        assert_eq!(with_imports_in_order(in_order, &lesson), in_order);
        assert_eq!(with_imports_in_order("use std::io;\n", &lesson), "use std::io;\n");
    }
}
