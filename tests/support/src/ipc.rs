//! A plain end of a Node-style channel, for specs of programs that speak it.
//!
//! Written with std's blocking sockets and threads alone, so that no spec depends on the code it tests. One
//! JSON document a line, over a Unix socket pair, as Node's `child_process.fork` does it.

use crate::lines::{Awaited, Lines, Noted, to_line, to_text, unread};
use crate::wait::Waited;
use crate::{Check, Spec, Transcript, limit};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, raise};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// The spec's end of a channel to the program under test, from [`Program::fork`](crate::Program::fork).
///
/// A thread reads all the time, so the program can always write. Dropping the channel closes it.
pub struct Channel {
    stream: UnixStream,
    lines: Lines,
    transcript: Transcript,
    taken: usize,
    childs_number: i32,
}

/// Gives `command` a channel. The second value is the child's end: close it when the child is started.
pub(crate) fn attach(command: &mut Command, spec: &Spec, mode: &str) -> io::Result<(Channel, OwnedFd)> {
    let (ours, childs) = UnixStream::pair()?;
    // A number that differs from run to run: a program must use the one that it is told.
    let lowest = i32::try_from(spec.number(10..40)).unwrap_or(10);
    let number = fcntl(&childs, FcntlArg::F_DUPFD_CLOEXEC(lowest))?;
    // SAFETY: F_DUPFD_CLOEXEC has made this descriptor, and nobody else owns it.
    let childs = unsafe { OwnedFd::from_raw_fd(number) };
    command.env("NODE_CHANNEL_FD", number.to_string()).env("NODE_CHANNEL_SERIALIZATION_MODE", mode);
    let inherit = move || {
        // SAFETY: the child has a copy of every descriptor of the parent, and the parent keeps `childs` open
        // until the child is started.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(())
    };
    // SAFETY: between fork and exec only fcntl(2) is called, which is async-signal-safe.
    unsafe { command.pre_exec(inherit) };
    Ok((Channel::new(ours, number, spec)?, childs))
}

impl Channel {
    /// What comes instead of a message when the program has closed its end.
    pub const END: &str = "the end of the channel";

    fn new(stream: UnixStream, childs_number: i32, spec: &Spec) -> io::Result<Self> {
        // A program that never reads must not make the spec hang.
        stream.set_write_timeout(Some(limit::limit()))?;
        let noted =
            Noted { spec: spec.clone(), who: "channel <".to_owned(), not_noted: None, end: Some("(end)") };
        let lines = Lines::read(Some(stream.try_clone()?), None, noted);
        Ok(Self { stream, lines, transcript: spec.transcript().clone(), taken: 0, childs_number })
    }

    /// The number of the child's descriptor, as `NODE_CHANNEL_FD` announces it.
    pub fn childs_number(&self) -> i32 {
        self.childs_number
    }

    /// Sends one message.
    pub fn send(&mut self, check: &Check, message: &Value) {
        self.send_bytes(check, format!("{message}\n").as_bytes());
    }

    /// Sends bytes as they are: half a frame, several frames, or no frame at all.
    pub fn send_bytes(&mut self, check: &Check, bytes: &[u8]) {
        self.transcript.note("channel >", String::from_utf8_lossy(bytes));
        match self.stream.write_all(bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                check.time_out("the program reads what is sent on the channel", Waited::Long(limit::limit()));
            }
            Err(error) => check.fail("the program keeps its end of the channel open", &error.to_string()),
        }
    }

    /// Waits until the program has read everything that was sent, so that what is sent next is a read of its
    /// own. Other systems than Linux cannot tell; there it does nothing.
    pub fn wait_read(&self, check: &Check) {
        let is_read = || (unread(&self.stream, nix::libc::TIOCOUTQ) == 0).then_some(());
        check.eventually("the program reads what is sent on the channel", is_read);
    }

    /// The next message from the program.
    pub fn recv(&mut self, check: &Check) -> Value {
        match self.next(check, &self.next_message()) {
            Some(line) => serde_json::from_slice(&line).unwrap_or_else(|error| {
                let came = match line.is_empty() {
                    true => format!("an empty line, and then: {}", self.lines.rest()),
                    false => format!("{}\n({error})", to_text(&line)),
                };
                check.fail("a message: one JSON document on a line", &came)
            }),
            None => check.fail(&self.next_message(), Self::END),
        }
    }

    /// The next message, or `Err` with what comes instead of one: [`END`](Self::END), for example. `None` when nothing comes.
    /// For a check that fails in none of these cases.
    pub fn try_recv(&mut self) -> Option<Result<Value, String>> {
        match self.lines.wait_line(self.taken, limit::limit()) {
            Awaited::Found(line) if line.ends_with(b"\n") => {
                self.taken += 1;
                Some(serde_json::from_slice(&line).map_err(|_| to_line(&line)))
            }
            Awaited::Found(part) => Some(Err(to_text(&part))),
            Awaited::TimeOut(_) => Some(self.lines.rest()).filter(|rest| !rest.is_empty()).map(Err),
            Awaited::Ended => Some(Err(Self::END.to_owned())),
        }
    }

    /// How many messages have come that were not received yet.
    pub fn waiting(&self) -> usize {
        self.lines.so_far().len() - self.taken
    }

    /// Whether the program has closed its end, and everything that it sent before has come.
    pub fn is_at_end(&self) -> bool {
        self.lines.wait_for_end(Duration::ZERO)
    }

    /// Waits until the program closes its end. A message that comes instead is a failure.
    pub fn ends(&mut self, check: &Check) {
        if let Some(line) = self.next(check, "the program closes its end of the channel") {
            let got = format!("the message {}", String::from_utf8_lossy(&line));
            check.fail("the program closes its end of the channel", &got);
        }
    }

    /// Fails when a message comes within a moment.
    pub fn stays_silent(&mut self, check: &Check, why: &str) {
        if let Awaited::Found(line) = self.lines.wait_line(self.taken, limit::BRIEFLY) {
            check.fail(&format!("no message yet: {why}"), &to_line(&line));
        }
    }

    /// Closes the channel, as Node's `disconnect()` does.
    pub fn disconnect(&mut self) {
        self.transcript.note("channel >", "(disconnect)");
        // The reading thread holds a copy of the descriptor, so closing ours would not be enough.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// From now on the program can't send anything: the kernel refuses what it writes (EPIPE), as if this end were
    /// closed already. What is sent here still arrives.
    pub fn stop_reading(&mut self) {
        self.transcript.note("channel >", "(reads no more)");
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// What is waited for, in words.
    fn next_message(&self) -> String {
        match self.taken {
            0 => "a message from the program on the channel".to_owned(),
            1 => "a message from the program on the channel, after the one that came".to_owned(),
            taken => format!("a message from the program on the channel, after the {taken} that came"),
        }
    }

    /// The next line, without its line end; `None` at the end of the channel. `expected` says what is waited for.
    fn next(&mut self, check: &Check, expected: &str) -> Option<Vec<u8>> {
        let part = match self.lines.wait_line(self.taken, limit::limit()) {
            Awaited::Found(line) if line.ends_with(b"\n") => {
                self.taken += 1;
                return Some(line[..line.len() - 1].to_vec());
            }
            Awaited::Found(part) => to_text(&part),
            Awaited::TimeOut(waited) if self.lines.rest().is_empty() => check.time_out(expected, waited),
            Awaited::TimeOut(_) => self.lines.rest(),
            Awaited::Ended => return None,
        };
        check.fail(expected, &format!("bytes without a newline at their end: {part}"))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// The child's end of a channel, for a process that a spec plays itself.
///
/// A spec of a forking program starts its own test program a second time as the child; see
/// [`test_as_child`].
pub struct Child {
    reader: BufReader<UnixStream>,
    stream: UnixStream,
}

impl Child {
    /// Takes over the channel that `NODE_CHANNEL_FD` announces. `None` when this process was not forked.
    pub fn from_environment() -> Option<Self> {
        let number: i32 = std::env::var("NODE_CHANNEL_FD").ok()?.parse().ok()?;
        // SAFETY: the parent announced this descriptor for us, and this is the only place that takes it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        fcntl(descriptor.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
        let stream = UnixStream::from(descriptor);
        stream.set_nonblocking(false).ok()?;
        Some(Self { reader: BufReader::new(stream.try_clone().ok()?), stream })
    }

    /// The next message; `None` at the end of the channel or for what is no JSON.
    pub fn recv(&mut self) -> Option<Value> {
        serde_json::from_slice(&self.recv_bytes()?).ok()
    }

    /// The next frame as it came, with its newline; `None` at the end of the channel.
    pub fn recv_bytes(&mut self) -> Option<Vec<u8>> {
        let mut frame = Vec::new();
        self.reader.read_until(b'\n', &mut frame).ok().filter(|count| *count > 0)?;
        Some(frame)
    }

    /// Sends one message. An error means that the parent has gone.
    pub fn send(&mut self, message: &Value) -> io::Result<()> {
        self.send_bytes(format!("{message}\n").as_bytes())
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The number of the channel's descriptor.
    pub fn descriptor(&self) -> i32 {
        self.stream.as_raw_fd()
    }

    /// Stops this process until somebody sends SIGCONT.
    pub fn stop() {
        // The signal goes to this thread, and not to any other one of the process: so it is here that it stops.
        let _ = raise(Signal::SIGSTOP);
    }
}

/// The command line that starts this test program again, as a child that runs only the test `name`.
///
/// That test is marked `#[ignore]`, takes [`Child::from_environment`] and plays the child. What libtest
/// prints is thrown away, so that the parent's stdout stays its own.
pub fn test_as_child(name: &str) -> Vec<String> {
    let program = std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string());
    let script = "exec \"$0\" \"$@\" >/dev/null";
    let arguments = ["--exact", "--ignored", "--nocapture", "--test-threads=1"];
    ["sh", "-c", script, &program, name].into_iter().chain(arguments).map(str::to_owned).collect()
}
