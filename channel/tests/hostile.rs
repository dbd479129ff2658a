//! Peers that do what no decent peer does. Neither end of ours crashes, hangs, leaks or grows without bound.

mod common;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{BRIEFLY, LIMIT, REFUSED, Raw, child_after, output, program, read_all, run};
use node_channel::{Channel, Error};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

/// How our child ends when all that it gets is `bytes`, with the end after them: answers, code, complaint.
fn child_of(bytes: &[u8]) -> (String, Option<i32>, String) {
    let mut raw = Raw::fork(program("child"));
    raw.write(bytes);
    raw.socket.shutdown(std::net::Shutdown::Write).unwrap();
    let answers = std::iter::repeat_with(|| raw.read_line()).take_while(|line| !line.is_empty()).collect();
    let (code, _, stderr) = raw.finish();
    (answers, code, stderr)
}

/// A channel whose other side is a bare socket.
fn channel_and_socket() -> (Channel, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(LIMIT)).unwrap();
    theirs.set_write_timeout(Some(LIMIT)).unwrap();
    (Channel::from_stream(ours).unwrap(), theirs)
}

#[test]
fn b13_b14_b15_b48_bad_bytes_end_our_child_with_a_reason_after_what_came_before() {
    let invalid = |offset: usize, why: &str, near: &str| {
        format!("invalid JSON at byte {offset} of the message: {why}, near `{near}`")
    };
    let value = "expected value";
    let cut = |bytes| format!("the channel ended in the middle of a message, after {bytes} bytes of it");
    let deep = format!("{}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!("[{}oops{}]\n", "1,".repeat(100), ",2".repeat(100));
    let cases: [(&[u8], String); 11] = [
        (b"\n", invalid(0, "EOF while parsing a value", "")),
        (b"\x00\xff\xfe\n", invalid(0, value, "\u{fffd}\u{fffd}\u{fffd}")),
        ("\u{feff}{}\n".as_bytes(), invalid(0, value, "\u{feff}{}")),
        (b"{\"a\":}\n", invalid(5, value, "{\"a\":}")),
        (b"{} {}\n", invalid(3, "trailing characters", "{} {}")),
        (b"[NaN]\n", invalid(1, value, "[NaN]")),
        (long.as_bytes(), invalid(201, value, "1,1,1,1,1,1,1,1,1,1,oops,2,2,2,2,2,2,2,2")),
        (b"{\"a\":1", cut(6)),
        (b"\xff", cut(1)),
        (deep.as_bytes(), "unexpected message, at byte 127: recursion limit exceeded".to_owned()),
        (b"1e400\n", "unexpected message, at byte 4: number out of range".to_owned()),
    ];
    for (bytes, complaint) in cases {
        let (answers, code, stderr) = child_of(&[b"1\n", bytes].concat());
        assert_eq!((code, stderr), (Some(2), format!("error: {complaint}\n")));
        assert_eq!(answers, "{\"echo\":1}\n");
    }
}

#[test]
fn b09_b16_b47_b48_odd_but_legal_bytes_are_answered() {
    let cases: [(&[u8], &str); 7] = [
        (b" {\"a\" : 1}\t\r\n", r#"{"a":1}"#),
        (b"\"\\ud800\"\n", "\"\u{fffd}\""),
        (b"\"a\x80\xff\xed\xa0\x80b\"\n", "\"a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}b\""),
        (b"18446744073709551615\n", "18446744073709551615"),
        (b"123456789012345678901234567890\n", "1.2345678901234568e+29"),
        (b"[-1.0473252512683483e-108,-0,1E2]\n", "[-1.0473252512683483e-108,-0.0,100.0]"),
        (b"{\"a\":1,\"a\":2}\n", r#"{"a":2}"#),
    ];
    for (bytes, echo) in cases {
        let (answers, code, stderr) = child_of(bytes);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert_eq!(answers, format!("{{\"echo\":{echo}}}\n"));
    }
}

#[test]
fn b12_a_line_without_end_runs_into_the_limit_and_not_into_the_memory() {
    let mut raw = Raw::fork(program("child"));
    let piece = vec![b'x'; 1 << 20];
    let mut written = 0;
    // Ours closes after 64 MiB and a little.
    while written < 80 << 20
        && let Ok(count) = raw.socket.write(&piece)
    {
        written += count;
    }
    assert!((64 << 20..66 << 20).contains(&written), "{written} bytes were taken");
    let (code, _, stderr) = raw.finish();
    assert_eq!(code, Some(2));
    assert_eq!(stderr, "error: a message is larger than the limit of 67108864 bytes\n");
}

#[test]
fn half_a_frame_and_then_silence_keeps_nobody_from_leaving() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        peer.write_all(b"{\"half\":").unwrap();
        timeout(BRIEFLY, channel.recv::<Value>()).await.unwrap_err();
        channel.send("we can still send").await.unwrap();
        channel.disconnect().await.unwrap();
        let error = channel.recv::<Value>().await.unwrap_err();
        assert!(matches!(error, Error::TruncatedFrame { bytes: 8 }), "{error:?}");
        assert_eq!(channel.recv::<Value>().await.unwrap(), None);
    });
}

#[test]
fn b12_a_message_of_ours_over_the_limit_is_not_sent() {
    run(async {
        let (mut one, mut other) = Channel::pair().unwrap();
        one.set_max_frame_bytes(10);
        let error = one.send("12345678901").await.unwrap_err();
        assert_eq!(error.to_string(), "a message of 13 bytes is over the limit of 10 and was not sent");
        assert!(!error.is_fatal());
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
        let (mut channel, peer) = channel_and_socket();
        let text = "x".repeat(10_000);
        let mut accepted = 0;
        let endless = async {
            loop {
                channel.send(&text).await.unwrap();
                accepted += 1;
            }
        };
        timeout(BRIEFLY, endless).await.unwrap_err();
        // A call that gave up may or may not have left its message; in no case half of it.
        for _ in 0..100 {
            let _ = timeout(Duration::ZERO, channel.send(&text)).await;
        }
        let reader = read_all(peer);
        channel.disconnect().await.unwrap();
        let text = reader.join().unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
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
            let (mut channel, peer) = channel_and_socket();
            let reader = read_all(peer);
            channel.send(&"x".repeat(1 << 20)).await.unwrap();
            channel.disconnect().await.unwrap();
            assert_eq!(reader.join().unwrap().len(), (1 << 20) + 3);
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
        let (one, other) = packets();
        let (mut one, mut other) = (Channel::from_stream(one).unwrap(), Channel::from_stream(other).unwrap());
        other.send(&1).await.unwrap();
        // EMSGSIZE: one packet can't be so large.
        let error = one.send(&"x".repeat(10 << 20)).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot write to the channel: Message too long (os error 90)");
        assert!(error.is_fatal() && !one.connected());
        assert!(matches!(one.send(&2).await, Err(Error::Disconnected)));
        assert_eq!(one.recv::<u8>().await.unwrap(), Some(1));
        assert_eq!(one.recv::<u8>().await.unwrap(), None);
        assert_eq!(other.recv::<u8>().await.unwrap(), None, "the other side sees the end");
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
        let (mut channel, peer) = channel_and_socket();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        channel.send(&1).await.unwrap();
        assert_eq!(channel.recv::<u8>().await.unwrap(), None);
        assert!(matches!(channel.send(&2).await, Err(Error::Disconnected)));
        drop(channel);
        assert_eq!(read_all(peer).join().unwrap(), "1\n");
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
fn b02_b05_b06_b40_b64_without_a_usable_channel_our_child_says_so() {
    let said = |socket: Option<OwnedFd>, value: &str, mode: &str| {
        let mut command = program("child");
        command.env("NODE_CHANNEL_FD", value).env("NODE_CHANNEL_SERIALIZATION_MODE", mode);
        if let Some(parent_fd) = socket {
            use command_fds::{CommandFdExt, FdMapping};
            command.fd_mappings(vec![FdMapping { parent_fd, child_fd: 3 }]).unwrap();
        }
        let (code, _, stderr) = output(&mut command);
        assert_eq!(code, Some(2));
        stderr
    };
    let none = "error: not forked: NODE_CHANNEL_FD is not set, a parent has to start this program\n";
    assert_eq!(said(None, "", "json"), none);
    let file = std::fs::File::open("/dev/null").unwrap().into();
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into();
    #[cfg(target_os = "linux")]
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap().into();
    let bad: Vec<(&str, Option<OwnedFd>, &str)> = vec![
        ("abc", None, "is not a number"),
        ("3abc", None, "is not a number"),
        (" 3", None, "is not a number"),
        ("99999999999", None, "is not a number"),
        ("-1", None, "is negative"),
        ("77", None, "is not an open descriptor"),
        ("3", Some(file), "is not a socket"),
        ("3", Some(datagrams), "is a socket without a connection"),
        #[cfg(target_os = "linux")] // not every system can tell
        ("3", Some(listener), "is a socket that listens"),
    ];
    for (value, socket, reason) in bad {
        let line = format!("error: bad channel: NODE_CHANNEL_FD={value} {reason}\n");
        assert_eq!(said(socket, value, "json"), line);
    }
    for mode in ["advanced", "other"] {
        let line = format!(
            "error: unsupported serialization: the parent speaks `{mode}`, this program only `json`\n"
        );
        assert_eq!(said(None, "3", mode), line);
    }
}

/// Sockets that keep messages apart. macOS has none for local sockets, so there it is a second stream.
fn packets() -> (UnixStream, UnixStream) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
        let (family, flags) = (AddressFamily::Unix, SockFlag::SOCK_CLOEXEC);
        let (one, other) = socketpair(family, SockType::SeqPacket, None, flags).unwrap();
        (one.into(), other.into())
    }
    #[cfg(not(target_os = "linux"))]
    UnixStream::pair().unwrap()
}

#[test]
fn b02_b07_any_number_any_kind_of_stream_and_no_mode_will_do() {
    for number in [0, 3, 4, 9, 150] {
        for (ours, theirs) in [UnixStream::pair().unwrap(), packets()] {
            // An empty mode means `json`, and so does none. The harness sets one, the shell takes it back.
            let shell = child_after("NODE_CHANNEL_SERIALIZATION_MODE=");
            let mut raw = Raw::fork_on(shell, ours, theirs.into(), number);
            raw.write("\"hello\"\n");
            // At once: what is left of a packet is lost.
            let mut answer = [0; 100];
            let count = raw.read(&mut answer);
            assert_eq!(&answer[..count], b"{\"echo\":\"hello\"}\n", "{number}");
            assert_eq!(raw.finish().0, Some(0));
        }
    }
}

/// Every handle gets one answer, whether or not descriptors come with it, and none of them stays open.
#[cfg(target_os = "linux")]
fn assert_refuses_handles(mut raw: Raw) {
    let descriptors = |raw: &Raw| support::process::descriptors(raw.process.id()).unwrap();
    raw.write("1\n");
    raw.assert_echo("1");
    let before = descriptors(&raw);
    let file = std::fs::File::open("/dev/null").unwrap();
    for _ in 0..20 {
        for count in [0, 1, 3] {
            common::send_with_descriptors(&raw.socket, common::HANDLE, &vec![&file; count]);
            assert_eq!(raw.read_line(), REFUSED);
        }
        for piece in ["\"with", " a file\"\n\"and without\"\n"] {
            common::send_with_descriptors(&raw.socket, piece.as_bytes(), &[&file]);
        }
        raw.assert_echo("\"with a file\"");
        raw.assert_echo("\"and without\"");
    }
    assert_eq!(descriptors(&raw), before);
    assert_eq!(raw.finish().0, Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn b22_b23_b58_b59_descriptors_that_nobody_asked_for_are_closed_and_refused() {
    assert_refuses_handles(Raw::fork(program("child")));
}

/// The kernel can't open the descriptor for us, and the message that it came with is still there.
#[test]
#[cfg(target_os = "linux")]
fn b22_b23_a_handle_is_refused_at_the_limit_of_descriptors_too() {
    let mut idle = Raw::fork(program("child"));
    idle.write("1\n");
    idle.assert_echo("1");
    let descriptors = support::process::descriptors(idle.process.id()).unwrap();
    let highest = descriptors.into_iter().map(|(number, _)| number).max().unwrap();
    for free in 0..3 {
        assert_refuses_handles(Raw::fork(child_after(&format!("ulimit -n {};", highest + 1 + free))));
    }
}

#[test]
fn b50_answers_to_handles_and_large_messages_do_not_mix() {
    run(async {
        const HANDLES: usize = 5000;
        let (channel, peer) = channel_and_socket();
        let (mut sender, mut receiver) = channel.split();
        let mut writer = peer.try_clone().unwrap();
        let writing = std::thread::spawn(move || {
            for _ in 0..HANDLES {
                writer.write_all(b"{\"cmd\":\"NODE_HANDLE\"}\n").unwrap();
            }
            writer.write_all(b"\"last\"\n").unwrap();
        });
        let reading = read_all(peer);
        let text = "x".repeat(100_000);
        let sending = async {
            for _ in 0..50 {
                sender.send(&text).await.unwrap();
            }
        };
        let receiving = async { assert_eq!(receiver.recv::<String>().await.unwrap().unwrap(), "last") };
        tokio::join!(sending, receiving);
        sender.disconnect().await.unwrap();
        writing.join().unwrap();
        let text = reading.join().unwrap();
        let (answers, messages): (Vec<&str>, Vec<&str>) =
            text.split_inclusive('\n').partition(|line| line.starts_with('{'));
        assert!(answers.iter().all(|line| *line == REFUSED));
        assert!(messages.iter().all(|line| line.len() == 100_003));
        assert_eq!((answers.len(), messages.len()), (HANDLES, 50));
    });
}

#[test]
fn b22_a_peer_that_sends_handles_and_never_reads_the_answers_is_not_read_forever() {
    run(async {
        let (mut channel, mut peer) = channel_and_socket();
        peer.set_nonblocking(true).unwrap();
        let frames = b"{\"cmd\":\"NODE_HANDLE\"}\n".repeat(1000);
        let mut written = 0;
        // As long as ours reads, there is always room again.
        while written < 100 << 20 {
            let count = match peer.write(&frames) {
                Ok(count) => count,
                Err(_) => {
                    let _ = timeout(BRIEFLY, channel.recv::<Value>()).await;
                    peer.write(&frames).unwrap_or(0)
                }
            };
            written += count;
            if count == 0 {
                break;
            }
        }
        assert!(written < 10 << 20, "{written} bytes of handles were taken");
    });
}
