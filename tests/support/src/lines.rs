//! What a program writes to a pipe, and who reads it.

use crate::{Spec, limit};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

/// Who reads what a program writes to stdout or stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// The spec reads everything.
    #[default]
    Stays,
    /// The spec goes away after so many lines, as `head` does: what is written later fails with EPIPE. With 0, it has
    /// gone before the program begins.
    LeavesAfter(usize),
    /// The spec reads so many lines, then no more, but keeps the pipe open: once it is full, the program waits. With
    /// 0, it is full before the program begins. Otherwise it takes some kilobytes more: 4 on Linux, 64 on macOS.
    StopsAfter(usize),
    /// There is no reader but a full disk: each write fails with ENOSPC. On macOS, which has no `/dev/full`, this is
    /// the same as `LeavesAfter(0)`.
    DiskFull,
}

impl Reader {
    /// Everybody who may read a program's log, nobody included, each with what stderr then is, in words. The spec is first,
    /// so that it sees a `todo!`.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Stays, "is read"),
        (Self::LeavesAfter(0), "has no reader"),
        (Self::DiskFull, "is a full disk"),
        (Self::StopsAfter(0), "is a full pipe that nobody reads"),
    ];

    /// What the program gets, and what is read from, where it is not the pipe that `Command` makes.
    pub(crate) fn open(self) -> io::Result<(Stdio, Option<PipeReader>)> {
        match self {
            Self::DiskFull if cfg!(target_os = "linux") => {
                Ok((OpenOptions::new().write(true).open("/dev/full")?.into(), None))
            }
            Self::LeavesAfter(0) | Self::DiskFull => {
                let (reader, writer) = io::pipe()?;
                drop(reader);
                wait_until_no_reader_is_left(&writer)?;
                Ok((writer.into(), None))
            }
            Self::StopsAfter(0) => {
                let (reader, writer) = io::pipe()?;
                fill(&writer)?;
                Ok((writer.into(), Some(reader)))
            }
            Self::Stays | Self::LeavesAfter(_) | Self::StopsAfter(_) => Ok((Stdio::piped(), None)),
        }
    }

    /// The number of lines after which the spec reads no more.
    fn stops(self) -> Option<usize> {
        match self {
            Self::LeavesAfter(lines) | Self::StopsAfter(lines) => Some(lines),
            Self::Stays | Self::DiskFull => None,
        }
    }
}

/// Writes until nothing more goes in.
fn fill(mut pipe: &PipeWriter) -> io::Result<()> {
    without_blocking(pipe, || {
        loop {
            match pipe.write(&[b'\n'; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    })
}

/// A program that another test starts just now has a copy of every descriptor, between its fork and its exec. Only when no
/// copy of the reader's end is left, a write fails.
fn wait_until_no_reader_is_left(pipe: impl AsFd + Write + Copy) -> io::Result<()> {
    without_blocking(pipe, || {
        let failed = limit::poll(limit::limit(), || {
            let mut pipe = pipe;
            pipe.write(b"\n").is_err_and(|error| error.kind() == ErrorKind::BrokenPipe).then_some(())
        });
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

/// What a program writes to a pipe, collected by a thread.
pub(crate) struct Lines {
    shared: Arc<(Mutex<Text>, Condvar)>,
    spec: Spec,
    /// A pipe that nobody reads: it is only kept open.
    _unread: Option<PipeReader>,
}

#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    lines: Vec<Vec<u8>>,
    /// How many of the bytes are in `lines` already.
    split: usize,
    /// There is no line end in `bytes[split..searched]`. A line may have many megabytes, so none is searched twice.
    searched: usize,
    /// Nothing more will come.
    ended: bool,
    /// A pipe that is not read any more, and kept open.
    kept: Option<Box<dyn Send>>,
}

pub(crate) enum Waited<T> {
    Found(T),
    Ended,
    TimeOut,
}

/// What is noted about what is read.
pub(crate) struct Noted {
    pub spec: Spec,
    pub who: String,
    /// Lines with this word are no part of the transcript.
    pub not_noted: Option<&'static str>,
}

impl Lines {
    /// Reads `pipe`. Where there is none, there is nothing to read.
    pub fn read(
        pipe: Option<impl Read + AsFd + Send + 'static>,
        reader: Reader,
        unread: Option<PipeReader>,
        noted: Noted,
    ) -> Self {
        let shared = Arc::new((Mutex::new(Text::default()), Condvar::new()));
        let lines = Self { shared: Arc::clone(&shared), spec: noted.spec.clone(), _unread: unread };
        match pipe {
            Some(pipe) => drop(thread::spawn(move || collect(pipe, reader, &shared, &noted))),
            None => shared.0.lock().unwrap().ended = true,
        }
        lines
    }

    /// Waits for the line of this number, counted from 0.
    pub fn wait_line(&self, number: usize) -> Waited<String> {
        self.wait(|text| text.lines.get(number).map(|line| to_text(line)))
    }

    /// Waits for a line that `is_it`.
    pub fn wait_for(&self, is_it: impl Fn(&str) -> bool) -> Waited<String> {
        let matching = |bytes: &Vec<u8>| Some(to_text(bytes)).filter(|line| is_it(line));
        self.wait(|text| text.lines.iter().find_map(matching))
    }

    /// Waits until `find` finds something.
    fn wait<T>(&self, mut find: impl FnMut(&Text) -> Option<T>) -> Waited<T> {
        let deadline = Instant::now() + limit::limit();
        let mut text = self.shared.0.lock().unwrap();
        loop {
            if let Some(found) = find(&text) {
                return Waited::Found(found);
            }
            if text.ended {
                return Waited::Ended;
            }
            if Instant::now() >= deadline || self.spec.todo().is_some() {
                return Waited::TimeOut;
            }
            text = self.shared.1.wait_timeout(text, limit::BRIEFLY).unwrap().0;
        }
    }

    pub fn has_ended(&self) -> bool {
        self.shared.0.lock().unwrap().ended
    }

    pub fn wait_for_end(&self) -> bool {
        matches!(self.wait(|text| text.ended.then_some(())), Waited::Found(()))
    }

    /// The whole lines so far.
    pub fn so_far(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().lines.iter().map(|line| to_text(line)).collect()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap().bytes.clone()
    }

    pub fn all(&self) -> String {
        to_text(&self.bytes())
    }
}

fn collect(
    mut pipe: impl Read + AsFd + Send + 'static,
    reader: Reader,
    shared: &(Mutex<Text>, Condvar),
    noted: &Noted,
) {
    // So that it is full soon. A larger one does no harm.
    #[cfg(target_os = "linux")]
    if let Reader::StopsAfter(_) = reader {
        let _ = fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(4096));
    }
    let mut buffer = vec![0; 64 * 1024];
    let mut last = String::new();
    loop {
        let count = match pipe.read(&mut buffer) {
            // A signal is no end of file.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            count => count.unwrap_or(0),
        };
        let mut text = shared.0.lock().unwrap();
        text.bytes.extend_from_slice(&buffer[..count]);
        text.ended = count == 0;
        for line in text.take_lines() {
            let line = to_text(&line);
            if !noted.not_noted.is_some_and(|word| line.contains(word)) {
                noted.spec.transcript().note(noted.who.as_str(), &line);
            }
            noted.spec.remember_panic(&last, &line);
            last = line;
        }
        let stops = !text.ended && reader.stops().is_some_and(|lines| text.lines.len() >= lines);
        if stops {
            noted.spec.transcript().note(noted.who.as_str(), "(is not read any more)");
        }
        // Under the lock: a spec that has seen the last line finds the pipe closed.
        if stops && matches!(reader, Reader::StopsAfter(_)) {
            text.kept = Some(Box::new(pipe));
            text.ended = true;
            shared.1.notify_all();
            return;
        }
        if stops || text.ended {
            if stops {
                leave(pipe);
            }
            text.ended = true;
            shared.1.notify_all();
            return;
        }
        shared.1.notify_all();
    }
}

/// Closes a pipe. On Linux, this waits until nobody else has it either: a descriptor opens again by its name in /proc.
fn leave(pipe: impl AsFd) {
    let number = pipe.as_fd().as_raw_fd();
    let writer = OpenOptions::new().write(true).open(format!("/proc/self/fd/{number}"));
    drop(pipe);
    if let Ok(writer) = writer {
        // Where it takes too long, the check that needs it says so.
        let _ = wait_until_no_reader_is_left(&writer);
    }
}

impl Text {
    /// The lines that came since the last call. What has no line end is a line only at end of file.
    fn take_lines(&mut self) -> Vec<Vec<u8>> {
        let mut new = Vec::new();
        // `contains` is compiled with optimization, `position` is not.
        while self.bytes[self.searched..].contains(&b'\n') {
            let length = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n').unwrap_or(0);
            let end = self.searched + length;
            new.push(self.bytes[self.split..end].to_vec());
            self.split = end + 1;
            self.searched = self.split;
        }
        self.searched = self.bytes.len();
        if self.ended && self.split < self.bytes.len() {
            new.push(self.bytes[self.split..].to_vec());
            self.split = self.bytes.len();
        }
        self.lines.extend(new.iter().cloned());
        new
    }
}

pub(crate) fn to_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
