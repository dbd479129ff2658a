//! The configuration and the signals of a server. This part is given; most of it is lesson 10.

use std::env;
use std::process::Command;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// The argument that makes a server's program a worker.
pub const SEND_MAIL: &str = "send-mail";

/// How long a server waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long a worker that has work may say nothing: `WORKER_TIMEOUT_SECONDS`, 30 unless it is set.
    pub silence: Duration,
    /// How long it may take to end after it was asked to: `WORKER_GRACE_SECONDS`, 5 unless it is set.
    pub grace: Duration,
}

impl Patience {
    /// As the environment says. Both may have a fraction, such as 0.5.
    ///
    /// # Errors
    /// One line of text when a variable cannot be used.
    pub fn from_env() -> Result<Self, String> {
        Ok(Self {
            silence: seconds("WORKER_TIMEOUT_SECONDS", 30.0)?,
            grace: seconds("WORKER_GRACE_SECONDS", 5.0)?,
        })
    }
}

fn seconds(name: &str, default: f64) -> Result<Duration, String> {
    let text = env::var(name).unwrap_or_else(|_| default.to_string());
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("cannot use {name} \"{text}\": it must be a number of seconds above 0"))
}

/// The command line of a worker.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    words: Vec<String>,
    is_ours: bool,
}

impl WorkerCommand {
    /// What `WORKER` says, split at white space; without it, this program as `send-mail`. No shell is involved.
    ///
    /// # Errors
    /// One line of text when `WORKER` names no program.
    pub fn from_env() -> Result<Self, String> {
        let (words, is_ours): (Vec<String>, bool) = match env::var("WORKER") {
            Ok(line) => (line.split_whitespace().map(str::to_owned).collect(), false),
            Err(_) => {
                let itself = env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
                (vec![itself.display().to_string(), SEND_MAIL.to_owned()], true)
            }
        };
        if words.is_empty() {
            return Err("cannot use WORKER: it names no program".into());
        }
        Ok(Self { words, is_ours })
    }

    /// The command to fork.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }

    /// Whether the worker is this program, and so is known to report each mail.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }
}

/// SIGINT, which Ctrl-C sends, and SIGTERM, which `kill` and service managers send.
pub struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignals {
    /// Catches both from now on.
    ///
    /// # Errors
    /// One line of text when the system does not let us.
    pub fn new() -> Result<Self, String> {
        let catch = |kind| signal(kind).map_err(|error| format!("cannot catch signals: {error}"));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    /// Waits for the first signal. A second one ends the program at once.
    pub async fn first(mut self) {
        self.next().await;
        eprintln!("finishing the work in hand; a second signal ends at once");
        tokio::spawn(async move {
            self.next().await;
            eprintln!("error: ended with work in hand: a second signal came");
            std::process::exit(1);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits until every copy of the sender is dropped: then no work is in hand.
pub async fn wait_for(mut all_done: mpsc::Receiver<()>) {
    // Nobody ever sends anything; the channel ends with its last sender.
    while all_done.recv().await.is_some() {}
}
