//! What makes the channel fast, step by step: each step beside the way that one would write it first.
//!
//! The slow ways are here and nowhere else. All of it runs in this process, on two threads at most, so that a
//! step is measured and not the rest of the world.

use crate::report::{Page, Row, in_turn, least};
use crate::{Bench, Outcome, runtime};
use channel::frame::FrameDecoder;
use channel::{Channel, Error};
use command_fds::{CommandFdExt, FdMapping};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::hint::black_box;
use std::io::{BufRead, Read};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::Instant;
use tokio::sync::mpsc;

/// A small message, as in the other measurements of the channel.
#[derive(Debug, Deserialize, Serialize)]
struct Small {
    n: u64,
}

/// A large one.
#[derive(Debug, Deserialize, Serialize)]
struct Large {
    addresses: Vec<String>,
}

/// The group `steps`: a page with the table of all steps.
pub fn run(bench: &Bench) -> Outcome<Page> {
    let mut page = Page::new("steps", &[]);
    page.text("The best of seven runs of each, in turn.");
    let small = if bench.short { 1_000 } else { 400_000 };
    let large = if bench.short { 1_000 } else { 100_000 };
    let rows = vec![
        batched_writes(small),
        one_outgoing_buffer(small),
        frames_where_they_lie(small),
        searched(if bench.short { 1 } else { 64 }),
        typed(large),
        no_task_per_message(small),
        forked_from_a_large_parent(if bench.short { 16 } else { 1024 }),
    ];
    page.table(&["step", "without it", "with it", "times faster"], rows);
    Ok(page)
}

/// How fast a step is without it and with it: `figure` makes a figure of the seconds of a call, of which the least count.
fn step(name: &str, figure: impl Fn(f64) -> f64, without: impl Fn(), with: impl Fn()) -> Row {
    let ways: [&dyn Fn(); 2] = [&without, &with];
    let seconds = in_turn(7, &ways, |run| {
        let begin = Instant::now();
        run();
        Some(begin.elapsed().as_secs_f64())
    });
    let best: Vec<f64> = seconds.into_iter().filter_map(least).collect();
    (name.to_owned(), vec![Some(figure(best[0])), Some(figure(best[1])), Some(best[0] / best[1])])
}

/// Without: each message is written by itself.
fn batched_writes(count: usize) -> Row {
    step(
        "many frames in one write, million messages a second",
        |seconds| count as f64 / seconds / 1e6,
        || one_way(count, false, receive_directly),
        || one_way(count, true, receive_directly),
    )
}

/// Without: what arrives goes through a task of its own and a queue, as callbacks would be called.
fn no_task_per_message(count: usize) -> Row {
    step(
        "no task and no queue per message, million messages a second",
        |seconds| count as f64 / seconds / 1e6,
        || one_way(count, true, receive_through_tasks),
        || one_way(count, true, receive_directly),
    )
}

/// Sends `count` messages to another thread, which says when it has all of them.
fn one_way<F>(count: usize, batched: bool, receive: fn(Channel, usize) -> F)
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let (here, there) = UnixStream::pair().expect("a socket pair");
    let receiver = thread::spawn(move || {
        runtime().block_on(async {
            let channel = Channel::from_stream(there).expect("a socket");
            tokio::task::LocalSet::new().run_until(receive(channel, count)).await
        })
    });
    runtime()
        .block_on(async {
            let mut channel = Channel::from_stream(here).expect("a socket");
            for n in 0..count as u64 {
                match batched {
                    true => channel.feed(&Small { n }).await?,
                    false => channel.send(&Small { n }).await?,
                }
            }
            channel.flush().await?;
            channel.recv::<bool>().await
        })
        .expect("the channel works");
    receiver.join().expect("no panic").expect("the channel works");
}

async fn receive_directly(mut channel: Channel, count: usize) -> Result<(), Error> {
    for _ in 0..count {
        black_box(channel.recv::<Small>().await?);
    }
    channel.send(&true).await
}

async fn receive_through_tasks(mut channel: Channel, count: usize) -> Result<(), Error> {
    let (queue, mut program) = mpsc::unbounded_channel();
    let counting = tokio::task::spawn_local(async move {
        for _ in 0..count {
            black_box(program.recv().await);
        }
    });
    for _ in 0..count {
        let message = channel.recv::<Small>().await?;
        let queue = queue.clone();
        tokio::task::spawn_local(async move { queue.send(message) });
    }
    counting.await.expect("no panic");
    channel.send(&true).await
}

/// Without: each message is written to memory of its own first.
fn one_outgoing_buffer(count: usize) -> Row {
    let put_all = |put: fn(&mut Vec<u8>, &Small)| {
        let mut buffer = Vec::new();
        for batch in 0..count / 1_000 {
            buffer.clear();
            for n in 0..1_000 {
                put(&mut buffer, &Small { n: (batch * 1_000 + n) as u64 });
            }
            black_box(&buffer);
        }
    };
    let without = |buffer: &mut Vec<u8>, message: &Small| {
        let text = serde_json::to_string(message).expect("it is plain");
        buffer.extend_from_slice(format!("{text}\n").as_bytes());
    };
    let with = |buffer: &mut Vec<u8>, message: &Small| {
        serde_json::to_writer(&mut *buffer, message).expect("it is plain");
        buffer.push(b'\n');
    };
    let name = "build each message in the buffer it is written from, ns a message";
    step(name, |seconds| seconds * 1e9 / count as f64, || put_all(without), || put_all(with))
}

/// Without: each line becomes a `String` first.
fn frames_where_they_lie(count: usize) -> Row {
    let bytes = (0..count).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>().into_bytes();
    let without = || {
        for line in bytes.as_slice().lines() {
            let line = line.expect("it is text");
            black_box(serde_json::from_str::<Small>(&line).expect("it is a message"));
        }
    };
    let with = || {
        decode(bytes.as_slice(), |frame| {
            black_box(serde_json::from_slice::<Small>(frame).expect("it is a message"));
        });
    };
    step("parse frames in place, ns a message", |seconds| seconds * 1e9 / count as f64, without, with)
}

/// Without: the newline is looked for from the frame's first byte after each read.
fn searched(mebibytes: usize) -> Row {
    let mut bytes = vec![b'x'; mebibytes << 20];
    bytes.push(b'\n');
    let without = || {
        let mut buffer = Vec::new();
        for piece in bytes.chunks(64 * 1024) {
            buffer.extend_from_slice(piece);
            black_box(memchr::memchr(b'\n', &buffer));
        }
    };
    let with = || decode(bytes.as_slice(), |frame| assert_eq!(frame.len(), mebibytes << 20));
    let name = "remember how far a newline was looked for (a frame of 64 MiB), ms";
    step(name, |seconds| seconds * 1e3, without, with)
}

/// Without: each message is a `Value` on its way.
fn typed(count: usize) -> Row {
    let addresses = (0..count).map(|number| format!("reader.{number}@example.org")).collect();
    let message = Large { addresses };
    let frame = serde_json::to_vec(&message).expect("it is plain");
    let without = || {
        let value = serde_json::to_value(&message).expect("it is plain");
        black_box(serde_json::to_vec(&value).expect("it is plain"));
        let value: Value = serde_json::from_slice(&frame).expect("it is JSON");
        black_box(serde_json::from_value::<Large>(value).expect("it is a message"));
    };
    let with = || {
        black_box(serde_json::to_vec(&message).expect("it is plain"));
        black_box(serde_json::from_slice::<Large>(&frame).expect("it is a message"));
    };
    let name = "a type, no `Value` (100,000 addresses, written and read), ms";
    step(name, |seconds| seconds * 1e3, without, with)
}

/// What stays slow. Without: a descriptor for the child, which needs code between fork and exec.
fn forked_from_a_large_parent(mebibytes: usize) -> Row {
    // Written to, so that it is resident.
    let memory = black_box(vec![1_u8; mebibytes << 20]);
    let run = |mapped: bool| {
        let (_here, there) = UnixStream::pair().expect("a socket pair");
        let mut command = Command::new("true");
        if mapped {
            let mapping = FdMapping { parent_fd: there.into(), child_fd: 3 };
            command.fd_mappings(vec![mapping]).expect("one mapping");
        }
        command.status().expect("true is installed");
    };
    let name = "(not in the channel) `posix_spawn`, not `fork`, from a parent of 1 GiB, ms";
    let row = step(name, |seconds| seconds * 1e3, || run(true), || run(false));
    drop(memory);
    row
}

/// Reads to the end, at most 64 KiB at a time, and looks at each frame.
fn decode(mut reader: impl Read, mut look: impl FnMut(&[u8])) {
    let mut decoder = FrameDecoder::new(usize::MAX);
    loop {
        let space = decoder.space();
        let count = space.len().min(64 * 1024);
        match reader.read(&mut space[..count]).expect("it can be read") {
            0 => return,
            count => decoder.filled(count),
        }
        while let Some(frame) = decoder.next_frame().expect("there is no limit") {
            look(frame);
        }
    }
}
