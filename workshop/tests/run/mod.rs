//! Running the command and watching it.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod tiny;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The limit of every wait. What builds with cargo may wait for other builds.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The command of the package whose test this is: `cargo workshop`, or `cargo xtask`.
pub const PROGRAM: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));

/// The command, to be run to its end, in the folder of the workspace.
pub fn workshop() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(PROGRAM);
    command.current_dir(root()).timeout(LIMIT);
    command
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs a command to its end. It exits with `code`, and each of `words` is in what it prints, which is returned: stdout, then
/// stderr.
pub fn says(command: &mut assert_cmd::Command, code: i32, words: &[&str]) -> String {
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(code), "{printed}");
    for words in words {
        assert!(printed.contains(words), "{words:?} is not in\n{printed}");
    }
    printed
}

/// The command while it runs. It is ended when this is dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    printed: String,
}

impl Running {
    /// Starts the command in the folder of the workspace.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.current_dir(root()).args(arguments);
        Self::spawn(&mut command)
    }

    /// Starts a command that was prepared.
    pub fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let read = |pipe: Box<dyn Read + Send>| {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    drop(sender.send(line));
                }
            });
        };
        read(Box::new(child.stdout.take().unwrap()));
        read(Box::new(child.stderr.take().unwrap()));
        Self { child, lines, printed: String::new() }
    }

    /// Waits for a line that contains `words`, and gives all that was printed so far.
    pub fn wait_for(&mut self, words: &str) -> &str {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => {
                    self.printed.push_str(&line);
                    self.printed.push('\n');
                    if line.contains(words) {
                        return &self.printed;
                    }
                }
                Err(error) => {
                    panic!("no line contains {words:?} ({error}). Printed so far:\n{}", self.printed)
                }
            }
        }
    }

    /// The port of `listening on smtp://127.0.0.1:PORT`.
    pub fn port(&mut self) -> u16 {
        let printed = self.wait_for("listening on ");
        printed.trim().rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Types something and presses Enter.
    pub fn enter(&mut self, text: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{text}").unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for the end and gives the exit status.
    pub fn code(&mut self) -> Option<i32> {
        observe::limit::poll(LIMIT, || self.child.try_wait().unwrap()).expect("the command ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a mail from ann to bob, with these headers and this body.
pub fn send_mail(port: u16, data: &str) -> JoinHandle<()> {
    let data = data.to_owned();
    thread::spawn(move || {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut say = |text: &str, code: &str| {
            (&stream).write_all(text.as_bytes()).unwrap();
            let answer = answers.next().unwrap().unwrap();
            assert!(answer.starts_with(code), "{text:?} was answered with {answer:?}");
        };
        say("", "220");
        say("HELO client\r\n", "250");
        say("MAIL FROM:<ann@example.org>\r\n", "250");
        say("RCPT TO:<bob@example.org>\r\n", "250");
        say("DATA\r\n", "354");
        say(&format!("{data}.\r\n"), "250");
        say("QUIT\r\n", "221");
    })
}
