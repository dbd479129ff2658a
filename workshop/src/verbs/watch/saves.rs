//! Noticing that a lesson's files were saved: they are read all the time.

use crate::lesson::Lesson;
use course::fingerprint;
use std::mem;
use std::path::Path;
use std::time::Duration;

/// How often the files are read. A lesson has few of them, so it takes a fraction of a millisecond.
pub const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is known of a lesson's files.
pub struct Saves {
    /// As they were read last.
    last: u64,
    /// As they were run.
    run: u64,
}

impl Saves {
    /// The files as they are now.
    pub fn of(root: &Path, lesson: &Lesson) -> Self {
        let now = fingerprint(root, lesson);
        Self { last: now, run: now }
    }

    /// Whether the files differ from those that were run. They must be the same twice in a row first: an editor may write
    /// several times, or empty a file before it writes.
    pub fn look(&mut self, root: &Path, lesson: &Lesson) -> bool {
        let now = fingerprint(root, lesson);
        mem::replace(&mut self.last, now) == now && mem::replace(&mut self.run, now) != now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, process};

    #[test]
    fn several_writes_are_one_change_and_the_same_bytes_are_none() {
        let root = env::temp_dir().join(format!("workshop-saves-{}", process::id()));
        let lesson = Lesson { name: "01-one".into() };
        let main = lesson.folder(&root).join("src/main.rs");
        fs::create_dir_all(main.parent().unwrap()).unwrap();
        fs::write(&main, "old").unwrap();
        let mut saves = Saves::of(&root, &lesson);
        let mut look = || saves.look(&root, &lesson);
        let replace = || {
            fs::write(main.with_extension("new"), "new").unwrap();
            fs::rename(main.with_extension("new"), &main).unwrap();
        };
        assert!(!look());
        // As an editor does it that empties the file first; and one that puts a new file in its place.
        fs::write(&main, "").unwrap();
        assert!(!look());
        replace();
        assert_eq!([look(), look(), look()], [false, true, false]);
        replace();
        assert_eq!([look(), look(), look()], [false; 3]);
        fs::remove_dir_all(root).unwrap();
    }
}
