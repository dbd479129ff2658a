//! What the conversations of a mailbox share: the record, the gates, the replies.

use super::Letter;
use super::quirk::Quirk;
use crate::limit;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

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
        let (id, what) = match self {
            Self::Opened(id) => (id, "opened".to_owned()),
            Self::Held(id, point, about) if about.is_empty() => (id, format!("held {point}")),
            Self::Held(id, point, about) => (id, format!("held {point}, a mail to {about}")),
            Self::Released(id) => (id, "let go".to_owned()),
            Self::Refused(id, to, Reply::Refuse(code)) => (id, format!("refuses {to} ({code})")),
            Self::Refused(id, to, Reply::Unavailable) => (id, format!("says 421 to {to} and closes")),
            Self::Refused(id, to, Reply::Drop) => (id, format!("closes without an answer to {to}")),
            Self::Accepted(letter) => {
                (&letter.conversation, format!("accepted a mail to {}", letter.recipients.join(", ")))
            }
            Self::Misbehaved(id, quirk) => (id, quirk.to_string()),
            Self::Closed(id) => (id, "closed".to_owned()),
        };
        write!(f, "conversation {id}: {what}")
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
    /// Where conversations are held: all of them, or those about a recipient.
    pub gates: Vec<(Point, Option<String>)>,
    pub replies: HashMap<String, Reply>,
    pub quirks: Vec<Quirk>,
    /// What clients said, and in which conversation: commands only.
    pub said: Vec<(usize, Vec<u8>)>,
    pub offers_smtputf8: bool,
    pub keeps_nothing: bool,
    pub closed: bool,
}

impl Record {
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

pub(super) struct State {
    record: Mutex<Record>,
    changed: Condvar,
    observer: Box<dyn Fn(&Event) + Send + Sync>,
}

impl State {
    pub fn new(observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { record: Mutex::default(), changed: Condvar::new(), observer: Box::new(observer) }
    }

    pub fn read<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.record.lock().unwrap())
    }

    pub fn change<T>(&self, act: impl FnOnce(&mut Record) -> T) -> T {
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
            if !record.keeps_nothing {
                record.letters.push(letter);
            }
        });
    }

    /// The reply for this recipient, where it is not to be accepted.
    pub fn reply_for(&self, id: usize, recipient: &str) -> Option<Reply> {
        let reply = self.read(|record| record.replies.get(recipient).copied())?;
        self.tell(&Event::Refused(id, recipient.to_owned(), reply));
        Some(reply)
    }

    /// What is to be done wrong now, where `is_it` says that it is for this moment.
    pub fn quirk(&self, id: usize, is_it: impl Fn(&Quirk) -> bool) -> Option<Quirk> {
        let quirk = self.read(|record| record.quirks.iter().find(|quirk| is_it(quirk)).cloned())?;
        self.tell(&Event::Misbehaved(id, quirk.clone()));
        Some(quirk)
    }

    /// A client has said something. It is kept as it came.
    pub fn said(&self, id: usize, line: &[u8]) {
        self.change(|record| {
            if !record.keeps_nothing {
                record.said.push((id, line.to_vec()));
            }
        });
    }

    /// Waits at the gates, if one is closed for this conversation. An error when the client went away meanwhile.
    pub fn pass(&self, id: usize, point: Point, recipients: &[String]) -> io::Result<()> {
        let stops = |(gate, recipient): &(Point, Option<String>)| {
            *gate == point && recipient.as_ref().is_none_or(|wanted| recipients.contains(wanted))
        };
        let mut record = self.record.lock().unwrap();
        if !record.gates.iter().any(stops) {
            return Ok(());
        }
        let client = record.open.get(&id).ok_or(ErrorKind::NotConnected)?.try_clone()?;
        record.held.push(id);
        self.changed.notify_all();
        self.tell(&Event::Held(id, point, recipients.join(", ")));
        loop {
            // Checked once more after the release: a client that was killed meanwhile gets no mail accepted.
            if has_gone(&client) || record.closed {
                record.held.retain(|held| *held != id);
                self.changed.notify_all();
                return Err(ErrorKind::NotConnected.into());
            }
            if !record.held.contains(&id) {
                break;
            }
            // A client that goes away wakes no one, so look now and then.
            record = self.changed.wait_timeout(record, Duration::from_millis(10)).unwrap().0;
        }
        self.tell(&Event::Released(id));
        Ok(())
    }

    pub fn close(&self) {
        self.change(|record| {
            record.closed = true;
            for stream in record.open.values() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
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
