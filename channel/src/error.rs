//! What can go wrong on a channel, as types: the caller decides by them.

use std::io;

use thiserror::Error;

/// Why a channel could not be made, or a message not be sent or received.
///
/// Every error prints as one line. [`is_fatal`](Error::is_fatal) says whether the channel goes on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The channel is closed: this side disconnected, or the other one has gone.
    #[error("the channel is closed")]
    Disconnected,
    /// A frame is not JSON. A Node peer would die of it; this side closes the channel.
    #[error("invalid JSON at byte {offset} of the message: {reason}, near `{excerpt}`")]
    InvalidJson {
        /// Where in the frame, counted from 0.
        offset: usize,
        /// What the parser says.
        reason: String,
        /// The frame around the offset.
        excerpt: String,
    },
    /// A frame is JSON, but not a message of the type that was asked for. The next one may be.
    #[error("unexpected message, at byte {offset}: {reason}")]
    WrongShape {
        /// Where in the frame, counted from 0.
        offset: usize,
        /// What the parser says.
        reason: String,
    },
    /// A frame that arrives is longer than the limit.
    #[error("a message is larger than the limit of {limit_bytes} bytes")]
    FrameTooLarge {
        /// The limit, without the newline.
        limit_bytes: usize,
    },
    /// A message of one's own is longer than the limit, so it was not sent.
    #[error("a message of {bytes} bytes is over the limit of {limit_bytes} and was not sent")]
    MessageTooLarge {
        /// How long it is.
        bytes: usize,
        /// The limit, without the newline.
        limit_bytes: usize,
    },
    /// The other side ended in the middle of a frame.
    #[error("the channel ended in the middle of a message, after {bytes} bytes of it")]
    TruncatedFrame {
        /// How much of the frame had come.
        bytes: usize,
    },
    /// A message could not be written as JSON.
    #[error("cannot write the message as JSON: {0}")]
    Unserializable(#[source] serde_json::Error),
    /// A message of one's own must not look like one of Node's internal ones, an object whose
    /// `cmd` begins with `NODE_`.
    #[error("a message whose `cmd` begins with NODE_ is reserved for Node itself")]
    ReservedCmd,
    /// There is no `NODE_CHANNEL_FD`: this program was not forked.
    #[error("not forked: NODE_CHANNEL_FD is not set, a parent has to start this program")]
    NotForked,
    /// `NODE_CHANNEL_FD` does not name an open socket.
    #[error("bad channel: NODE_CHANNEL_FD={value} {reason}")]
    BadChannelFd {
        /// What the variable holds.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The parent speaks a serialization that this library does not: `advanced`.
    #[error("unsupported serialization: the parent speaks `{mode}`, this program only `json`")]
    UnsupportedSerialization {
        /// What `NODE_CHANNEL_SERIALIZATION_MODE` holds.
        mode: String,
    },
    /// [`inherited`](crate::inherited) was called after a thread had been started.
    #[error("the channel must be taken before any thread is started, and {count} are running")]
    ThreadsRunning {
        /// How many threads there are.
        count: u64,
    },
    /// The program to fork could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The other side doesn't read, and the system could not wait until it does: usually because
    /// this process has no descriptor left. What was to be sent stays in the buffer and leaves first
    /// with the next call.
    #[error("cannot wait for the channel: {source}")]
    CannotWait {
        /// Why it failed.
        source: io::Error,
    },
    /// The system refused something else.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// Whether there is no channel after this error, or a closed one: sending is
    /// [`Disconnected`](Error::Disconnected) from now on, and receiving soon ends with `None`. After
    /// any other error the channel goes on.
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Error::WrongShape { .. }
                | Error::MessageTooLarge { .. }
                | Error::Unserializable(_)
                | Error::ReservedCmd
                | Error::CannotWait { .. }
        )
    }

    /// For `map_err`: wraps what the system said.
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { doing, source }
    }
}
