//! A server program that is being measured.

use crate::sink::Sink;
use std::io;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// What the log says when a job is done.
const DONE: &str = "Number of mails sent ";

/// A running server. It is killed when this is dropped; its workers end with it.
pub struct Running {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Running {
    /// Starts a server, on a port that the system chooses, and waits until it listens.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(mut command: Command, sink: &Sink) -> io::Result<Self> {
        command.env("SMTP_URL", sink.url()).env("PORT", "0").kill_on_drop(true);
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(stdout), Some(stderr)) = (process.stdout.take(), process.stderr.take()) else {
            return Err(io::Error::other("no output"));
        };
        let line = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| io::Error::other(format!("it says {line:?} and no port")))?;
        Ok(Self { process, log: BufReader::new(stderr).lines(), port })
    }

    /// Waits until the log says that a job is done, and gives the number of its mails.
    ///
    /// # Errors
    /// When the server ends before.
    pub async fn job_done(&mut self) -> io::Result<usize> {
        while let Some(line) = self.log.next_line().await? {
            if let Some(number) = line.strip_prefix(DONE) {
                return Ok(number.trim().parse().unwrap_or(0));
            }
        }
        Err(io::Error::other("the server has ended"))
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// Ends it, and waits for its end.
    pub async fn end(mut self) {
        let _ = self.process.kill().await;
    }
}
