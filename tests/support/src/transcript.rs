//! Who said what, and when.

use crate::text::shorten;
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
pub struct Transcript {
    began: Instant,
    entries: Arc<Mutex<Vec<Entry>>>,
}

struct Entry {
    at: Duration,
    who: String,
    what: String,
}

impl Transcript {
    /// An empty transcript. Its clock starts now.
    pub fn new() -> Self {
        Self { began: Instant::now(), entries: Arc::default() }
    }

    /// Notes that `who` did or said `what` just now.
    pub fn note(&self, who: impl Into<String>, what: impl AsRef<str>) {
        let entry =
            Entry { at: self.began.elapsed(), who: who.into(), what: shorten(what.as_ref(), SHOWN_CHARS) };
        self.entries.lock().unwrap().push(entry);
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
            }
        }
        text
    }
}

impl Default for Transcript {
    fn default() -> Self {
        Self::new()
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
}
