//! What the conversations of a mailbox share: the record, the gates, the replies.

use super::Letter;
use super::quirk::{Quirk, ReplyTo};
use crate::limit;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use std::collections::HashMap;
use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// The longest letter that is accepted, unless the mailbox is told another limit. What mail providers take is between
/// 20 and 50 MB.
const MAX_LETTER_BYTES: usize = 32 * 1024 * 1024;
/// So much of what clients say is kept, and no more.
const MAX_SAID_BYTES: usize = 16 * 1024 * 1024;

/// Where a conversation can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before the greeting.
    Connect,
    /// Before the answer to `RCPT TO`.
    Rcpt,
    /// Before the answer to `DATA`: the letter is not sent yet.
    Data,
    /// The whole letter came, but it is neither accepted nor answered yet.
    Accept,
    /// The letter is accepted, but the client has not been told yet.
    Answer,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "before the greeting",
            Self::Rcpt => "at RCPT",
            Self::Data => "at DATA",
            Self::Accept => "at the end of the letter",
            Self::Answer => "before the answer to the letter",
        })
    }
}

/// What the mailbox says about a recipient, where it does not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Answers `RCPT TO` with this code, 4xx or 5xx. The conversation goes on.
    Refuse(u16),
    /// Answers `RCPT TO` with 421 and closes the connection (RFC 5321, section 3.8).
    Unavailable,
    /// Closes the connection without an answer.
    Drop,
}

/// What happened in the mailbox. Conversations are numbered from 1.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client has connected.
    Opened(usize),
    /// A conversation is held at this point, about this recipient.
    Held(usize, Point, String),
    /// A conversation was let go.
    Released(usize),
    /// A recipient was not accepted.
    Refused(usize, String, Reply),
    /// A letter was accepted.
    Accepted(Letter),
    /// The mailbox does in this conversation what it was told to do wrong.
    Misbehaved(usize, Quirk),
    /// The connection is closed.
    Closed(usize),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(id) => write!(f, "conversation {id}: opened"),
            Self::Held(id, point, about) if about.is_empty() => write!(f, "conversation {id}: held {point}"),
            Self::Held(id, point, about) => write!(f, "conversation {id}: held {point}, a mail to {about}"),
            Self::Released(id) => write!(f, "conversation {id}: let go"),
            Self::Refused(id, to, Reply::Refuse(code)) => {
                write!(f, "conversation {id}: refuses {to} ({code})")
            }
            Self::Refused(id, to, Reply::Unavailable) => {
                write!(f, "conversation {id}: says 421 to {to} and closes")
            }
            Self::Refused(id, to, Reply::Drop) => {
                write!(f, "conversation {id}: closes without an answer to {to}")
            }
            Self::Accepted(letter) => {
                let (id, recipients) = (letter.conversation, letter.recipients.join(", "));
                write!(f, "conversation {id}: accepted a mail to {recipients}")
            }
            Self::Misbehaved(id, quirk) => write!(f, "conversation {id}: {quirk}"),
            Self::Closed(id) => write!(f, "conversation {id}: closed"),
        }
    }
}

/// Under one lock: all that is written down.
#[derive(Default)]
pub(super) struct Record {
    pub letters: Vec<Letter>,
    pub opened: usize,
    pub open: HashMap<usize, TcpStream>,
    pub peak: usize,
    /// The conversations that are held, the longest held first.
    pub held: Vec<usize>,
    gates: Vec<Gate>,
    replies: HashMap<String, Reply>,
    quirks: Vec<Quirk>,
    /// What clients said, and in which conversation: commands only.
    said: Vec<(usize, Vec<u8>)>,
    said_bytes: usize,
    settings: Settings,
}

/// What a mailbox is told to be.
struct Settings {
    max_letter_bytes: usize,
    smtputf8: bool,
    /// Letters and commands are kept, to be asked for.
    keeps: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_letter_bytes: MAX_LETTER_BYTES, smtputf8: false, keeps: true }
    }
}

impl Record {
    /// What was said in this conversation, command by command.
    pub fn commands(&self, conversation: usize) -> Vec<Vec<u8>> {
        self.said.iter().filter(|(id, _)| *id == conversation).map(|(_, line)| line.clone()).collect()
    }

    /// How many conversations are open. A client that went without a QUIT may not be noticed yet, but it counts
    /// no more.
    pub fn open_now(&self) -> usize {
        self.open.values().filter(|client| !has_gone(client)).count()
    }

    /// How many conversations are held, without those whose client has gone.
    pub fn held_now(&self) -> usize {
        let is_there = |id: &&usize| self.open.get(id).is_some_and(|client| !has_gone(client));
        self.held.iter().filter(is_there).count()
    }
}

struct Gate {
    point: Point,
    recipient: Option<String>,
}

pub(super) struct State {
    record: Mutex<Record>,
    changed: Condvar,
    closed: AtomicBool,
    observer: Box<dyn Fn(&Event) + Send + Sync>,
}

impl State {
    pub fn new(observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self {
            record: Mutex::default(),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            observer: Box::new(observer),
        }
    }

    pub fn read<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.record.lock().unwrap())
    }

    fn change<T>(&self, act: impl FnOnce(&mut Record) -> T) -> T {
        let result = act(&mut self.record.lock().unwrap());
        self.changed.notify_all();
        result
    }

    fn tell(&self, event: &Event) {
        (self.observer)(event);
    }

    /// Waits until the record fulfils `condition`; false when the limit runs out or nobody is left to fulfil it.
    pub fn wait(&self, in_vain: &dyn Fn() -> bool, condition: impl Fn(&Record) -> bool) -> bool {
        let deadline = Instant::now() + limit::limit();
        loop {
            // Before the look at the record: what a program did before it ended still counts.
            let last_look = Instant::now() >= deadline || in_vain();
            let record = self.record.lock().unwrap();
            let waiting = |record: &mut Record| !condition(record);
            let (record, _) = self.changed.wait_timeout_while(record, limit::BRIEFLY, waiting).unwrap();
            if condition(&record) || last_look {
                return condition(&record);
            }
        }
    }

    /// A client has connected. Gives the conversation's number.
    pub fn open(&self, stream: TcpStream) -> usize {
        let id = self.change(|record| {
            record.opened += 1;
            record.open.insert(record.opened, stream);
            record.peak = record.peak.max(record.open_now());
            record.opened
        });
        self.tell(&Event::Opened(id));
        id
    }

    /// The conversation is over. A second call does nothing.
    pub fn closed(&self, id: usize) {
        if self.change(|record| record.open.remove(&id)).is_some() {
            self.tell(&Event::Closed(id));
        }
    }

    pub fn accept(&self, letter: Letter) {
        self.tell(&Event::Accepted(letter.clone()));
        self.change(|record| {
            if record.settings.keeps {
                record.letters.push(letter);
            }
        });
    }

    pub fn set_reply(&self, recipient: &str, reply: Reply) {
        self.change(|record| record.replies.insert(recipient.to_owned(), reply));
    }

    /// The reply for this recipient, where it is not to be accepted.
    pub fn reply_for(&self, id: usize, recipient: &str) -> Option<Reply> {
        let reply = self.read(|record| record.replies.get(recipient).copied())?;
        self.tell(&Event::Refused(id, recipient.to_owned(), reply));
        Some(reply)
    }

    pub fn add_quirk(&self, quirk: Quirk) {
        self.change(|record| record.quirks.push(quirk));
    }

    /// What is to be done wrong about this answer.
    pub fn quirk_about(&self, id: usize, to: ReplyTo) -> Option<Quirk> {
        self.find_quirk(id, |quirk| quirk.reply_to() == Some(to))
    }

    /// Whether a conversation is to be closed after so many letters.
    pub fn closes_after(&self, id: usize, letters: usize) -> bool {
        self.find_quirk(id, |quirk| *quirk == Quirk::ClosesAfter(letters)).is_some()
    }

    /// Whether a conversation that has had so many letters gets no more.
    pub fn unavailable_after(&self, id: usize, letters: usize) -> bool {
        self.find_quirk(id, |quirk| *quirk == Quirk::UnavailableAfter(letters)).is_some()
    }

    fn find_quirk(&self, id: usize, is_it: impl Fn(&Quirk) -> bool) -> Option<Quirk> {
        let quirk = self.read(|record| record.quirks.iter().find(|quirk| is_it(quirk)).cloned())?;
        self.tell(&Event::Misbehaved(id, quirk.clone()));
        Some(quirk)
    }

    /// A client has said something. It is kept as it came, while there is room.
    pub fn said(&self, id: usize, line: &[u8]) {
        self.change(|record| {
            if record.settings.keeps && record.said_bytes + line.len() <= MAX_SAID_BYTES {
                record.said_bytes += line.len();
                record.said.push((id, line.to_vec()));
            }
        });
    }

    pub fn max_letter_bytes(&self) -> usize {
        self.read(|record| record.settings.max_letter_bytes)
    }

    pub fn set_max_letter_bytes(&self, bytes: usize) {
        self.change(|record| record.settings.max_letter_bytes = bytes);
    }

    pub fn offer_smtputf8(&self) {
        self.change(|record| record.settings.smtputf8 = true);
    }

    pub fn keep_nothing(&self) {
        self.change(|record| record.settings.keeps = false);
    }

    /// The answer to `EHLO`.
    pub fn extensions(&self) -> String {
        let (size, smtputf8) =
            self.read(|record| (record.settings.max_letter_bytes, record.settings.smtputf8));
        let smtputf8 = if smtputf8 { "250-SMTPUTF8\r\n" } else { "" };
        format!("250-mailbox.test\r\n250-8BITMIME\r\n{smtputf8}250 SIZE {size}")
    }

    /// Whether a parameter of `MAIL FROM` is one of those that `EHLO` has offered, and can be granted. The error is the
    /// answer.
    pub fn knows(&self, parameter: &str) -> Result<(), String> {
        let parameter = parameter.to_ascii_uppercase();
        match parameter.split_once('=').unwrap_or((&parameter, "")) {
            ("BODY", "7BIT" | "8BITMIME") => Ok(()),
            ("SMTPUTF8", "") if self.read(|record| record.settings.smtputf8) => Ok(()),
            ("SIZE", size) => match size.parse::<usize>() {
                Ok(size) if size <= self.max_letter_bytes() => Ok(()),
                Ok(_) => Err("552 the letter is longer than SIZE says".into()),
                Err(_) => Err("501 SIZE is a number".into()),
            },
            _ => Err("555 there is no such parameter".into()),
        }
    }

    pub fn hold(&self, point: Point, recipient: Option<String>) {
        self.change(|record| record.gates.push(Gate { point, recipient }));
    }

    pub fn held(&self) -> usize {
        self.read(Record::held_now)
    }

    pub fn release_one(&self) {
        self.change(|record| (!record.held.is_empty()).then(|| record.held.remove(0)));
    }

    pub fn release(&self, id: usize) {
        self.change(|record| record.held.retain(|held| *held != id));
    }

    pub fn release_all(&self) {
        self.change(|record| {
            record.gates.clear();
            record.held.clear();
        });
    }

    /// Waits at the gates, if one is closed for this conversation. False when the client went away meanwhile.
    pub fn pass(&self, id: usize, point: Point, recipients: &[String]) -> bool {
        let mut record = self.record.lock().unwrap();
        if !record.gates.iter().any(|gate| gate.stops(point, recipients)) {
            return true;
        }
        let Some(client) = record.open.get(&id).and_then(|stream| stream.try_clone().ok()) else {
            return false;
        };
        record.held.push(id);
        self.changed.notify_all();
        self.tell(&Event::Held(id, point, recipients.join(", ")));
        while record.held.contains(&id) {
            if has_gone(&client) || self.is_closed() {
                record.held.retain(|held| *held != id);
                self.changed.notify_all();
                return false;
            }
            // A client that goes away wakes no one, so look now and then.
            record = self.changed.wait_timeout(record, Duration::from_millis(10)).unwrap().0;
        }
        self.tell(&Event::Released(id));
        true
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.change(|record| {
            for stream in record.open.values() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }
}

impl Gate {
    fn stops(&self, point: Point, recipients: &[String]) -> bool {
        let about_me = |wanted: &String| recipients.contains(wanted);
        self.point == point && self.recipient.as_ref().is_none_or(about_me)
    }
}

/// Whether the client has closed its end. Data that waits to be read stays where it is.
fn has_gone(client: &TcpStream) -> bool {
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    match recv(client.as_raw_fd(), &mut [0], flags) {
        Ok(count) => count == 0,
        Err(error) => error != Errno::EAGAIN,
    }
}
