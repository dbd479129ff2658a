//! What a learner had: kept aside before anything is put in its place, and never lost.

use crate::failure::Failure;
use crate::lesson::Lesson;
use course::files::{self, MANIFEST, Sources, read, text};
use observe::text::counted;
use std::fs;
use std::path::{Path, PathBuf};

/// A version that was kept.
pub struct Kept {
    /// The newest has the highest number.
    pub number: u32,
    folder: PathBuf,
}

impl Kept {
    /// Its files.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn sources(&self) -> Result<Sources, Failure> {
        Ok(read(&self.folder)?)
    }

    /// How long ago it was kept, as in `5 minutes ago`.
    pub fn age(&self) -> String {
        let changed = fs::metadata(&self.folder).and_then(|folder| folder.modified()).ok();
        let minutes = changed.and_then(|changed| changed.elapsed().ok()).map_or(0, |age| age.as_secs() / 60);
        let ago = |count: u64, what: &str| format!("{} ago", counted(count as usize, what));
        match minutes {
            0 => "a moment ago".into(),
            1..60 => ago(minutes, "minute"),
            60..1440 => ago(minutes / 60, "hour"),
            _ => ago(minutes / 1440, "day"),
        }
    }
}

/// The starter, with its Cargo.toml.
///
/// # Errors
/// When the solution cannot be read.
pub fn starter(root: &Path, lesson: &Lesson) -> Result<Sources, Failure> {
    let marked = lesson.marked(root)?;
    let mut files = marked.starter();
    files.insert(MANIFEST.into(), marked.manifest());
    Ok(as_bytes(files))
}

/// The solution as it is in the lesson. Cargo.toml stays the learner's.
///
/// # Errors
/// When files cannot be read.
pub fn solution(root: &Path, lesson: &Lesson) -> Result<Sources, Failure> {
    let marked = lesson.marked(root)?;
    let mut sources = as_bytes(marked.solution());
    let manifest = read(&lesson.folder(root))?.remove(Path::new(MANIFEST));
    sources.insert(MANIFEST.into(), manifest.unwrap_or_else(|| marked.manifest().into_bytes()));
    Ok(sources)
}

fn as_bytes(files: course::Files) -> Sources {
    files.into_iter().map(|(file, text)| (file, text.into_bytes())).collect()
}

/// Whether a learner has written something of this, which then is neither the starter's nor the solution's.
fn is_work(root: &Path, lesson: &Lesson, sources: &Sources) -> Result<bool, Failure> {
    let starter = starter(root, lesson)?;
    // A Cargo.toml that was changed is the learner's, too.
    let mut solution = as_bytes(lesson.marked(root)?.solution());
    solution.extend(starter.get(Path::new(MANIFEST)).map(|bytes| (MANIFEST.into(), bytes.clone())));
    Ok(!is_part(sources, &starter) && !is_part(sources, &solution))
}

/// Whether all files of the one are in the other, whatever their line ends.
fn is_part(one: &Sources, other: &Sources) -> bool {
    one.iter().all(|(file, bytes)| other.get(file).is_some_and(|other| text(other) == text(bytes)))
}

/// Whether both are the same, whatever their line ends.
pub fn same(one: &Sources, other: &Sources) -> bool {
    one.len() == other.len() && is_part(one, other)
}

/// All versions of a lesson that were kept, the oldest first.
pub fn list(root: &Path, lesson: &Lesson) -> Vec<Kept> {
    let entries = fs::read_dir(folder(root, lesson)).into_iter().flatten().flatten();
    // A folder that is still being written has another name.
    let number = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let kept = |entry: fs::DirEntry| Some(Kept { number: number(&entry)?, folder: entry.path() });
    let mut all: Vec<Kept> = entries.filter_map(kept).collect();
    all.sort_by_key(|kept| kept.number);
    all
}

/// What came of putting files in place.
pub enum Replaced {
    /// They were there already.
    Nothing,
    /// What was there is not the learner's work.
    NoWork,
    /// The learner's files, which are kept now.
    Work(Kept),
}

/// Puts `new` in the place of the lesson's files. A learner's work is kept first.
///
/// # Errors
/// When something cannot be read or written. The lesson's files are then as they were, or kept.
pub fn replace(root: &Path, lesson: &Lesson, new: &Sources) -> Result<Replaced, Failure> {
    let place = lesson.folder(root);
    let old = read(&place)?;
    if same(&old, new) {
        return Ok(Replaced::Nothing);
    }
    let replaced = match is_work(root, lesson, &old)? {
        true => Replaced::Work(keep(root, lesson, &old)?),
        false => Replaced::NoWork,
    };
    let cannot = |error| Failure::work(format!("cannot write to {}: {error}", place.display()));
    for (file, bytes) in new {
        files::write_if_new(&place.join(file), bytes).map_err(cannot)?;
    }
    for file in old.keys().filter(|file| !new.contains_key(*file)) {
        fs::remove_file(place.join(file)).map_err(cannot)?;
    }
    Ok(replaced)
}

/// What a learner had last is the newest version, even when it is kept already: the older copy goes.
fn keep(root: &Path, lesson: &Lesson, sources: &Sources) -> Result<Kept, Failure> {
    let folder = folder(root, lesson);
    let cannot = |error| Failure::work(format!("cannot keep your files in {}: {error}", folder.display()));
    let all = list(root, lesson);
    let number = all.last().map_or(1, |newest| newest.number + 1);
    let (new, place) = (folder.join(format!("{number}.new")), folder.join(number.to_string()));
    // What an earlier try has left behind.
    let _ = fs::remove_dir_all(&new);
    for (file, bytes) in sources {
        files::write_if_new(&new.join(file), bytes).map_err(cannot)?;
    }
    // Under its own name only when it is whole.
    fs::rename(&new, &place).map_err(cannot)?;
    for copy in all.iter().filter(|kept| kept.sources().is_ok_and(|same| same == *sources)) {
        fs::remove_dir_all(&copy.folder).map_err(cannot)?;
    }
    Ok(Kept { number, folder: place })
}

fn folder(root: &Path, lesson: &Lesson) -> PathBuf {
    root.join(".workshop/kept").join(lesson.word())
}
