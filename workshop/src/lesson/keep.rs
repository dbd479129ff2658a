//! What a learner had: kept aside with a date before anything is put in its place, and never lost.

use crate::failure::Failure;
use crate::lesson::Lesson;
use crate::lesson::files::{self, MANIFEST, Sources, read, text};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A version that was kept.
pub struct Kept {
    /// When, as in `2026-11-24 at 09.30.05 UTC`.
    pub when: String,
    folder: PathBuf,
}

impl Kept {
    /// Versions of one second have numbers.
    fn date_and_number(&self) -> (&str, u32) {
        let (date, number) = self.when.split_once(" number ").unwrap_or((&self.when, "1"));
        (date, number.parse().unwrap_or(1))
    }

    /// Its files.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn sources(&self) -> Result<Sources, Failure> {
        read(&self.folder)
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

fn as_bytes(files: steps::Files) -> Sources {
    files.into_iter().map(|(file, text)| (file, text.into_bytes())).collect()
}

/// Who has written a version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// It is the starter, or what is left of it.
    Starter,
    /// It is the solution, or what is left of it.
    Solution,
    Learner,
}

/// Who has written this.
///
/// # Errors
/// When the solution cannot be read.
pub fn whose(root: &Path, lesson: &Lesson, sources: &Sources) -> Result<Whose, Failure> {
    let starter = starter(root, lesson)?;
    // A Cargo.toml that was changed is the learner's, too.
    let mut solution = as_bytes(lesson.marked(root)?.solution());
    solution.extend(
        starter.get_key_value(Path::new(MANIFEST)).map(|(file, bytes)| (file.clone(), bytes.clone())),
    );
    let all_in = |other: &Sources| {
        sources.iter().all(|(file, bytes)| other.get(file).is_some_and(|other| text(other) == text(bytes)))
    };
    Ok(match () {
        () if all_in(&starter) => Whose::Starter,
        () if all_in(&solution) => Whose::Solution,
        () => Whose::Learner,
    })
}

/// Whether both are the same, whatever their line ends.
pub fn same(one: &Sources, other: &Sources) -> bool {
    one.len() == other.len()
        && one.iter().all(|(file, bytes)| other.get(file).is_some_and(|other| text(other) == text(bytes)))
}

/// All versions of a lesson that were kept, the oldest first.
pub fn list(root: &Path, lesson: &Lesson) -> Vec<Kept> {
    let Ok(entries) = fs::read_dir(folder(root, lesson)) else { return Vec::new() };
    let mut kept: Vec<Kept> = entries
        .flatten()
        .filter_map(|entry| {
            let when = entry.file_name().into_string().ok()?.replace('_', " ");
            // A folder that is still being written has another name.
            (!when.ends_with(".new")).then(|| Kept { when, folder: entry.path() })
        })
        .collect();
    kept.sort_by(|one, other| one.date_and_number().cmp(&other.date_and_number()));
    kept
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
    let replaced = match whose(root, lesson, &old)? {
        Whose::Learner => Replaced::Work(keep(root, lesson, &old)?),
        Whose::Starter | Whose::Solution => Replaced::NoWork,
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

fn keep(root: &Path, lesson: &Lesson, sources: &Sources) -> Result<Kept, Failure> {
    let folder = folder(root, lesson);
    let cannot = |error| Failure::work(format!("cannot keep your files in {}: {error}", folder.display()));
    let all = list(root, lesson);
    let when = next_name(&date(SystemTime::now()), all.last());
    let name = when.replace(' ', "_");
    let place = folder.join(&name);
    let is_same = |kept: &Kept| kept.sources().is_ok_and(|same| same == *sources);
    match all.into_iter().find(is_same) {
        // It is kept already. The newest version is what the learner had last.
        Some(kept) => fs::rename(kept.folder, &place).map_err(cannot)?,
        None => {
            let new = folder.join(format!("{name}.new"));
            for (file, bytes) in sources {
                files::write_if_new(&new.join(file), bytes).map_err(cannot)?;
            }
            // Under its own name only when it is whole.
            fs::rename(&new, &place).map_err(cannot)?;
        }
    }
    Ok(Kept { when, folder: place })
}

/// A name that comes after all others: two versions may be of one second, or a clock may have been put back.
fn next_name(date: &str, newest: Option<&Kept>) -> String {
    match newest.map(Kept::date_and_number) {
        Some((newest, number)) if newest >= date => format!("{newest} number {}", number + 1),
        _ => date.to_owned(),
    }
}

fn folder(root: &Path, lesson: &Lesson) -> PathBuf {
    root.join(".workshop/kept").join(lesson.word())
}

/// The date in the name of a version: `2026-11-24 at 09.30.05 UTC`.
fn date(now: SystemTime) -> String {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02} at {hour:02}.{minute:02}.{second:02} UTC")
}

/// Days since 1970-01-01 as a date of the Gregorian calendar: years are counted from March, so that the leap day
/// comes last (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 at 00.00.00 UTC");
        assert_eq!(at(951_827_696), "2000-02-29 at 12.34.56 UTC");
        assert_eq!(at(1_798_761_599), "2026-12-31 at 23.59.59 UTC");
    }

    #[test]
    fn the_newest_version_comes_last() {
        let kept = |when: &str| Kept { when: when.into(), folder: PathBuf::new() };
        let next = |newest| next_name("2026-11-24 at 09.30.05 UTC", Some(&kept(newest)));
        assert_eq!(next("2026-11-24 at 09.30.04 UTC number 3"), "2026-11-24 at 09.30.05 UTC");
        assert_eq!(next("2026-11-24 at 09.30.05 UTC"), "2026-11-24 at 09.30.05 UTC number 2");
        assert_eq!(next("2026-11-24 at 09.30.05 UTC number 9"), "2026-11-24 at 09.30.05 UTC number 10");
        assert_eq!(next("2027-01-01 at 00.00.00 UTC"), "2027-01-01 at 00.00.00 UTC number 2");
        assert!(kept("2026 UTC number 10").date_and_number() > kept("2026 UTC number 9").date_and_number());
    }
}
