//! What the tests of the channel share: limits on every wait, and peers that write bytes as they please.
#![allow(dead_code)] // each test program uses a part

use std::fmt::Debug;
use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use node_channel::Error;

/// The program of this lesson. `child` makes it a worker that answers every message.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_node-channel-program");

/// No wait is longer: a failing test fails, it does not hang. Busy cores are slow, so it is generous.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How long to look at something that should not happen.
pub const BRIEFLY: Duration = Duration::from_millis(200);

/// Runs `test` on a runtime of one thread, as the programs do.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { within("the whole test", test).await });
    runtime.shutdown_background();
}

/// Waits for `future`, but not for ever.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {LIMIT:?}"),
    }
}

/// Whether real Node is there. If it is not, that is said once, and is a failure where everything is required.
pub fn node_is_missing() -> bool {
    static MISSING: OnceLock<bool> = OnceLock::new();
    *MISSING.get_or_init(|| support::node::node().is_none())
}

/// Real Node running `script`, which may use `require`.
pub fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.args(["-e", script]);
    command
}

/// Runs `command` to its end and collects what it printed. That its stderr ends also means that no process
/// that it started is left.
pub async fn output(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    let child = command.kill_on_drop(true).spawn().unwrap();
    within("the end of the program", child.wait_with_output()).await.unwrap()
}

/// stdout as text, with stderr beside it when something is wrong.
pub fn lines(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// The test's end of a channel, which writes and reads bytes as they are; the process is at the other end.
pub struct Raw {
    pub socket: UnixStream,
    pub process: Child,
}

impl Raw {
    /// Starts `command` with a channel on descriptor 3.
    pub fn fork(command: Command) -> Raw {
        let (ours, theirs) = UnixStream::pair().unwrap();
        Raw::fork_on(command, ours, theirs.into(), 3)
    }

    /// Starts `command` with `theirs` as its descriptor `number`.
    pub fn fork_on(mut command: Command, ours: UnixStream, theirs: OwnedFd, number: RawFd) -> Raw {
        ours.set_read_timeout(Some(LIMIT)).unwrap();
        ours.set_write_timeout(Some(LIMIT)).unwrap();
        command.env("NODE_CHANNEL_FD", number.to_string()).env("NODE_CHANNEL_SERIALIZATION_MODE", "json");
        command.fd_mappings(vec![FdMapping { parent_fd: theirs, child_fd: number }]).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Raw { socket: ours, process: command.spawn().unwrap() }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Writes `bytes` with a descriptor beside them.
    pub fn write_with_descriptor(&mut self, bytes: &[u8], descriptor: &impl AsRawFd) {
        self.write_with_descriptors(bytes, &[descriptor]);
    }

    /// Writes `bytes` with some descriptors beside them.
    pub fn write_with_descriptors(&mut self, bytes: &[u8], descriptors: &[&impl AsRawFd]) {
        send_with_descriptors(&self.socket, bytes, descriptors);
    }

    /// The next line, with its newline; less at the end.
    pub fn read_line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\n") && self.read(&mut byte) > 0 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// One read. signal(7): one with a timeout is not restarted after a signal, and children end meanwhile.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        loop {
            match self.socket.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                count => return count.unwrap(),
            }
        }
    }

    /// Everything up to the end.
    pub fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.socket.read_to_end(&mut bytes) {
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
            _ => String::from_utf8(bytes).unwrap(),
        }
    }

    /// Closes the channel and waits for the end of the process.
    pub fn finish(self) -> Output {
        drop(self.socket);
        finish(self.process)
    }
}

/// Writes `bytes` to `socket` with some descriptors beside them.
pub fn send_with_descriptors(socket: &UnixStream, bytes: &[u8], descriptors: &[&impl AsRawFd]) {
    let descriptors: Vec<RawFd> = descriptors.iter().map(|one| one.as_raw_fd()).collect();
    let control = [ControlMessage::ScmRights(&descriptors)];
    let pieces = [IoSlice::new(bytes)];
    let count = sendmsg::<()>(socket.as_raw_fd(), &pieces, &control, MsgFlags::empty(), None).unwrap();
    assert_eq!(count, bytes.len());
}

/// Waits for the end of `process`; kills it when that takes too long.
pub fn finish(process: Child) -> Output {
    let id = nix::unistd::Pid::from_raw(process.id() as i32);
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if waiting.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = nix::sys::signal::kill(id, nix::sys::signal::SIGKILL);
        }
    });
    let output = process.wait_with_output().unwrap();
    drop(done);
    guard.join().unwrap();
    output
}

/// The descriptors that `process` has open.
#[cfg(target_os = "linux")]
pub fn descriptors(process: u32) -> std::collections::BTreeSet<RawFd> {
    let entries = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

/// That `result` is invalid JSON at `expected`.
#[track_caller]
pub fn assert_invalid_at<T: Debug>(result: Result<T, Error>, expected: usize) {
    match result {
        Err(Error::InvalidJson { offset, .. }) => assert_eq!(offset, expected),
        other => panic!("invalid JSON at byte {expected} was expected, not {other:?}"),
    }
}
