//! The server under observation.

use crate::failure::Failure;
use crate::run::children::Group;
use crate::run::interrupt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

/// A running server. It is ended, with all its children, when this is dropped.
pub struct Server {
    group: Group,
    base: String,
}

impl Server {
    /// Starts the program on a free port and waits until it listens. `log` is called for each line of stderr.
    ///
    /// # Errors
    /// When the program does not start, or does not say where it listens.
    pub fn start(
        program: &Path,
        smtp_url: &str,
        log: impl Fn(String) + Send + 'static,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.env("SMTP_URL", smtp_url);
        Self::launch(&mut command, log)
    }

    /// Starts a command that has all that it needs but the port, and waits until it listens.
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

    /// The server's address, `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// How many processes of the server's run, itself included.
    pub fn processes(&self) -> usize {
        self.group.running().len()
    }

    /// How the server ended, when it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.group.ended()
    }

    /// Asks the server to end, and waits for it.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        // That it is gone already shows in the status.
        let _ = kill(Pid::from_raw(self.pid().cast_signed()), Signal::SIGTERM);
        self.group.wait(observe::limit::limit())
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
