//! Telling a worker what to do, listening to it, and ending it: lesson 11. This part is given.

use crate::Errand;
use channel::{Child, Process, Receiver, Sender, Signal};
use faults::{Patience, Report, Task};
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::time::timeout;

/// How long to listen to what is left in the channel of a worker that has ended.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A worker process and the channel to it.
pub struct Worker {
    sender: Sender,
    receiver: Receiver,
    process: Process,
}

enum Fault {
    Silent,
    Gone,
    Garbage(String),
}

impl Worker {
    /// The forked worker.
    pub fn new(child: Child) -> Self {
        let (sender, receiver, process) = child.split();
        Self { sender, receiver, process }
    }

    /// The pid.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for the end of a worker that nobody has asked to end, and says how it ended. Cancel safe.
    pub async fn ended_by_itself(&mut self) -> String {
        in_words(self.process.wait().await)
    }

    /// Lets the worker do a task, and takes down what it says.
    ///
    /// # Errors
    /// What the worker has done wrong. It has gone then: it was ended, if need be.
    pub async fn work(&mut self, task: &Task, errand: &mut Errand, patience: Patience) -> Result<(), String> {
        let Err(fault) = talk(self, task, errand, patience.silence).await else { return Ok(()) };
        let hangs = matches!(fault, Fault::Silent);
        let ended = end(self, Some(errand), patience.grace, hangs).await;
        let pid = self.id();
        Err(match fault {
            Fault::Silent => format!("worker {pid} said nothing for {:?}; it {ended}", patience.silence),
            Fault::Gone => format!("worker {pid} disconnected before its answer; it {ended}"),
            Fault::Garbage(what) => format!("worker {pid} talks nonsense: {what}; it {ended}"),
        })
    }

    /// Ends a worker that has nothing to do, and says how it ended.
    pub async fn end(mut self, patience: Patience) -> String {
        end(&mut self, None, patience.grace, false).await
    }
}

/// Sends the task and takes down every report, up to the answer. Neither may take longer than `silence`.
async fn talk(worker: &mut Worker, task: &Task, errand: &mut Errand, silence: Duration) -> Result<(), Fault> {
    // A worker that does not read lets a long task get stuck half way. One that has gone shows below.
    let sent = timeout(silence, worker.sender.send(task)).await;
    sent.map_err(|_| Fault::Silent)?.ok();
    loop {
        let received = timeout(silence, worker.receiver.recv::<Report>()).await;
        match received.map_err(|_| Fault::Silent)? {
            Ok(Some(report)) => {
                if errand.note(&report).map_err(Fault::Garbage)? {
                    return Ok(());
                }
            }
            Ok(None) => return Err(Fault::Gone),
            Err(error) => return Err(Fault::Garbage(error.to_string())),
        }
    }
}

/// Ends the worker: first by closing the channel (not when it `hangs`: it does not look), then with SIGTERM, then
/// with SIGKILL. Says how it ended.
async fn end(worker: &mut Worker, mut errand: Option<&mut Errand>, grace: Duration, hangs: bool) -> String {
    let steps: &[Option<Signal>] = if hangs {
        &[Some(Signal::SIGTERM), Some(Signal::SIGKILL)]
    } else {
        // That it has gone already is no error here.
        let _ = timeout(grace, worker.sender.disconnect()).await;
        &[None, Some(Signal::SIGTERM), Some(Signal::SIGKILL)]
    };
    for step in steps {
        if let Some(signal) = step {
            let _ = worker.process.kill(*signal);
        }
        if let Ok(status) = timeout(grace, gone(worker, errand.as_deref_mut())).await {
            return in_words(status);
        }
    }
    // SIGKILL cannot be ignored. It can only take its time.
    in_words(worker.process.wait().await)
}

/// Waits for the worker's end, and goes on listening meanwhile.
async fn gone(worker: &mut Worker, mut errand: Option<&mut Errand>) -> io::Result<ExitStatus> {
    let mut listening = true;
    let status = loop {
        tokio::select! {
            status = worker.process.wait() => break status,
            message = worker.receiver.recv::<Report>(), if listening => listening = heard(message, errand.as_deref_mut()),
        }
    };
    while listening {
        // It may have spoken and ended at the same moment.
        let message = timeout(LAST_WORDS, worker.receiver.recv::<Report>()).await;
        listening = message.is_ok_and(|message| heard(message, errand.as_deref_mut()));
    }
    status
}

/// Whether there can be more.
fn heard(message: Result<Option<Report>, channel::Error>, errand: Option<&mut Errand>) -> bool {
    message.is_ok_and(|report| {
        report.is_some_and(|report| errand.is_some_and(|errand| errand.note(&report).is_ok()))
    })
}

fn in_words(status: io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| format!("cannot be waited for: {error}"), |status| format!("ended: {status}"))
}
