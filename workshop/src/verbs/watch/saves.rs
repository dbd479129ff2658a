//! Noticing that a lesson's files were saved.

use crate::lesson::Lesson;
use crate::lesson::progress::{fingerprint, stamp};
use crate::ui::terminal::note;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the dates of the files must stay as they are: an editor may write several times, or empty a file before it
/// writes.
const SETTLE: Duration = Duration::from_millis(10);

/// How often the dates are looked at where the system cannot tell of saves.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often they are looked at all the same: of what another machine writes to a network drive, or another system to
/// a folder that it shares with a container, nobody tells.
const LOOK_ANYWAY: Duration = Duration::from_millis(500);

/// What is known of a lesson's files.
pub struct Saves {
    /// Tells of every write, where the system can.
    watcher: Option<RecommendedWatcher>,
    /// Their dates, when they were looked at last.
    stamp: u64,
    /// Since when the dates have been so, when the bytes were not read since.
    changed: Option<Instant>,
    /// Their bytes, as they were run.
    run: u64,
}

impl Saves {
    /// The files as they are now. From now on, `tell` is called when it is worth a look.
    pub fn of(root: &Path, lesson: &Lesson, tell: impl Fn() + Send + 'static) -> Self {
        let watcher = watch(root, lesson, tell);
        if let Err(error) = &watcher {
            note(format!(
                "note: the system does not tell of saves ({error}). The files' dates are looked at."
            ));
        }
        Self {
            watcher: watcher.ok(),
            stamp: stamp(root, lesson),
            changed: None,
            run: fingerprint(root, lesson),
        }
    }

    /// In what time the next look is due when nobody tells of a write.
    pub fn look_within(&self) -> Duration {
        match (&self.changed, &self.watcher) {
            (Some(_), _) => SETTLE,
            (None, Some(_)) => LOOK_ANYWAY,
            (None, None) => LOOK_EVERY,
        }
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

fn watch(
    root: &Path,
    lesson: &Lesson,
    tell: impl Fn() + Send + 'static,
) -> Result<RecommendedWatcher, notify::Error> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // The compiler reads the files, and so do our own looks.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            tell();
        }
    })?;
    watcher.watch(&lesson.folder(root), RecursiveMode::Recursive)?;
    // Folders, not files: many an editor puts a new file in the place of the old one.
    if let Some(specs) = lesson.spec(root).parent() {
        watcher.watch(specs, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
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
        let mut saves = Saves::of(&root, &lesson, || {});
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

    #[test]
    fn the_system_tells_of_each_way_to_save_and_of_no_reading() {
        let (root, lesson, main) = lesson("told");
        let (told, tells) = mpsc::channel();
        let saves = Saves::of(&root, &lesson, move || told.send(()).unwrap_or(()));
        assert!(saves.watcher.is_some(), "this system has a way to tell");
        let is_told = |limit| {
            let told = tells.recv_timeout(limit).is_ok();
            // One save is told several times.
            while tells.recv_timeout(Duration::from_millis(300)).is_ok() {}
            told
        };
        let (soon, a_moment) = (Duration::from_secs(10), Duration::from_millis(200));
        fs::write(&main, "in place").unwrap();
        assert!(is_told(soon));
        fs::read(&main).unwrap();
        fingerprint(&root, &lesson);
        assert!(!is_told(a_moment), "nothing was written");
        fs::write(main.with_extension("new"), "another file").unwrap();
        assert!(is_told(soon));
        fs::rename(main.with_extension("new"), &main).unwrap();
        assert!(is_told(soon));
        fs::write(lesson.spec(&root), "a spec").unwrap();
        assert!(is_told(soon));
        fs::remove_dir_all(root).unwrap();
    }
}
