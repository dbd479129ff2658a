//! A bare socket pair with blocking reads and writes, and no JSON: what the machine can do.

use crate::channels::{Figures, Load};
use crate::itself;
use crate::report::median;
use command_fds::{CommandFdExt, FdMapping};
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitCode};
use std::time::Instant;

/// A frame of the usual small size. Its last byte tells whether an answer is wanted.
const FRAME: [u8; 16] = *b"{\"n\":123456789}\n";
const ANSWER: u8 = b'\n';
const NO_ANSWER: u8 = b' ';

/// The child: says that it is there, then answers.
pub fn child() -> ExitCode {
    // SAFETY: the parent gives us this descriptor, and nothing else in this process uses it.
    let mut stream = UnixStream::from(unsafe { OwnedFd::from_raw_fd(3) });
    let mut buffer = [0; 64 * 1024];
    let mut rest = 0;
    stream.write_all(&FRAME).expect("the parent reads");
    loop {
        let count = stream.read(&mut buffer).expect("the socket works");
        if count == 0 {
            return ExitCode::SUCCESS;
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

/// The parent: measures what can be compared.
pub fn measure(load: &Load) -> Figures {
    let mut forks = Vec::new();
    for _ in 0..load.forks {
        let begin = Instant::now();
        let (mut child, stream) = fork();
        forks.push(begin.elapsed().as_secs_f64() * 1e3);
        drop(stream);
        child.wait().expect("it is our child");
    }
    let (mut child, mut stream) = fork();
    round_trips(&mut stream, load.round_trips / 10 + 1);
    let idle = Figures::of_idle(child.id());
    let round_trip_us = round_trips(&mut stream, load.round_trips);
    let one_way_per_second = one_way(&mut stream, load.one_way);
    drop(stream);
    child.wait().expect("it is our child");
    Figures { fork_ms: Some(median(forks)), round_trip_us, one_way_per_second, ..idle }
}

fn fork() -> (Child, UnixStream) {
    let (mut ours, theirs) = UnixStream::pair().expect("a socket pair");
    let mut command = Command::new(itself());
    command.args(["child", "bare"]);
    command.fd_mappings(vec![FdMapping { parent_fd: theirs.into(), child_fd: 3 }]).expect("one mapping");
    let child = command.spawn().expect("this program can be started");
    drop(command); // It owns the child's end.
    ours.read_exact(&mut [0; FRAME.len()]).expect("the child is there");
    (child, ours)
}

fn round_trips(stream: &mut UnixStream, count: usize) -> f64 {
    let begin = Instant::now();
    for _ in 0..count {
        stream.write_all(&FRAME).expect("the child reads");
        stream.read_exact(&mut [0; FRAME.len()]).expect("the child answers");
    }
    begin.elapsed().as_secs_f64() * 1e6 / count as f64
}

/// Batches of 64 KiB, as the channel writes them.
fn one_way(stream: &mut UnixStream, count: usize) -> f64 {
    let mut silent = FRAME;
    silent[FRAME.len() - 1] = NO_ANSWER;
    let batch = silent.repeat(4096);
    let begin = Instant::now();
    let mut left = count.saturating_sub(1);
    while left > 0 {
        let frames = left.min(4096);
        stream.write_all(&batch[..frames * FRAME.len()]).expect("the child reads");
        left -= frames;
    }
    stream.write_all(&FRAME).expect("the child reads");
    stream.read_exact(&mut [0; FRAME.len()]).expect("the child answers");
    count as f64 / begin.elapsed().as_secs_f64()
}
