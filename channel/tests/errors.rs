//! What the errors say, and how a caller tells them apart.

use std::error::Error as _;
use std::io;

use node_channel::Error;

fn system(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "as the system says")
}

/// One of each, with the line that it prints.
fn all() -> Vec<(Error, &'static str)> {
    let json = || serde_json::from_str::<u8>("x").unwrap_err();
    let (offset, reason, excerpt) = (3, "a reason".to_owned(), "some text".to_owned());
    let spawn = |kind| Error::Spawn { program: "node".into(), source: system(kind) };
    vec![
        (Error::Disconnected, "the channel is closed"),
        (
            Error::InvalidJson { offset, reason: reason.clone(), excerpt },
            "invalid JSON at byte 3 of the message: a reason, near `some text`",
        ),
        (Error::WrongShape { offset, reason: reason.clone() }, "unexpected message, at byte 3: a reason"),
        (Error::FrameTooLarge { limit_bytes: 4 }, "a message is larger than the limit of 4 bytes"),
        (
            Error::MessageTooLarge { bytes: 5, limit_bytes: 4 },
            "a message of 5 bytes is over the limit of 4 and was not sent",
        ),
        (
            Error::TruncatedFrame { bytes: 6 },
            "the channel ended in the middle of a message, after 6 bytes of it",
        ),
        (
            Error::Unserializable(json()),
            "cannot write the message as JSON: expected value at line 1 column 1",
        ),
        (Error::ReservedCmd, "a message whose `cmd` begins with NODE_ is reserved for Node itself"),
        (Error::NotForked, "not forked: NODE_CHANNEL_FD is not set, a parent has to start this program"),
        (Error::BadChannelFd { value: "7".into(), reason }, "bad channel: NODE_CHANNEL_FD=7 a reason"),
        (
            Error::UnsupportedSerialization { mode: "advanced".into() },
            "unsupported serialization: the parent speaks `advanced`, this program only `json`",
        ),
        (
            Error::ThreadsRunning { count: 2 },
            "the channel must be taken before any thread is started, and 2 are running",
        ),
        (spawn(io::ErrorKind::NotFound), "cannot start node: as the system says"),
        (
            Error::CannotWait { source: system(io::ErrorKind::Other) },
            "cannot wait for the channel: as the system says",
        ),
        (
            Error::Io { doing: "read from the channel", source: system(io::ErrorKind::Other) },
            "cannot read from the channel: as the system says",
        ),
    ]
}

fn chosen(choose: impl Fn(&Error) -> bool) -> Vec<String> {
    let all = all().into_iter().map(|(error, _)| error).filter(choose);
    all.map(|error| format!("{error:?}").split([' ', '(']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_error_is_one_line_that_says_what_and_why() {
    for (error, line) in all() {
        assert_eq!(error.to_string(), line);
    }
}

#[test]
fn the_channel_goes_on_after_what_concerns_one_message() {
    let goes_on = chosen(|error| !error.is_fatal());
    assert_eq!(goes_on, ["WrongShape", "MessageTooLarge", "Unserializable", "ReservedCmd", "CannotWait"]);
}

#[test]
fn what_another_one_said_is_the_source() {
    let sources = chosen(|error| error.source().is_some());
    assert_eq!(sources, ["Unserializable", "Spawn", "CannotWait", "Io"]);
    for (error, _) in all() {
        // It is said within the line.
        assert!(error.source().is_none_or(|source| error.to_string().contains(&source.to_string())));
    }
}
