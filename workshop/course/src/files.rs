//! Files of the workshop, and putting them in the place of others.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a learner may change in a lesson: the sources and Cargo.toml. Each file's path below the package's folder, and its
/// bytes.
pub type Sources = BTreeMap<PathBuf, Vec<u8>>;

/// The one file that is no source.
pub const MANIFEST: &str = "Cargo.toml";

/// What a lesson's folder holds, also when it is a version that was kept. Files that are missing are left out.
///
/// # Errors
/// When they cannot be read.
pub fn read(folder: &Path) -> Result<Sources, String> {
    let cannot = |error| format!("cannot read {}: {error}", folder.display());
    let mut sources = Sources::new();
    let files = crate::sources(folder).map_err(cannot)?;
    for file in files.into_iter().chain([PathBuf::from(MANIFEST)]) {
        match fs::read(folder.join(&file)) {
            Ok(bytes) => drop(sources.insert(file, bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot(error)),
        }
    }
    Ok(sources)
}

/// A source as text, with the line ends of Unix.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

/// All files below a folder, as paths that begin there, in order.
///
/// # Errors
/// When a folder cannot be read.
pub fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
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
