//! What the environment says about the broker.

use async_nats::ServerAddr;
use mail::env;
use std::time::Duration;

/// Where the broker is when `NATS_URL` is not set.
const DEFAULT_NATS_URL: &str = "nats://127.0.0.1:4222";
/// How long the broker waits for an acknowledgement when `ACK_WAIT_MS` is not set.
const DEFAULT_ACK_WAIT_MS: usize = 30_000;
/// The room for mails that wait when `QUEUE_BYTES` is not set: 256 MiB.
const DEFAULT_QUEUE_BYTES: usize = 256 * 1024 * 1024;

/// Where the broker is, and what the streams are like. All programs that share a broker have the same.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker's address: `NATS_URL`.
    pub address: ServerAddr,
    /// How long a message may stay without acknowledgement before it is delivered again: `ACK_WAIT_MS`.
    pub ack_wait: Duration,
    /// How many bytes of mails may wait in the broker: `QUEUE_BYTES`.
    pub queue_bytes: i64,
}

impl Settings {
    /// Reads `NATS_URL`, `ACK_WAIT_MS` and `QUEUE_BYTES`.
    ///
    /// # Errors
    /// One line of text when one of them cannot be used.
    pub fn from_env() -> Result<Self, String> {
        let ack_wait_ms = env::number("ACK_WAIT_MS", DEFAULT_ACK_WAIT_MS, 100..=3_600_000)?;
        Ok(Self {
            address: address()?,
            ack_wait: Duration::from_millis(ack_wait_ms as u64),
            queue_bytes: env::number("QUEUE_BYTES", DEFAULT_QUEUE_BYTES, 1..=1 << 40)? as i64,
        })
    }

    /// The broker's host and port. The name and the password of a user don't belong into a log.
    pub fn place(&self) -> String {
        format!("{}:{}", self.address.host(), self.address.port())
    }
}

fn address() -> Result<ServerAddr, String> {
    let text = env::text("NATS_URL")?.unwrap_or_else(|| DEFAULT_NATS_URL.into());
    let bad = |why: &str| format!("cannot use NATS_URL: {why}: use nats://HOST:PORT");
    let address: ServerAddr = text.parse().map_err(|error: std::io::Error| bad(&error.to_string()))?;
    match address.host() {
        "" => Err(bad("it names no host")),
        _ => Ok(address),
    }
}
