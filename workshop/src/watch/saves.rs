//! Noticing that a lesson's files were saved.

use crate::lesson::Lesson;
use crate::progress::{fingerprint, stamp};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the dates of the files must stay as they are: an editor may write several times, or empty a file before it
/// writes.
const SETTLE: Duration = Duration::from_millis(10);

/// How often the dates are looked at. That is a few system calls, and unlike the system's notices it works in
/// containers and on network drives too.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is known of a lesson's files.
pub struct Saves {
    /// Their dates, when they were looked at last.
    stamp: u64,
    /// Since when the dates have been so, when the bytes were not read since.
    changed: Option<Instant>,
    /// Their bytes, as they were run.
    run: u64,
}

impl Saves {
    /// The files as they are now.
    pub fn of(root: &Path, lesson: &Lesson) -> Self {
        Self { stamp: stamp(root, lesson), changed: None, run: fingerprint(root, lesson) }
    }

    /// In what time the next look is due.
    pub fn look_within(&self) -> Duration {
        if self.changed.is_some() { SETTLE } else { LOOK_EVERY }
    }

    /// Whether the files are others than those that were run.
    pub fn look(&mut self, root: &Path, lesson: &Lesson) -> bool {
        let stamp = stamp(root, lesson);
        if stamp != self.stamp {
            self.stamp = stamp;
            self.changed = Some(Instant::now());
        }
        if self.changed.is_none_or(|since| since.elapsed() < SETTLE) {
            return false;
        }
        self.changed = None;
        let bytes = fingerprint(root, lesson);
        std::mem::replace(&mut self.run, bytes) != bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, process, thread};

    /// A lesson of one file, in a folder of its own.
    fn lesson(name: &str) -> (std::path::PathBuf, Lesson, std::path::PathBuf) {
        let root = env::temp_dir().join(format!("workshop-{name}-{}", process::id()));
        let lesson = Lesson { name: "01-one".into() };
        let main = lesson.folder(&root).join("src/main.rs");
        fs::create_dir_all(main.parent().unwrap()).unwrap();
        fs::create_dir_all(root.join("tests")).unwrap();
        fs::write(&main, "old").unwrap();
        (root, lesson, main)
    }

    #[test]
    fn several_writes_are_one_change_and_the_same_bytes_are_none() {
        let (root, lesson, main) = lesson("saves");
        let mut saves = Saves::of(&root, &lesson);
        let settle = || thread::sleep(SETTLE);
        assert!(!saves.look(&root, &lesson));

        // As an editor does it that empties the file first; and one that puts a new file in its place.
        fs::write(&main, "").unwrap();
        assert!(!saves.look(&root, &lesson));
        fs::write(main.with_extension("new"), "new").unwrap();
        fs::rename(main.with_extension("new"), &main).unwrap();
        settle();
        assert!(!saves.look(&root, &lesson), "it may be written to still");
        settle();
        assert!(saves.look(&root, &lesson));
        settle();
        assert!(!saves.look(&root, &lesson), "it was told already");

        fs::write(main.with_extension("new"), "new").unwrap();
        fs::rename(main.with_extension("new"), &main).unwrap();
        assert!(!saves.look(&root, &lesson));
        settle();
        assert!(!saves.look(&root, &lesson), "these bytes were run");
        fs::remove_dir_all(root).unwrap();
    }
}
