//! What a program writes to a pipe, and who reads it.

use crate::wait::{Wait, Waited};
use crate::{Spec, limit};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Who reads what a program writes to stdout or stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// The spec reads everything.
    #[default]
    Stays,
    /// Nobody, as after `| true`: each write fails with EPIPE.
    Left,
    /// Nobody, but the pipe stays open and is full: each write waits.
    Stopped,
    /// There is no reader but a full disk: each write fails with ENOSPC. On macOS, which has no `/dev/full`, this is
    /// the same as `Left`.
    DiskFull,
}

impl Reader {
    /// Everybody who may read a program's log, nobody included, each with what stderr then is, in words. The spec is first,
    /// so that it sees a `todo!`.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Stays, "is read"),
        (Self::Left, "has no reader"),
        (Self::DiskFull, "is a full disk"),
        (Self::Stopped, "is a full pipe that nobody reads"),
    ];

    /// What the program gets, and what is read from, where it is not the pipe that `Command` makes.
    pub(crate) fn open(self) -> io::Result<(Stdio, Option<PipeReader>)> {
        match self {
            Self::DiskFull if cfg!(target_os = "linux") => {
                Ok((OpenOptions::new().write(true).open("/dev/full")?.into(), None))
            }
            Self::Left | Self::DiskFull => {
                let (reader, writer) = io::pipe()?;
                drop(reader);
                wait_until_no_reader_is_left(&writer)?;
                Ok((writer.into(), None))
            }
            Self::Stopped => {
                let (reader, writer) = io::pipe()?;
                fill(&writer)?;
                Ok((writer.into(), Some(reader)))
            }
            Self::Stays => Ok((Stdio::piped(), None)),
        }
    }
}

/// Writes until nothing more goes in.
fn fill(mut pipe: &PipeWriter) -> io::Result<()> {
    without_blocking(pipe, || {
        loop {
            match pipe.write(&[b'\n'; 4096]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                written => written?,
            };
        }
    })
}

/// A program that another test starts just now has a copy of every descriptor, between its fork and its exec. Only when no
/// copy of the reader's end is left, a write fails.
fn wait_until_no_reader_is_left(mut pipe: &PipeWriter) -> io::Result<()> {
    without_blocking(pipe, || {
        let mut fails = || pipe.write(b"\n").is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        let failed = limit::poll(limit::limit(), || fails().then_some(()));
        failed.ok_or_else(|| io::Error::other("a pipe still has a reader"))
    })
}

/// The flag belongs to the pipe, and a program has the same pipe: it is taken away afterwards.
fn without_blocking(pipe: impl AsFd, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let done = act();
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::empty()))?;
    done
}

/// What a program writes to a pipe or a socket, collected by a thread.
pub(crate) struct Lines {
    shared: Arc<(Mutex<Text>, Condvar)>,
    spec: Spec,
    /// A pipe that nobody reads: it is only kept open.
    _unread: Option<PipeReader>,
}

#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    /// Where each line ends. What has no line end is a line only at end of file.
    ends: Vec<usize>,
    /// Nothing more will come.
    ended: bool,
}

impl Text {
    /// The line of this number, counted from 0, with its line end.
    fn line(&self, number: usize) -> Option<&[u8]> {
        let begin = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[begin..*self.ends.get(number)?])
    }

    /// What has come since the last line end.
    fn rest(&self) -> &[u8] {
        &self.bytes[self.ends.last().copied().unwrap_or(0)..]
    }

    /// Adds what was read: nothing at end of file.
    fn add(&mut self, bytes: &[u8]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.ends.extend(memchr::memchr_iter(b'\n', bytes).map(|at| begin + at + 1));
        self.ended = bytes.is_empty();
        if self.ended && !self.rest().is_empty() {
            self.ends.push(begin);
        }
    }
}

/// What came of waiting for a line.
pub(crate) enum Awaited<T> {
    Found(T),
    Ended,
    TimeOut(Waited),
}

/// What is noted about what is read.
pub(crate) struct Noted {
    pub spec: Spec,
    pub who: String,
    /// Lines with this word are no part of the transcript.
    pub not_noted: Option<&'static str>,
    /// What is noted at end of file.
    pub end: Option<&'static str>,
}

impl Lines {
    /// Reads `pipe`. Where there is none, there is nothing to read.
    pub fn read(pipe: Option<impl Read + Send + 'static>, unread: Option<PipeReader>, noted: Noted) -> Self {
        let shared = Arc::new((Mutex::new(Text::default()), Condvar::new()));
        let lines = Self { shared: Arc::clone(&shared), spec: noted.spec.clone(), _unread: unread };
        match pipe {
            Some(pipe) => drop(thread::spawn(move || collect(pipe, &shared, &noted))),
            None => shared.0.lock().unwrap().ended = true,
        }
        lines
    }

    /// Waits for the line of this number, counted from 0, and gives it with its line end.
    pub fn wait_line(&self, number: usize, limit: Duration) -> Awaited<Vec<u8>> {
        self.wait(limit, |text| text.line(number).map(<[u8]>::to_vec))
    }

    /// Waits for a line that `is_it`.
    pub fn wait_for(&self, is_it: impl Fn(&str) -> bool) -> Awaited<String> {
        let mut seen = 0;
        self.wait(limit::limit(), |text| {
            let new = std::mem::replace(&mut seen, text.ends.len());
            (new..seen).filter_map(|number| text.line(number)).map(to_line).find(|line| is_it(line))
        })
    }

    pub fn wait_for_end(&self, limit: Duration) -> bool {
        matches!(self.wait(limit, |text| text.ended.then_some(())), Awaited::Found(()))
    }

    /// Waits until `find` finds something.
    fn wait<T>(&self, limit: Duration, mut find: impl FnMut(&Text) -> Option<T>) -> Awaited<T> {
        let mut wait = Wait::with_limit(&self.spec, limit);
        let mut text = self.shared.0.lock().unwrap();
        loop {
            if let Some(found) = find(&text) {
                return Awaited::Found(found);
            }
            if text.ended {
                return Awaited::Ended;
            }
            drop(self.shared.1.wait_timeout(text, limit.min(limit::A_MOMENT)).unwrap());
            // Not under the lock: looking at processes takes its time, and what comes meanwhile has to be read.
            if let Some(waited) = wait.watch() {
                return find(&self.shared.0.lock().unwrap()).map_or(Awaited::TimeOut(waited), Awaited::Found);
            }
            text = self.shared.0.lock().unwrap();
        }
    }

    /// The whole lines so far.
    pub fn so_far(&self) -> Vec<String> {
        let text = self.shared.0.lock().unwrap();
        (0..text.ends.len()).filter_map(|number| text.line(number)).map(to_line).collect()
    }

    /// What has come since the last line end.
    pub fn rest(&self) -> String {
        to_text(self.shared.0.lock().unwrap().rest())
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap().bytes.clone()
    }

    pub fn all(&self) -> String {
        to_text(&self.bytes())
    }
}

fn collect(mut pipe: impl Read, shared: &(Mutex<Text>, Condvar), noted: &Noted) {
    let mut buffer = vec![0; 64 * 1024];
    let mut last = String::new();
    loop {
        let count = match pipe.read(&mut buffer) {
            // A signal is no end of file.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // unix(7): ECONNRESET means that the peer closed with our data unread. That is an end, too.
            count => count.unwrap_or(0),
        };
        let mut text = shared.0.lock().unwrap();
        let seen = text.ends.len();
        text.add(&buffer[..count]);
        for line in (seen..text.ends.len()).filter_map(|number| text.line(number)).map(to_line) {
            noted.line(&line, &last);
            last = line;
        }
        if let Some(end) = noted.end.filter(|_| text.ended) {
            noted.spec.transcript().note(noted.who.as_str(), end);
        }
        shared.1.notify_all();
        if text.ended {
            return;
        }
    }
}

impl Noted {
    fn line(&self, line: &str, before: &str) {
        if !self.not_noted.is_some_and(|word| line.contains(word)) {
            self.spec.transcript().note(self.who.as_str(), line);
        }
        self.spec.remember_panic(before, line);
    }
}

/// How much of what was written to this end is not read yet, which only Linux tells. `request` is FIONREAD for a pipe
/// (ioctl_list(2)), and TIOCOUTQ for a socket (unix(7) calls it SIOCOUTQ).
pub(crate) fn unread(end: impl AsFd, request: libc::c_ulong) -> usize {
    let mut count: libc::c_int = 0;
    if cfg!(target_os = "linux") {
        // SAFETY: the descriptor is open, and both requests write one int, for which `count` has room. Where one
        // is not known, nothing is written.
        unsafe { libc::ioctl(end.as_fd().as_raw_fd(), request, &raw mut count) };
    }
    usize::try_from(count).unwrap_or(0)
}

pub(crate) fn to_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A line without its end.
pub(crate) fn to_line(bytes: &[u8]) -> String {
    to_text(bytes.strip_suffix(b"\n").unwrap_or(bytes))
}
