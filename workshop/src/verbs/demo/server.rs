//! The server under observation.

use crate::failure::Failure;
use crate::run::children::Group;
use crate::run::interrupt;
use nix::sys::signal::Signal;
use observe::http::{self, Answer};
use observe::limit::limit;
use observe::mailbox::Event;
use observe::{Mailbox, Point};
use std::io::{BufRead, BufReader, Read};
use std::ops::RangeInclusive;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

/// A mailbox on a free port that holds each mail at this point.
///
/// # Errors
/// When there is no free port.
pub fn start_mailbox(hold: Point, tell: impl Fn(Event) + Send + Sync + 'static) -> Result<Mailbox, Failure> {
    let mailbox = Mailbox::start("127.0.0.1:0", move |event| tell(event.clone()))
        .map_err(|error| Failure::work(format!("cannot start the mailbox: {error}")))?;
    mailbox.hold(hold);
    Ok(mailbox)
}

/// So many mails as JSON, with commas between. The fields stand in the order in which one reads a mail.
pub fn mails(numbers: RangeInclusive<usize>) -> String {
    let mail = |number: usize| {
        let text = format!("Dear reader {number}, your parcel is on its way.");
        format!(
            r#"{{"from":"shop@example.org","to":"reader-{number}@example.org","subject":"Parcel {number}","text":"{text}"}}"#
        )
    };
    numbers.map(mail).collect::<Vec<_>>().join(",")
}

/// Sends a request to `http://HOST:PORT`, with a body of JSON if it is not empty, and waits for the answer.
///
/// # Errors
/// When no answer comes: why not, in words.
pub fn ask(base: &str, method: &str, path: &str, body: &str) -> Result<Answer, String> {
    let address = base.trim_start_matches("http://");
    let request = http::request(address, method, path, &[], body.as_bytes());
    http::exchange(address, &request, limit()).map_err(|error| error.to_string())
}

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
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(Ok(signal))) => format!("killed by {signal}"),
        _ => status.to_string(),
    }
}
