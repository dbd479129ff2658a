//! A bare socket pair with blocking reads and writes, and no JSON: what the machine can do.

use crate::peer::Parent;
use crate::{Failure, itself};
use command_fds::{CommandFdExt, FdMapping};
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};

/// A frame of the usual small size. Its last byte tells whether an answer is wanted.
const FRAME: [u8; 16] = *b"{\"n\":123456789}\n";
const ANSWER: u8 = b'\n';
const NO_ANSWER: u8 = b' ';

/// The child: says that it is there, then answers.
pub fn child() -> Result<(), Failure> {
    // SAFETY: the parent gives us this descriptor, and nothing else in this process uses it.
    let mut stream = UnixStream::from(unsafe { OwnedFd::from_raw_fd(3) });
    let mut buffer = [0; 64 * 1024];
    let mut rest = 0;
    stream.write_all(&FRAME).expect("the parent reads");
    loop {
        let count = stream.read(&mut buffer).expect("the socket works");
        if count == 0 {
            return Ok(());
        }
        // Only the position within a frame counts, since all frames have one length.
        let end = rest + count;
        let wants_answer = |frame: usize| buffer[(frame + 1) * FRAME.len() - 1 - rest] == ANSWER;
        if (0..end / FRAME.len()).any(wants_answer) {
            stream.write_all(&FRAME).expect("the parent reads");
        }
        rest = end % FRAME.len();
    }
}

/// The parent.
pub struct Bare {
    child: Child,
    stream: UnixStream,
}

impl Parent for Bare {
    async fn fork() -> Self {
        let (mut stream, theirs) = UnixStream::pair().expect("a socket pair");
        let mut command = Command::new(itself());
        command.args(["child", "bare"]);
        command.fd_mappings(vec![FdMapping { parent_fd: theirs.into(), child_fd: 3 }]).expect("one mapping");
        let child = command.spawn().expect("this program can be started");
        drop(command); // It owns the child's end.
        stream.read_exact(&mut [0; FRAME.len()]).expect("the child is there");
        Self { child, stream }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn round_trip(&mut self, _: u64) {
        self.stream.write_all(&FRAME).expect("the child reads");
        self.stream.read_exact(&mut [0; FRAME.len()]).expect("the child answers");
    }

    /// Batches of 64 KiB, as the channel writes them.
    async fn one_way(&mut self, count: usize) {
        let mut silent = FRAME;
        silent[FRAME.len() - 1] = NO_ANSWER;
        let batch = silent.repeat(4096);
        let mut left = count.saturating_sub(1);
        while left > 0 {
            let frames = left.min(4096);
            self.stream.write_all(&batch[..frames * FRAME.len()]).expect("the child reads");
            left -= frames;
        }
        self.round_trip(0).await;
    }

    async fn addresses(&mut self, _: Vec<String>) -> Vec<String> {
        Vec::new()
    }

    async fn end(mut self) {
        drop(self.stream);
        self.child.wait().expect("it is our child");
    }
}
