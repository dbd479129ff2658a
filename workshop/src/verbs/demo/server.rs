//! The server under observation.

use crate::failure::Failure;
use crate::run::children::Group;
use crate::run::interrupt;
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

/// A running server. It is ended, with all its children, when this is dropped.
pub struct Server {
    pub group: Group,
    /// Its address, `http://127.0.0.1:PORT`.
    pub base: String,
}

impl Server {
    /// Starts a command that has all that it needs but the port, and waits until it listens. `log` is called for each line of
    /// stderr.
    ///
    /// # Errors
    /// When the program does not start, or does not say where it listens.
    pub fn launch(command: &mut Command, log: impl Fn(String) + Send + 'static) -> Result<Self, Failure> {
        let program = command.get_program().to_owned();
        let cannot = |why: String| Failure::work(format!("cannot start {}: {why}", program.display()));
        command.env("PORT", "0");
        // A channel that belongs to the shell around us is not the server's.
        command.env_remove("NODE_CHANNEL_FD").env_remove("NODE_CHANNEL_SERIALIZATION_MODE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::start(command).map_err(|error| cannot(error.to_string()))?;
        each_line(group.child().stderr.take(), log);
        let (sender, lines) = mpsc::channel();
        each_line(group.child().stdout.take(), move |line| drop(sender.send(line)));
        let line = lines
            .recv_timeout(observe::limit::limit())
            .map_err(|_| cannot("it does not say where it listens".into()));
        // With --keep, Ctrl-C means SIGTERM for the server. Everywhere else, dropping it ends it.
        group.spare();
        if interrupt::requested() {
            return Err(interrupt::failure());
        }
        let line = line?;
        match line.strip_prefix("listening on ") {
            Some(base) if base.starts_with("http://127.0.0.1:") => {
                Ok(Self { group, base: base.trim().to_owned() })
            }
            _ => Err(cannot(format!("its first line is {line:?}, not `listening on http://127.0.0.1:PORT`"))),
        }
    }
}

/// Calls `act` for each line that comes from a pipe, on a thread of its own.
pub fn each_line(pipe: Option<impl Read + Send + 'static>, act: impl Fn(String) + Send + 'static) {
    let Some(pipe) = pipe else { return };
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            act(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    });
}

/// How a process ended, in words.
pub fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(Ok(signal))) => format!("killed by {signal}"),
        _ => status.to_string(),
    }
}
