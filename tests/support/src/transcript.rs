//! Who said what, and when.

use crate::text::{counted, shorten};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How many entries of a transcript a failure shows: the first few and the last ones.
const SHOWN_AT_START: usize = 12;
const SHOWN_AT_END: usize = 48;
const SHOWN_CHARS: usize = 160;

/// Everything that happened in one test, in order, whoever did it.
///
/// The speakers are `spec`, `mailbox`, `channel >` (the spec sends), `channel <` (the program sends), and
/// each program with its pid. A clone writes to the same transcript.
#[derive(Clone)]
pub(crate) struct Transcript {
    began: Instant,
    entries: Arc<Mutex<Vec<Entry>>>,
}

struct Entry {
    at: Duration,
    who: String,
    what: String,
    /// How often this entry, or the two that end with it, came again at once, and when for the last time.
    again: [(usize, Duration); PATTERN],
}

/// Up to so many entries in a row are looked for again: a question and its answer.
const PATTERN: usize = 2;

impl Transcript {
    /// An empty transcript. Its clock starts now.
    pub fn new() -> Self {
        Self { began: Instant::now(), entries: Arc::default() }
    }

    /// Notes that `who` did or said `what` just now. What came a moment ago already is only counted: a spec may
    /// ask hundreds of times until an answer changes.
    pub fn note(&self, who: impl Into<String>, what: impl AsRef<str>) {
        let what = shorten(what.as_ref(), SHOWN_CHARS);
        let entry = Entry { at: self.began.elapsed(), who: who.into(), what, again: Default::default() };
        let mut entries = self.entries.lock().unwrap();
        entries.push(entry);
        fold(&mut entries);
    }

    /// How many entries there are. What only comes again and again adds none.
    pub fn len(&self) -> usize {
        self.entries.lock().unwrap().len()
    }

    /// The transcript as text, a line an entry, cut in the middle when it is long.
    pub fn render(&self) -> String {
        let entries = self.entries.lock().unwrap();
        let width = entries.iter().map(|entry| entry.who.chars().count()).max().unwrap_or(0) + 2;
        let hidden = entries.len().saturating_sub(SHOWN_AT_START + SHOWN_AT_END);
        let mut text = String::new();
        for (number, entry) in entries.iter().enumerate() {
            if hidden > 0 && number == SHOWN_AT_START {
                text.push_str(&format!("             … {hidden} entries are left out …\n"));
            }
            if number < SHOWN_AT_START || number >= SHOWN_AT_START + hidden {
                let milliseconds = entry.at.as_secs_f64() * 1000.0;
                let who = format!("[{}]", entry.who);
                text.push_str(&format!("  {milliseconds:>8.1} ms  {who:<width$}  {}\n", entry.what));
                for ((times, until), what) in entry.again.iter().zip(["this", "these two lines"]) {
                    if *times > 0 {
                        let (times, until) = (counted(*times, "more time"), until.as_secs_f64() * 1000.0);
                        text.push_str(&format!("             … {what} {times}, until {until:.1} ms\n"));
                    }
                }
            }
        }
        text
    }
}

/// Takes away the last entries where they say what those before them have said, and counts them there.
fn fold(entries: &mut Vec<Entry>) {
    for length in 1..=PATTERN {
        let Some(before) = entries.len().checked_sub(2 * length) else { return };
        let (earlier, later) = entries[before..].split_at(length);
        if earlier.iter().zip(later).all(|(one, other)| (&one.who, &one.what) == (&other.who, &other.what)) {
            let until = entries[before + 2 * length - 1].at;
            entries.truncate(before + length);
            let (times, last) = &mut entries[before + length - 1].again[length - 1];
            (*times, *last) = (*times + 1, until);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_transcript_is_cut_in_the_middle() {
        let transcript = Transcript::new();
        for number in 0..100 {
            transcript.note("spec", format!("entry {number}"));
        }
        let text = transcript.render();
        assert!(text.contains("entry 0\n") && text.contains("entry 99\n"), "{text}");
        assert!(text.contains("40 entries are left out") && !text.contains("entry 30\n"), "{text}");
    }

    #[test]
    fn what_comes_again_and_again_is_counted() {
        let transcript = Transcript::new();
        let question_and_answer = ["GET /jobs/1", "GET /jobs/1 was answered: 200 running"];
        let (twice, last) = (["closed"; 2], ["GET /jobs/1", "GET /jobs/1 was answered: 200 done"]);
        for what in [&question_and_answer.repeat(4)[..], &twice, &last].concat() {
            transcript.note("spec", what);
        }
        let text = transcript.render();
        let lines: Vec<&str> =
            text.lines().map(|line| line.rsplit("]  ").next().unwrap_or(line).trim()).collect();
        assert_eq!(lines.len(), 7, "{text}");
        assert!(lines[2].starts_with("… these two lines 3 more times, until "), "{text}");
        assert!(lines[4].starts_with("… this 1 more time, until "), "{text}");
        assert_eq!(lines[6], "GET /jobs/1 was answered: 200 done", "{text}");
    }
}
