//! What was seen of a run: lanes that share one axis of time, with bars and notes in them. This is all that a picture or
//! its text needs to know.

use std::time::{Duration, Instant};

/// Parts that say the same, with less than this between them, get one label.
const ONE_LABEL: Duration = Duration::from_millis(15);

/// A whole run.
pub struct Record {
    /// The beginning: the first request, or the start of the program.
    pub zero: Instant,
    /// When the picture ends.
    pub end: Instant,
    /// From top to bottom.
    pub lanes: Vec<Lane>,
    /// Why the run is not whole: something did not come.
    pub missing: Option<String>,
}

impl Record {
    /// Milliseconds since the beginning.
    pub fn ms(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.zero).as_secs_f64() * 1000.0
    }
}

/// What happened in one place: a thread, a stream, the clients, the mail server.
#[derive(Default)]
pub struct Lane {
    pub name: String,
    /// The number of its thread, and of the thread or process that has started it.
    pub thread: Option<(u32, u32)>,
    pub bars: Vec<Bar>,
    pub notes: Vec<Note>,
}

impl Lane {
    /// A lane in which nothing has happened yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Something that lasts: a thread's life, a request, a conversation with the mail server.
pub struct Bar {
    pub begin: Instant,
    pub end: Instant,
    pub parts: Vec<Part>,
}

impl Bar {
    /// Each text of its parts, and from when until when it holds.
    pub fn labels(&self) -> Vec<(Instant, Instant, &Part)> {
        let mut labels: Vec<(Instant, Instant, &Part)> = Vec::new();
        for part in self.parts.iter().filter(|part| !part.short.is_empty()) {
            match labels.last_mut() {
                Some((_, end, same)) if same.text() == part.text() && part.begin - *end < ONE_LABEL => {
                    *end = part.end;
                }
                _ => labels.push((part.begin, part.end, part)),
            }
        }
        labels
    }
}

/// A time in which one thing was done.
#[derive(Clone, PartialEq)]
pub struct Part {
    pub begin: Instant,
    pub end: Instant,
    pub kind: Kind,
    /// What it says where there is little room. Empty: nothing.
    pub short: String,
    /// What it says besides where there is more.
    pub more: String,
}

impl Part {
    /// A part that begins and ends now, so far.
    pub fn new(at: Instant, kind: Kind, short: impl Into<String>) -> Self {
        Self { begin: at, end: at, kind, short: short.into(), more: String::new() }
    }

    /// All that it says.
    pub fn text(&self) -> String {
        format!("{}{}", self.short, self.more)
    }
}

/// What is done in a part. In a thread, it is as the kernel shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Waits,
    Runs,
    /// In the event loop's own call.
    Free,
    /// In a call that waits for one thing.
    Blocked,
    /// More cannot be seen on this system.
    Alive,
    Zombie,
    Thinks,
}

impl Kind {
    /// All of them, with their class in the picture and their line in its legend.
    pub const ALL: [(Self, &str, &str); 7] = [
        (Self::Waits, "waits", "a request waits for its answer"),
        (Self::Runs, "runs", "runs on a processor"),
        (Self::Free, "free", "free: any event wakes it"),
        (Self::Blocked, "blocked", "blocked: waits for one thing, notices nothing else"),
        (Self::Alive, "alive", "alive"),
        (Self::Zombie, "zombie", "ended, but not waited for: a zombie"),
        (Self::Thinks, "thinks", "the mail server takes its time"),
    ];
}

/// Something that happened at one moment.
pub struct Note {
    pub at: Instant,
    pub text: String,
    pub way: Way,
}

/// Where a note comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the parent's lane.
    Down,
    /// It goes to the parent's lane.
    Up,
    Here,
}
