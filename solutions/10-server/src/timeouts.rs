//! How long a server waits for a worker. Lesson 10 waits forever; lessons 11 and 12 use this.

use mail::env;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// How long a server waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a worker that has work may be silent: `WORKER_TIMEOUT_SECONDS`, 30 by default.
    pub silence: Duration,
    /// How long it may take to exit: `WORKER_GRACE_SECONDS`, 5 by default.
    pub grace: Duration,
}

impl Timeouts {
    /// As the environment says.
    ///
    /// # Errors
    /// One line of text when a variable cannot be used.
    pub fn from_env() -> Result<Self, String> {
        Ok(Self {
            silence: env::seconds("WORKER_TIMEOUT_SECONDS", Duration::from_secs(30))?,
            grace: env::seconds("WORKER_GRACE_SECONDS", Duration::from_secs(5))?,
        })
    }
}

// ANCHOR: within
/// Waits for `work`, at most for `limit` and a tenth of it: eleven parts. When this server
/// itself was stopped (Ctrl-Z) and resumes, the current part expires immediately, and
/// messages that arrived in the meantime are read in the next one.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    for _ in 0..=10 {
        if let Ok(done) = timeout(limit / 10, &mut work).await {
            return Some(done);
        }
    }
    None
}
// ANCHOR_END: within
