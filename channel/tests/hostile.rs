//! Peers that do what no decent peer does. Neither end of ours crashes, hangs, leaks or grows without bound.

mod common;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::time::Duration;

use common::{BRIEFLY, LIMIT, PROGRAM, Raw, run, within};
use node_channel::{Channel, Error};
use serde::Deserialize;
use serde_json::{Value, json};

fn our_child() -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("child");
    command
}

/// How our child ends when all that it gets is `bytes`, with the end after them: answers, code, complaint.
fn child_after(bytes: &[u8]) -> (String, Option<i32>, String) {
    let mut raw = Raw::fork(our_child());
    raw.write(bytes);
    raw.socket.shutdown(std::net::Shutdown::Write).unwrap();
    let answers = raw.read_to_end();
    let Output { status, stderr, .. } = raw.finish();
    (answers, status.code(), String::from_utf8(stderr).unwrap())
}

/// A channel whose other side is a bare socket.
fn channel_and_socket() -> (Channel, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(LIMIT)).unwrap();
    theirs.set_write_timeout(Some(LIMIT)).unwrap();
    (Channel::from_stream(ours).unwrap(), theirs)
}

#[test]
fn b13_b14_b15_bad_bytes_end_our_child_with_a_reason_after_what_came_before() {
    let deep = format!("{}{}\n", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [(&[u8], &str); 9] = [
        (b"\n", "invalid JSON at byte 0 of the message: EOF while parsing a value, near ``"),
        (
            b"\x00\xff\xfe\n",
            "invalid JSON at byte 0 of the message: expected value, near `\u{fffd}\u{fffd}\u{fffd}`",
        ),
        (
            "\u{feff}{}\n".as_bytes(),
            "invalid JSON at byte 0 of the message: expected value, near `\u{feff}{}`",
        ),
        (b"{\"a\":}\n", "invalid JSON at byte 5 of the message: expected value, near `{\"a\":}`"),
        (b"{} {}\n", "invalid JSON at byte 3 of the message: trailing characters, near `{} {}`"),
        (b"[NaN]\n", "invalid JSON at byte 1 of the message: expected value, near `[NaN]`"),
        (b"{\"a\":1", "the channel ended in the middle of a message, after 6 bytes of it"),
        (b"\xff", "the channel ended in the middle of a message, after 1 bytes of it"),
        (deep.as_bytes(), "unexpected message, at byte 127: recursion limit exceeded"),
    ];
    for (bytes, complaint) in cases {
        let (answers, code, stderr) = child_after(&[b"1\n", bytes].concat());
        assert_eq!((code, stderr), (Some(2), format!("error: {complaint}\n")));
        assert!(answers.starts_with("{\"pid\":") && answers.ends_with(",\"echo\":1}\n"), "{answers}");
    }
}

#[test]
fn only_what_is_near_is_shown_of_a_long_line() {
    let (_, code, stderr) =
        child_after(format!("[{}oops{}]\n", "1,".repeat(100), ",2".repeat(100)).as_bytes());
    let near = "1,1,1,1,1,1,1,1,1,1,oops,2,2,2,2,2,2,2,2";
    let line = format!("error: invalid JSON at byte 201 of the message: expected value, near `{near}`\n");
    assert_eq!((code, stderr), (Some(2), line));
}

#[test]
fn b09_b16_b47_b48_odd_but_legal_bytes_are_answered() {
    let cases: [(&[u8], &str); 7] = [
        (b" {\"a\" : 1}\t\r\n", r#"{"a":1}"#),
        (b"\"\\ud800\"\n", "\"\u{fffd}\""),
        (b"\"a\xffb\"\n", "\"a\u{fffd}b\""),
        (b"18446744073709551615\n", "18446744073709551615"),
        (b"123456789012345678901234567890\n", "1.2345678901234568e+29"),
        (b"-1.0473252512683483e-108\n", "-1.0473252512683483e-108"),
        (b"{\"a\":1,\"a\":2}\n", r#"{"a":2}"#),
    ];
    for (bytes, echo) in cases {
        let (answers, code, stderr) = child_after(bytes);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(answers.ends_with(&format!(",\"echo\":{echo}}}\n")), "{answers}");
    }
}

#[test]
fn b48_a_number_without_end_is_an_error() {
    let (_, code, stderr) = child_after(b"1e400\n");
    assert_eq!(
        (code, stderr.as_str()),
        (Some(2), "error: unexpected message, at byte 4: number out of range\n")
    );
}

#[test]
fn b12_a_line_without_end_runs_into_the_limit_and_not_into_the_memory() {
    let mut raw = Raw::fork(our_child());
    let piece = vec![b'x'; 1 << 20];
    let mut written = 0;
    // Ours closes after 64 MiB and a little.
    while written < 80 << 20 {
        match raw.socket.write(&piece) {
            Ok(count) => written += count,
            Err(_) => break,
        }
    }
    assert!((64 << 20..66 << 20).contains(&written), "{written} bytes were taken");
    let output = raw.finish();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr, "error: a message is larger than the limit of 67108864 bytes\n");
}

#[test]
fn half_a_frame_and_then_silence_keeps_nobody_from_leaving() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        peer.write_all(b"{\"half\":").unwrap();
        tokio::time::timeout(BRIEFLY, channel.recv::<Value>()).await.unwrap_err();
        channel.send("we can still send").await.unwrap();
        within("disconnecting", channel.disconnect()).await.unwrap();
        let error = within("the end", channel.recv::<Value>()).await.unwrap_err();
        assert!(matches!(error, Error::TruncatedFrame { bytes: 8 }), "{error:?}");
    });
}

#[test]
fn b12_a_message_of_ours_over_the_limit_is_not_sent() {
    run(async {
        let (mut one, mut other) = Channel::pair().unwrap();
        one.set_max_frame_bytes(10);
        let error = one.send("12345678901").await.unwrap_err();
        assert!(matches!(error, Error::MessageTooLarge { bytes: 13, limit_bytes: 10 }), "{error:?}");
        one.send("12345678").await.unwrap();
        assert_eq!(other.recv::<String>().await.unwrap().unwrap(), "12345678");
    });
}

#[test]
fn b49_the_type_is_the_callers_and_a_misfit_is_skipped() {
    #[derive(Debug, Deserialize)]
    struct Job {
        mails: Vec<String>,
    }
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        peer.write_all(b"{\"mails\":1}\n{\"mail\":[]}\n[]\nnull\n{\"mails\":[\"a\"],\"more\":{}}\n").unwrap();
        for _ in 0..2 {
            let error = channel.recv::<Job>().await.unwrap_err();
            assert!(matches!(error, Error::WrongShape { .. }), "{error:?}");
        }
        assert_eq!(channel.recv::<Vec<u8>>().await.unwrap().unwrap(), Vec::<u8>::new());
        channel.recv::<Job>().await.unwrap_err();
        assert_eq!(channel.recv::<Job>().await.unwrap().unwrap().mails, ["a"]);
    });
}

#[test]
fn b31_a_peer_that_never_reads_makes_send_wait_and_nothing_is_lost_by_giving_up() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        let text = "x".repeat(10_000);
        let mut accepted = 0;
        let endless = async {
            loop {
                channel.send(&text).await.unwrap();
                accepted += 1;
            }
        };
        tokio::time::timeout(BRIEFLY, endless).await.unwrap_err();
        // A call that gave up may or may not have left its message; in no case half of it.
        for _ in 0..100 {
            let _ = tokio::time::timeout(Duration::ZERO, channel.send(&text)).await;
        }
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            std::io::Read::read_to_end(&mut peer, &mut all).unwrap();
            all
        });
        within("disconnecting", channel.disconnect()).await.unwrap();
        let bytes = reader.join().unwrap();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        assert!(lines.iter().all(|line| line.len() == 10_003), "only whole frames");
        let waiting = lines.len() - accepted;
        assert!(
            (1..=8).contains(&waiting),
            "{waiting} messages were kept for later, about 64 KiB are allowed"
        );
    });
}

#[test]
fn b31_send_ends_with_the_last_byte_even_if_the_other_side_never_says_a_word() {
    run(async {
        for _ in 0..20 {
            let (mut channel, mut peer) = channel_and_socket();
            let reader = std::thread::spawn(move || std::io::copy(&mut peer, &mut std::io::sink()).unwrap());
            within("sending", channel.send(&"x".repeat(1 << 20))).await.unwrap();
            within("disconnecting", channel.disconnect()).await.unwrap();
            assert_eq!(reader.join().unwrap(), (1 << 20) + 3);
        }
    });
}

/// Panics where the caller's own code may: while a message is being written as JSON.
struct Panics;

impl serde::Serialize for Panics {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("as the test wants it")
    }
}

#[test]
fn a_message_that_panics_harms_neither_half() {
    run(async {
        let (one, mut other) = Channel::pair().unwrap();
        let (mut sender, mut receiver) = one.split();
        sender.feed("before").await.unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let sending = std::pin::pin!(sender.send(&("half", Panics)));
            sending.poll(&mut context).is_ready()
        }));
        assert!(panicked.is_err());
        sender.send("after").await.unwrap();
        assert_eq!(other.recv::<String>().await.unwrap().unwrap(), "before");
        assert_eq!(other.recv::<String>().await.unwrap().unwrap(), "after");
        other.send(&1).await.unwrap();
        assert_eq!(receiver.recv::<u8>().await.unwrap(), Some(1));
    });
}

#[test]
fn a_document_of_several_lines_is_one_frame() {
    run(async {
        let (mut one, mut other) = Channel::pair().unwrap();
        let document = serde_json::value::RawValue::from_string("[\n 1,\n 2\n]".to_owned()).unwrap();
        one.send(&document).await.unwrap();
        one.send("next").await.unwrap();
        assert_eq!(other.recv::<Vec<u8>>().await.unwrap().unwrap(), [1, 2]);
        assert_eq!(other.recv::<String>().await.unwrap().unwrap(), "next");
    });
}

/// `is_fatal` says that the channel is closed, and so it is.
#[test]
#[cfg(target_os = "linux")]
fn a_failed_write_closes_the_channel() {
    run(async {
        let (_, (one, other)) = packets();
        let (mut one, mut other) = (Channel::from_stream(one).unwrap(), Channel::from_stream(other).unwrap());
        other.send(&1).await.unwrap();
        // EMSGSIZE: one packet can't be so large.
        let error = one.send(&"x".repeat(10 << 20)).await.unwrap_err();
        assert!(matches!(error, Error::Io { doing: "write to the channel", .. }), "{error:?}");
        assert!(error.is_fatal() && !one.connected());
        assert!(matches!(one.send(&2).await, Err(Error::Disconnected)));
        assert_eq!(one.recv::<u8>().await.unwrap(), Some(1));
        assert_eq!(one.recv::<u8>().await.unwrap(), None);
        assert_eq!(other.recv::<u8>().await.unwrap(), None, "the other side sees the end");
    });
}

#[test]
#[cfg(target_os = "linux")] // macOS has no such names
fn a_program_whose_name_is_not_utf8_is_forked() {
    use std::os::unix::ffi::OsStrExt;
    let folder = std::env::temp_dir().join(format!("node-channel-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join(std::ffi::OsStr::from_bytes(b"worker \xff"));
    let _ = std::fs::remove_file(&program);
    std::os::unix::fs::symlink(PROGRAM, &program).unwrap();
    run(async {
        let mut command = Command::new(&program);
        command.arg("child");
        let mut child = node_channel::fork(command).unwrap();
        child.send(&1).await.unwrap();
        assert_eq!(child.recv::<Value>().await.unwrap().unwrap()["echo"], 1);
        child.disconnect().await.unwrap();
        assert!(child.wait().await.unwrap().success());
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn b56_two_of_ours_may_both_write_a_lot_before_they_read() {
    async fn exchange(mut channel: Channel) {
        let text = "x".repeat(3 << 20);
        for _ in 0..4 {
            channel.send(&text).await.unwrap();
        }
        for _ in 0..4 {
            assert!(channel.recv::<String>().await.unwrap().unwrap() == text);
        }
    }
    run(async {
        let (one, other) = Channel::pair().unwrap();
        within("the exchange", async { tokio::join!(exchange(one), exchange(other)) }).await;
    });
}

#[test]
fn b55_a_reset_is_the_end_after_what_came_before() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        channel.send("unread").await.unwrap();
        peer.write_all(b"1\n2\n").unwrap();
        drop(peer);
        assert_eq!(channel.recv().await.unwrap(), Some(1));
        assert_eq!(channel.recv().await.unwrap(), Some(2));
        assert_eq!(channel.recv::<u8>().await.unwrap(), None);
        assert!(matches!(channel.send("gone").await, Err(Error::Disconnected)));
        assert_eq!(channel.recv::<u8>().await.unwrap(), None);
    });
}

#[test]
fn b24_after_disconnect_what_had_come_before_can_still_be_received() {
    run(async {
        let (mut one, mut other) = Channel::pair().unwrap();
        other.send(&1).await.unwrap();
        one.disconnect().await.unwrap();
        assert_eq!(one.recv().await.unwrap(), Some(1));
        assert_eq!(one.recv::<u8>().await.unwrap(), None);
        assert_eq!(other.recv::<u8>().await.unwrap(), None);
    });
}

#[test]
fn b24_what_the_other_side_can_read_has_been_sent_even_if_it_is_leaving() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        channel.send(&1).await.unwrap();
        assert_eq!(channel.recv::<u8>().await.unwrap(), None);
        assert!(matches!(channel.send(&2).await, Err(Error::Disconnected)));
        drop(channel);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut peer, &mut text).unwrap();
        assert_eq!(text, "1\n");
    });
}

#[test]
fn b24_disconnecting_the_sender_wakes_the_receiver() {
    run(async {
        let (one, _other) = Channel::pair().unwrap();
        let (mut sender, mut receiver) = one.split();
        let (end, ()) = tokio::join!(receiver.recv::<u8>(), async {
            tokio::task::yield_now().await;
            sender.disconnect().await.unwrap();
        });
        assert_eq!(end.unwrap(), None);
    });
}

#[test]
fn b11_a_receive_that_is_dropped_loses_nothing() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        for byte in b"{\"text\":\"\xc3\xbc\"}\n" {
            tokio::time::timeout(Duration::from_millis(1), channel.recv::<Value>()).await.unwrap_err();
            peer.write_all(&[*byte]).unwrap();
        }
        assert_eq!(channel.recv::<Value>().await.unwrap().unwrap(), json!({"text": "ü"}));
    });
}

/// A listening socket whose name nothing else needs.
#[cfg(target_os = "linux")]
fn unix_listener() -> std::os::fd::OwnedFd {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("node-channel test {}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
    std::os::unix::net::UnixListener::bind_addr(&address).unwrap().into()
}

#[test]
fn b02_b05_b06_b40_b64_without_a_usable_channel_our_child_says_so() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let listener = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let said = |command: Command, number: Option<(i32, std::os::fd::OwnedFd)>, value: &str, mode: &str| {
        let mut command = command;
        command.env("NODE_CHANNEL_FD", value).env("NODE_CHANNEL_SERIALIZATION_MODE", mode);
        if let Some((child_fd, parent_fd)) = number {
            use command_fds::{CommandFdExt, FdMapping};
            command.fd_mappings(vec![FdMapping { parent_fd, child_fd }]).unwrap();
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let none = "error: not forked: NODE_CHANNEL_FD is not set, a parent has to start this program\n";
    assert_eq!(said(our_child(), None, "", "json"), none);
    for (value, reason) in [
        ("abc", "is not a number"),
        ("3abc", "is not a number"),
        (" 3", "is not a number"),
        ("99999999999", "is not a number"),
        ("-1", "is negative"),
        ("77", "is not an open descriptor"),
    ] {
        let line = format!("error: bad channel: NODE_CHANNEL_FD={value} {reason}\n");
        assert_eq!(said(our_child(), None, value, "json"), line);
    }
    let not_a_socket = "error: bad channel: NODE_CHANNEL_FD=3 is not a socket\n";
    assert_eq!(said(our_child(), Some((3, file.into())), "3", "json"), not_a_socket);
    let not_connected = "error: bad channel: NODE_CHANNEL_FD=3 is a socket without a connection\n";
    assert_eq!(said(our_child(), Some((3, listener.into())), "3", "json"), not_connected);
    #[cfg(target_os = "linux")] // not every system can tell
    for socket in [unix_listener(), std::net::TcpListener::bind("127.0.0.1:0").unwrap().into()] {
        let listens = "error: bad channel: NODE_CHANNEL_FD=3 is a socket that listens\n";
        assert_eq!(said(our_child(), Some((3, socket)), "3", "json"), listens);
    }
    for mode in ["advanced", "other"] {
        let line = format!(
            "error: unsupported serialization: the parent speaks `{mode}`, this program only `json`\n"
        );
        assert_eq!(said(our_child(), None, "3", mode), line);
    }
}

/// Sockets that keep messages apart. macOS has none for local sockets, so there it is a second stream.
fn packets() -> (&'static str, (UnixStream, UnixStream)) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
        let (family, flags) = (AddressFamily::Unix, SockFlag::SOCK_CLOEXEC);
        let (one, other) = socketpair(family, SockType::SeqPacket, None, flags).unwrap();
        ("packets", (one.into(), other.into()))
    }
    #[cfg(not(target_os = "linux"))]
    ("stream", UnixStream::pair().unwrap())
}

#[test]
fn b02_b07_any_number_any_kind_of_stream_and_no_mode_will_do() {
    for number in [0, 3, 4, 9, 150] {
        let pairs = [("stream", UnixStream::pair().unwrap()), packets()];
        for (kind, (ours, theirs)) in pairs {
            // An empty mode means `json`, and so does none. The harness sets one, the shell takes it back.
            let mut shell = Command::new("sh");
            shell.args(["-c", "NODE_CHANNEL_SERIALIZATION_MODE= exec \"$0\" child", PROGRAM]);
            let mut raw = Raw::fork_on(shell, ours, theirs.into(), number);
            raw.write(b"\"hello\"\n");
            let mut answer = [0; 100];
            let count = raw.read(&mut answer);
            let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
            assert!(answer.ends_with(",\"echo\":\"hello\"}\n"), "{number} {kind}: {answer}");
            assert_eq!(raw.finish().status.code(), Some(0));
        }
    }
}

/// Every handle gets one answer, whether or not a descriptor comes with it.
#[test]
#[cfg(target_os = "linux")]
fn b22_b23_b58_b59_descriptors_that_nobody_asked_for_are_closed_and_refused() {
    let mut raw = Raw::fork(our_child());
    raw.write(b"\"first\"\n");
    assert!(raw.read_line().ends_with(",\"echo\":\"first\"}\n"));
    let before = common::descriptors(raw.process.id());
    let file = std::fs::File::open("/dev/null").unwrap();
    for _ in 0..20 {
        raw.write_with_descriptor(b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":{}}\n", &file);
        assert_eq!(raw.read_line(), "{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
        raw.write(b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":{}}\n");
        assert_eq!(raw.read_line(), "{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
        raw.write_with_descriptor(b"\"with", &file);
        raw.write_with_descriptor(b" a file\"\n\"and without\"\n", &file);
        assert!(raw.read_line().ends_with(",\"echo\":\"with a file\"}\n"));
        assert!(raw.read_line().ends_with(",\"echo\":\"and without\"}\n"));
    }
    assert_eq!(common::descriptors(raw.process.id()), before);
    assert_eq!(raw.finish().status.code(), Some(0));
}

/// The kernel can't open the descriptor for us, and the message that it came with is still there.
#[test]
#[cfg(target_os = "linux")]
fn b22_b23_a_handle_is_refused_at_the_limit_of_descriptors_too() {
    let mut idle = Raw::fork(our_child());
    idle.write(b"1\n");
    idle.read_line();
    let highest = common::descriptors(idle.process.id()).into_iter().max().unwrap();
    idle.finish();
    for free in 0..3 {
        let mut shell = Command::new("sh");
        let limit = format!("ulimit -n {}; exec \"$0\" child", highest + 1 + free);
        shell.args(["-c", &limit, PROGRAM]);
        let mut raw = Raw::fork(shell);
        raw.write(b"1\n");
        assert!(raw.read_line().ends_with(",\"echo\":1}\n"));
        let before = common::descriptors(raw.process.id());
        let file = std::fs::File::open("/dev/null").unwrap();
        for _ in 0..10 {
            let handle = b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":{}}\n";
            raw.write_with_descriptors(handle, &[&file, &file, &file]);
            assert_eq!(raw.read_line(), "{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
            raw.write(b"\"next\"\n");
            assert!(raw.read_line().ends_with(",\"echo\":\"next\"}\n"));
        }
        assert_eq!(common::descriptors(raw.process.id()), before);
        assert_eq!(raw.finish().status.code(), Some(0));
    }
}

#[test]
fn b50_answers_to_handles_and_large_messages_do_not_mix() {
    run(async {
        const HANDLES: usize = 5000;
        let (channel, mut peer) = channel_and_socket();
        let (mut sender, mut receiver) = channel.split();
        let mut writer = peer.try_clone().unwrap();
        let writing = std::thread::spawn(move || {
            for _ in 0..HANDLES {
                writer.write_all(b"{\"cmd\":\"NODE_HANDLE\"}\n").unwrap();
            }
            writer.write_all(b"\"last\"\n").unwrap();
        });
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut peer, &mut bytes).unwrap();
            bytes
        });
        let text = "x".repeat(100_000);
        let sending = async {
            for _ in 0..50 {
                sender.send(&text).await.unwrap();
            }
        };
        let receiving = async { assert_eq!(receiver.recv::<String>().await.unwrap().unwrap(), "last") };
        within("both", async { tokio::join!(sending, receiving) }).await;
        within("the flush", sender.disconnect()).await.unwrap();
        writing.join().unwrap();
        let bytes = reading.join().unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let (answers, messages): (Vec<&[u8]>, Vec<&[u8]>) = lines.partition(|line| line.starts_with(b"{"));
        assert!(answers.iter().all(|line| *line == b"{\"cmd\":\"NODE_HANDLE_NACK\"}"));
        assert!(messages.iter().all(|line| line.len() == 100_002));
        assert_eq!((answers.len(), messages.len()), (HANDLES, 50));
    });
}

#[test]
fn b22_a_peer_that_sends_handles_and_never_reads_the_answers_is_not_read_for_ever() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        peer.set_nonblocking(true).unwrap();
        let frames = b"{\"cmd\":\"NODE_HANDLE\"}\n".repeat(1000);
        let mut written = 0;
        // As long as ours reads, there is always room again.
        while written < 100 << 20 {
            match peer.write(&frames) {
                Ok(count) => written += count,
                Err(_) => {
                    let before = written;
                    let _ = tokio::time::timeout(BRIEFLY, channel.recv::<Value>()).await;
                    if let Ok(count) = peer.write(&frames) {
                        written += count;
                    }
                    if written == before {
                        break;
                    }
                }
            }
        }
        assert!(written < 10 << 20, "{written} bytes of handles were taken");
    });
}

#[test]
fn b19_nothing_is_lost_when_the_peer_sends_and_leaves() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        peer.write_all(b"1\n2\n3\n").unwrap();
        drop(peer);
        let (mut received, mut end) = (Vec::new(), false);
        while !end {
            match channel.recv::<u8>().await.unwrap() {
                Some(number) => received.push(number),
                None => end = true,
            }
        }
        assert_eq!(received, [1, 2, 3]);
    });
}
