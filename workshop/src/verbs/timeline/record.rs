//! What was seen of a run.

use std::time::{Duration, Instant};

/// Blocked stretches with less than this between them get one label.
const ONE_LABEL_MS: f64 = 15.0;

/// Everything that was seen, with its times.
pub struct Record {
    /// The beginning: the first request, or the start of the program.
    pub zero: Instant,
    pub requests: Vec<Request>,
    pub threads: Vec<Thread>,
    pub conversations: Vec<Conversation>,
    pub lines: Vec<Line>,
    pub messages: Vec<Message>,
    pub marks: Vec<Mark>,
    /// When the picture ends.
    pub end: Instant,
    /// Why the run is not whole: something did not come.
    pub missing: Option<String>,
}

impl Record {
    /// Milliseconds since the beginning.
    pub fn ms(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.zero).as_secs_f64() * 1000.0
    }
}

/// A request, and its answer where there was one.
pub struct Request {
    /// Such as `GET /health`.
    pub what: String,
    pub begin: Instant,
    pub end: Option<Instant>,
    /// The status and the body, or what went wrong.
    pub answer: String,
}

impl Request {
    /// How long the client waited.
    pub fn took(&self) -> Option<Duration> {
        self.end.map(|end| end - self.begin)
    }
}

/// A thread of a process. The first one has the number of its process.
pub struct Thread {
    pub pid: u32,
    pub tid: u32,
    pub parent: u32,
    /// The name of the program that it runs, as ps(1) shows it.
    pub name: String,
    pub stretches: Vec<Stretch>,
}

/// A time in which a thread did one thing.
#[derive(Clone, PartialEq)]
pub struct Stretch {
    pub begin: Instant,
    pub end: Instant,
    pub doing: Doing,
}

/// What a thread does at a moment, as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// On a processor, or waiting for one.
    Runs,
    /// In the event loop's own call: any news wakes it.
    Free,
    /// In a call that waits for one thing, with its name.
    Blocked(String),
    /// Ended, but not waited for.
    Zombie,
    /// Alive. More cannot be seen on this system.
    Alive,
}

/// An SMTP conversation, as the mailbox saw it.
pub struct Conversation {
    /// Its number in the mailbox.
    pub id: usize,
    pub opened: Instant,
    pub letters: Vec<Letter>,
    pub closed: Option<Instant>,
}

/// A letter that came, and from when until when it had to wait.
pub struct Letter {
    pub to: String,
    pub held: Instant,
    pub released: Option<Instant>,
    pub accepted: bool,
}

/// A line that the program wrote.
pub struct Line {
    pub at: Instant,
    /// stderr, or stdout.
    pub is_log: bool,
    pub text: String,
}

/// A message on the way between a parent and its worker.
pub struct Message {
    pub at: Instant,
    pub worker: u32,
    pub to_worker: bool,
    pub text: String,
}

/// Something that was done from outside, such as a signal.
pub struct Mark {
    pub at: Instant,
    /// The process that it was done to; `None` where it is the program's stdin.
    pub pid: Option<u32>,
    pub text: String,
}

/// A lane's name and its thread, for the text alternative.
pub struct Lane {
    pub name: String,
    pub thread: usize,
}

/// Blocked stretches, joined where what lies between them is short and they wait for the same thing: from and
/// to in milliseconds, and what for.
pub fn blocked(stretches: &[Stretch], record: &Record) -> Vec<(f64, f64, String)> {
    let mut joined: Vec<(f64, f64, String)> = Vec::new();
    for stretch in stretches {
        let Doing::Blocked(what) = &stretch.doing else { continue };
        let (from, to) = (record.ms(stretch.begin), record.ms(stretch.end));
        match joined.last_mut() {
            Some(last) if last.2 == *what && from - last.1 < ONE_LABEL_MS => last.1 = to,
            _ => joined.push((from, to, what.clone())),
        }
    }
    joined
}
