//! What a learner had: kept aside with a date before anything is put in its place, and never lost.

use crate::failure::Failure;
use crate::files::{self, as_lesson, with_imports_in_order, without_anchors};
use crate::lesson::Lesson;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The sources of a lesson: each file's path below the package's folder, and its bytes.
pub type Sources = BTreeMap<PathBuf, Vec<u8>>;

/// A version that was kept.
pub struct Kept {
    /// When, as in `2026-11-24 at 09.30.05 UTC`.
    pub when: String,
    folder: PathBuf,
}

impl Kept {
    /// Its files.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn sources(&self) -> Result<Sources, Failure> {
        read(&self.folder)
    }
}

/// The sources below a folder.
///
/// # Errors
/// When they cannot be read.
pub fn read(folder: &Path) -> Result<Sources, Failure> {
    let cannot = |error| Failure::input(format!("cannot read {}: {error}", folder.display()));
    let mut sources = Sources::new();
    for file in files::sources(folder).map_err(cannot)? {
        let bytes = fs::read(folder.join(&file)).map_err(cannot)?;
        sources.insert(file, bytes);
    }
    Ok(sources)
}

/// The solution's sources as they are in the lesson. What lies beside `src`, such as tests of the solution alone, has no
/// place there.
///
/// # Errors
/// When they cannot be read.
pub fn solution(root: &Path, lesson: &Lesson) -> Result<Sources, Failure> {
    let as_in_lesson = |(file, bytes): (PathBuf, Vec<u8>)| {
        let text = without_anchors(&as_lesson(&String::from_utf8_lossy(&bytes), lesson));
        (file, with_imports_in_order(&text, lesson).into_bytes())
    };
    let sources = read(&lesson.solution(root))?.into_iter();
    Ok(sources.filter(|(file, _)| file.starts_with("src")).map(as_in_lesson).collect())
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
    kept.sort_by(|one, other| one.when.cmp(&other.when));
    kept
}

/// Puts `new` in the place of the lesson's sources. What was there is kept first, unless it is kept already.
/// Gives the version that holds it, or `None` when nothing had to be replaced.
///
/// # Errors
/// When something cannot be read or written. The lesson's files are then as they were, or kept.
pub fn replace(root: &Path, lesson: &Lesson, new: &Sources) -> Result<Option<Kept>, Failure> {
    let place = lesson.folder(root);
    let old = read(&place)?;
    if old == *new {
        return Ok(None);
    }
    let kept = keep(root, lesson, &old)?;
    let cannot = |error| Failure::work(format!("cannot write to {}: {error}", place.display()));
    for (file, bytes) in new {
        files::write_if_new(&place.join(file), bytes).map_err(cannot)?;
    }
    for file in old.keys().filter(|file| !new.contains_key(*file)) {
        fs::remove_file(place.join(file)).map_err(cannot)?;
    }
    Ok(Some(kept))
}

fn keep(root: &Path, lesson: &Lesson, sources: &Sources) -> Result<Kept, Failure> {
    let folder = folder(root, lesson);
    for kept in list(root, lesson) {
        if kept.sources().is_ok_and(|same| same == *sources) {
            return Ok(kept);
        }
    }
    let cannot = |error| Failure::work(format!("cannot keep your files in {}: {error}", folder.display()));
    let date = date(SystemTime::now());
    // Two versions in one second get two names.
    let free = |name: &String| !folder.join(name).exists();
    let name = (1..)
        .map(|number| if number == 1 { date.clone() } else { format!("{date}_number_{number}") })
        .find(free)
        .unwrap_or_default();
    let new = folder.join(format!("{name}.new"));
    for (file, bytes) in sources {
        files::write_if_new(&new.join(file), bytes).map_err(cannot)?;
    }
    // Under its own name only when it is whole.
    fs::rename(&new, folder.join(&name)).map_err(cannot)?;
    Ok(Kept { when: name.replace('_', " "), folder: folder.join(name) })
}

fn folder(root: &Path, lesson: &Lesson) -> PathBuf {
    root.join(".workshop/kept").join(lesson.word())
}

/// The date in the name of a folder: `2026-11-24_at_09.30.05_UTC`.
fn date(now: SystemTime) -> String {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}_at_{hour:02}.{minute:02}.{second:02}_UTC")
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
        assert_eq!(at(0), "1970-01-01_at_00.00.00_UTC");
        assert_eq!(at(951_827_696), "2000-02-29_at_12.34.56_UTC");
        assert_eq!(at(1_798_761_599), "2026-12-31_at_23.59.59_UTC");
    }
}
