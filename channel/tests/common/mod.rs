//! What the tests of the channel share: limits on every wait, and peers that write bytes as they please.
#![allow(dead_code)] // each test program uses a part

use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// The program at the other end: what it does depends on its role.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_node-channel-program");

/// No wait is longer: a failing test fails, it does not hang. Busy cores are slow, so it is generous.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How long to look at something that should not happen.
pub const BRIEFLY: Duration = Duration::from_millis(200);

/// A message of Node's that says that a descriptor comes with it.
pub const HANDLE: &[u8] = b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":{}}\n";

/// The one answer to it.
pub const REFUSED: &str = "{\"cmd\":\"NODE_HANDLE_NACK\"}\n";

/// Runs `test` on a runtime of one thread, as the programs do, but not forever.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(async { tokio::time::timeout(LIMIT, test).await });
    runtime.shutdown_background();
    assert!(outcome.is_ok(), "the test was not over within {LIMIT:?}");
}

/// Real Node running `script`, which may use `require`. Where it is missing, that is said once, and is a failure
/// where everything is required.
pub fn node(script: &str) -> Option<Command> {
    let mut command = Command::new(support::node::node()?);
    command.args(["-e", script]);
    Some(command)
}

/// Our own program in a role.
pub fn program(role: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg(role);
    command
}

/// Our own program as a child, started by a shell that runs `first` before.
pub fn child_after(first: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first} exec \"$0\" child"), PROGRAM]);
    shell
}

/// How a program ended: its exit code, and what it printed on stdout and on stderr.
pub type Summary = (Option<i32>, String, String);

/// Waits for the end of `process`, and of all that have its stderr; kills it when that takes too long.
pub fn finish(process: Child) -> Summary {
    let (id, (done, over)) = (process.id(), std::sync::mpsc::channel());
    thread::spawn(move || done.send(process.wait_with_output()));
    let Ok(output) = over.recv_timeout(LIMIT) else {
        support::process::signal(id, support::Signal::SIGKILL);
        panic!("the program was not over within {LIMIT:?}");
    };
    let Output { status, stdout, stderr } = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// Runs `command` to its end.
pub fn output(command: &mut Command) -> Summary {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
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

    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
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

    /// That our child sends `message` back.
    #[track_caller]
    pub fn assert_echo(&mut self, message: &str) {
        assert_eq!(self.read_line(), format!("{{\"echo\":{message}}}\n"));
    }

    /// One read. signal(7): one with a timeout is not restarted after a signal, and children end meanwhile.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        loop {
            match self.socket.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return 0,
                count => return count.unwrap(),
            }
        }
    }

    /// Closes the channel and waits for the end of the process.
    pub fn finish(self) -> Summary {
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

/// Reads up to the end, meanwhile.
pub fn read_all(mut peer: UnixStream) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        peer.read_to_string(&mut text).unwrap();
        text
    })
}
