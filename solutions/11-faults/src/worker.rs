//! A worker as its server sees it. No process is assumed to be alive.

use channel::{Process, Receiver, Sender, Signal};
use jobs::{Assignment, Progress, Report};
use mail::log;
use server::{Timeouts, within};
use std::io;
use std::process::{Command, ExitStatus};
use std::time::Duration;
use tokio::time::timeout;

/// How long to listen to what is left in the channel of a worker that has exited.
/// Only a process that the worker started can keep the channel open for longer.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// The longest message on the channel, in bytes. An assignment takes more than the request that it
/// came from, since each mail has a Message-ID in it; a worker that sends more than this is wrong.
const MAX_MESSAGE_BYTES: usize = 4 * web::MAX_BODY_BYTES;
/// How many messages about an assignment may be something other than a report.
const MAX_OTHER_MESSAGES: usize = 100;

/// A worker process, and both halves of the channel to it.
pub struct Worker {
    sender: Sender,
    receiver: Receiver,
    process: Process,
    timeouts: Timeouts,
    has_worked: bool,
}

/// What a worker can do wrong.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// It said nothing for too long.
    Silent,
    /// The channel was closed before the reply.
    Disconnected,
    /// What it said makes no sense, or can't be true.
    Invalid(String),
}

impl Worker {
    /// Forks a worker.
    ///
    /// # Errors
    /// One line of text when the system doesn't let us.
    pub fn fork(command: Command, timeouts: Timeouts) -> Result<Self, String> {
        let mut child = channel::fork(command).map_err(|error| format!("cannot fork send_mail: {error}"))?;
        child.channel().set_max_frame_bytes(MAX_MESSAGE_BYTES);
        let (sender, receiver, process) = child.split();
        Ok(Self { sender, receiver, process, timeouts, has_worked: false })
    }

    /// The pid.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether the worker has done anything so far.
    pub fn has_worked(&self) -> bool {
        self.has_worked
    }

    /// Gives the worker an assignment, and records what it says until its reply.
    ///
    /// # Errors
    /// What the worker did wrong. It is gone then: it was made to exit, if need be.
    pub async fn work(&mut self, assignment: &Assignment, progress: &mut Progress) -> Result<(), String> {
        let talked = self.talk(assignment, progress).await;
        self.has_worked |= progress.has_news();
        let Err(fault) = talked else { return Ok(()) };
        let ended = self.end(progress, fault == Fault::Silent).await;
        let pid = self.id();
        Err(match fault {
            Fault::Silent => format!("worker {pid} was silent for {:?}; it {ended}", self.timeouts.silence),
            Fault::Disconnected => format!("worker {pid} disconnected before its reply; it {ended}"),
            Fault::Invalid(what) => format!("worker {pid} sent an invalid message: {what}; it {ended}"),
        })
    }

    /// Lets a worker go that has nothing to do: it exits when its
    /// channel closes. One that doesn't is made to.
    pub async fn dismiss(&mut self) {
        let grace = self.timeouts.grace;
        let _ = timeout(grace, self.sender.disconnect()).await;
        if timeout(grace, self.process.wait()).await.is_err() {
            self.end(&mut Progress::empty(), true).await;
        }
    }

    /// Waits until a worker that wasn't asked to exit has exited, and says how. Cancel safe.
    pub async fn exited(&mut self) -> String {
        describe(self.process.wait().await)
    }

    // ANCHOR: talk
    /// Sends the assignment, and records every report up to the reply. The
    /// worker may not be silent for too long, and it may not take too long to read.
    async fn talk(&mut self, assignment: &Assignment, progress: &mut Progress) -> Result<(), Fault> {
        let silence = self.timeouts.silence;
        // ANCHOR: step_3 todo!("3: send the assignment, record the reports up to the reply, within the time")
        // If the worker is gone, `recv` below will say so.
        let sent = within(silence, self.sender.send(assignment)).await;
        sent.ok_or(Fault::Silent)?.ok();
        for _ in 0..most_messages(assignment) {
            let received = within(silence, self.receiver.recv::<Report>()).await;
            match received.ok_or(Fault::Silent)? {
                Ok(Some(report)) if progress.note(&report).map_err(Fault::Invalid)? => return Ok(()),
                Ok(Some(_)) => {}
                Ok(None) => return Err(Fault::Disconnected),
                Err(error) if error.is_fatal() => return Err(Fault::Invalid(error.to_string())),
                Err(error) => log!("worker {} sent something other than a report: {error}", self.id()),
            }
        }
        Err(Fault::Invalid("too many messages that aren't reports".into()))
        // ANCHOR_END: step_3
    }
    // ANCHOR_END: talk

    // ANCHOR: end
    /// Makes the worker exit, and returns how it exited. It has `grace` after each of three requests:
    /// the channel closes (but a worker that `hangs` would not notice), SIGTERM, SIGKILL.
    async fn end(&mut self, progress: &mut Progress, hangs: bool) -> String {
        let grace = self.timeouts.grace;
        // ANCHOR: step_4 todo!("4: disconnect (unless it hangs), SIGTERM, SIGKILL; after each, wait for its exit");
        for signal in [None, Some(Signal::SIGTERM), Some(Signal::SIGKILL)].into_iter().skip(hangs.into()) {
            self.ask_to_exit(signal).await;
            if let Ok(status) = timeout(grace, self.last_words(progress)).await {
                return describe(status);
            }
        }
        // ANCHOR_END: step_4
        // SIGKILL cannot be ignored. It can only take its time.
        describe(self.process.wait().await)
    }

    /// Waits until the worker has exited, and records what it says until then.
    async fn last_words(&mut self, progress: &mut Progress) -> io::Result<ExitStatus> {
        // ANCHOR: step_4 todo!("4: wait for its exit, and listen meanwhile and for a moment afterwards")
        let mut open = true;
        let status = loop {
            tokio::select! {
                status = self.process.wait() => break status,
                more = hear(&mut self.receiver, progress), if open => open = more,
            }
        };
        while open && timeout(LAST_WORDS, hear(&mut self.receiver, progress)).await == Ok(true) {}
        status
        // ANCHOR_END: step_4
    }
    // ANCHOR_END: end

    /// Sends the signal, or closes the channel. It isn't an error if the worker is already gone.
    async fn ask_to_exit(&mut self, signal: Option<Signal>) {
        match signal {
            None => drop(timeout(self.timeouts.grace, self.sender.disconnect()).await),
            Some(signal) => drop(self.process.kill(signal)),
        }
    }
}

/// How many messages a worker may send: two reports about each mail, the reply, and some others.
fn most_messages(assignment: &Assignment) -> usize {
    2 * assignment.mails.len() + 1 + MAX_OTHER_MESSAGES
}

/// Records one more message. Returns whether there can be another one.
async fn hear(receiver: &mut Receiver, progress: &mut Progress) -> bool {
    match receiver.recv::<Report>().await {
        Ok(Some(report)) => progress.note(&report).is_ok(),
        Ok(None) => false,
        Err(error) => !error.is_fatal(),
    }
}

fn describe(status: io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| format!("cannot be waited for: {error}"), |status| format!("ended: {status}"))
}
