//! What lesson 08 leaves out, each by an input that breaks its channel and not this library's. The book's chapter "From the
//! lesson to the library" shows these tests.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use common::{BRIEFLY, read_all, run};
use node_channel::Error;
use serde_json::{Value, json};
use tokio::time::timeout;

/// A channel, the lesson's or the library's, and the bare socket at its other end.
macro_rules! channel_and_peer {
    ($package:ident) => {{
        let (ours, peer) = UnixStream::pair().unwrap();
        peer.set_read_timeout(Some(common::LIMIT)).unwrap();
        ($package::Channel::from_stream(ours).unwrap(), peer)
    }};
}

fn is_json(line: &&str) -> bool {
    serde_json::from_str::<Value>(line).is_ok()
}

#[test]
fn a_lone_surrogate() {
    run(async {
        // ANCHOR: surrogate
        let line = b"\"\\ud83d\"\n"; // JSON.stringify('📨'[0])
        let (lesson, mut peer) = channel_and_peer!(lesson);
        peer.write_all(line).unwrap();
        assert!(lesson.recv::<String>().await.unwrap_err().is_fatal());

        let (mut library, mut peer) = channel_and_peer!(node_channel);
        peer.write_all(line).unwrap();
        assert_eq!(library.recv::<String>().await.unwrap().unwrap(), "\u{fffd}");
        // ANCHOR_END: surrogate
    });
}

#[test]
fn a_line_without_end() {
    run(async {
        // ANCHOR: endless
        let endless = "x".repeat(8 << 20);
        let (lesson, mut peer) = channel_and_peer!(lesson);
        let bytes = endless.clone();
        let writing = tokio::task::spawn_blocking(move || peer.write_all(bytes.as_bytes()).map(|()| peer));
        tokio::select! {
            _ = lesson.recv::<Value>() => panic!("there is no message"),
            written = writing => assert!(written.unwrap().is_ok()), // It took all of it, and wants more.
        }

        let (mut library, mut peer) = channel_and_peer!(node_channel);
        library.set_max_frame_bytes(1 << 20); // 64 MiB otherwise
        let writing = thread::spawn(move || peer.write_all(endless.as_bytes()));
        let refused = library.recv::<Value>().await;
        assert!(matches!(refused, Err(Error::FrameTooLarge { .. })));
        assert!(writing.join().unwrap().is_err()); // The channel is closed.
        // ANCHOR_END: endless
    });
}

#[test]
fn both_sides_send_16_mib() {
    run(async {
        // ANCHOR: both
        let text = "x".repeat(16 << 20);
        let (one, other) = UnixStream::pair().unwrap();
        let one = lesson::Channel::from_stream(one).unwrap();
        let other = lesson::Channel::from_stream(other).unwrap();
        let both = async { tokio::join!(one.send(&text), other.send(&text)) };
        assert!(timeout(BRIEFLY, both).await.is_err()); // Neither reads, so neither can go on.

        let (mut one, mut other) = node_channel::Channel::pair().unwrap();
        let exchange = async |channel: &mut node_channel::Channel| {
            channel.send(&text).await.unwrap();
            channel.recv::<String>().await.unwrap().unwrap().len()
        };
        let lengths = tokio::join!(exchange(&mut one), exchange(&mut other));
        assert_eq!(lengths, (16 << 20, 16 << 20));
        // ANCHOR_END: both
    });
}

#[test]
fn a_send_that_is_cancelled() {
    run(async {
        // ANCHOR: cancelled
        let large = "x".repeat(1 << 20);
        let (lesson, peer) = channel_and_peer!(lesson);
        timeout(BRIEFLY, lesson.send(&large)).await.unwrap_err();
        let reading = read_all(peer);
        lesson.send("next").await.unwrap();
        drop(lesson);
        assert!(!reading.join().unwrap().lines().any(|line| is_json(&line))); // xxxx"next"

        let (mut library, peer) = channel_and_peer!(node_channel);
        timeout(BRIEFLY, library.send(&large)).await.unwrap_err();
        let reading = read_all(peer);
        library.send("next").await.unwrap();
        drop(library);
        assert_eq!(reading.join().unwrap(), format!("\"{large}\"\n\"next\"\n"));
        // ANCHOR_END: cancelled
    });
}

#[test]
fn a_peer_that_never_reads() {
    run(async {
        // ANCHOR: never
        let text = "x".repeat(100_000);
        let (lesson, peer) = channel_and_peer!(lesson);
        for _ in 0..200 {
            let _ = timeout(Duration::from_millis(1), lesson.send(&text)).await;
        }
        let reading = read_all(peer);
        drop(lesson);
        assert!(!reading.join().unwrap().lines().all(|line| is_json(&line)));

        let (mut library, peer) = channel_and_peer!(node_channel);
        for _ in 0..200 {
            let _ = timeout(Duration::from_millis(1), library.send(&text)).await;
        }
        let reading = read_all(peer);
        library.disconnect().await.unwrap();
        assert!(reading.join().unwrap().lines().all(|line| is_json(&line)));
        // ANCHOR_END: never
    });
}

#[test]
fn a_descriptor_that_is_passed() {
    run(async {
        // ANCHOR: handle
        let file = std::fs::File::open("/dev/null").unwrap();
        let handle = b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":1}\n";
        let (lesson, mut peer) = channel_and_peer!(lesson);
        common::send_with_descriptors(&peer, handle, &[&file]);
        peer.write_all(b"\"next\"\n").unwrap();
        // No message of the peer's program, and no answer to Node, which holds back all that follows.
        assert_eq!(lesson.recv::<Value>().await.unwrap().unwrap()["cmd"], "NODE_HANDLE");

        let (mut library, mut peer) = channel_and_peer!(node_channel);
        common::send_with_descriptors(&peer, handle, &[&file]);
        peer.write_all(b"\"next\"\n").unwrap();
        assert_eq!(library.recv::<Value>().await.unwrap().unwrap(), json!("next"));
        let mut answer = String::new();
        BufReader::new(peer).read_line(&mut answer).unwrap();
        assert_eq!(answer, "{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
        // ANCHOR_END: handle
    });
}
