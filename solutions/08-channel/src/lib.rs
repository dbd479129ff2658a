//! Node's `fork`, `send`, `on('message')` and `disconnect`. The package `node-channel` adds what is left out here.

mod channel;
mod fork;
mod inherited;

pub use channel::Channel;
pub use fork::{Child, fork};
pub use inherited::{Inherited, inherited};

/// What can go wrong on a channel. Each error prints as one line, which says what it means.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error("the channel is closed")]
    Disconnected,
    #[error("unexpected message: {0}")]
    InvalidJson(#[from] serde_json::Error),
    #[error("a message was cut off after {bytes} bytes")]
    TruncatedFrame { bytes: usize },
    #[error("not forked: NODE_CHANNEL_FD is not set")]
    NotForked,
    #[error("NODE_CHANNEL_FD={value} {reason}")]
    BadChannelFd { value: String, reason: String },
    #[error("cannot speak the serialization `{mode}`")]
    UnsupportedSerialization { mode: String },
    #[error("cannot start {program}: {source}")]
    Spawn { program: String, source: std::io::Error },
    #[error("cannot use the channel: {0}")]
    Io(#[from] std::io::Error),
}

impl Error {
    /// Whether the channel is unusable from now on. After a message of an unexpected type, it still works.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Error::InvalidJson(error) if error.is_data())
    }
}
