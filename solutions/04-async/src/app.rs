//! What all requests share.

use axum::extract::State;
use axum::response::Json;
use mail::{SmtpServer, env};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// How many conversations with the SMTP server may be open at once when `SMTP_CONNECTIONS` is not set.
const DEFAULT_CONNECTIONS: usize = 4;

/// What every handler and every task can see. A clone shares the permits and the number.
#[derive(Clone, Debug)]
pub struct App {
    /// Where mail goes.
    pub server: SmtpServer,
    /// One permit for each conversation that may be open at once.
    pub permits: Arc<Semaphore>,
    mails_sent: Arc<AtomicUsize>,
}

impl App {
    /// The app that the environment variables `SMTP_URL` and `SMTP_CONNECTIONS` describe.
    ///
    /// # Errors
    /// One line of text when one of them cannot be used.
    pub fn from_env() -> Result<Self, String> {
        let connections = env::number("SMTP_CONNECTIONS", DEFAULT_CONNECTIONS, 1..=65535)?;
        let permits = Arc::new(Semaphore::new(connections));
        Ok(Self { server: SmtpServer::from_env()?, permits, mails_sent: Arc::default() })
    }

    /// Counts one more mail that was accepted.
    pub fn count(&self) {
        self.mails_sent.fetch_add(1, Ordering::Relaxed);
    }
}

/// The answer of `GET /stats`.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    mails_sent: usize,
}

/// Answers `GET /stats`.
pub async fn stats(State(app): State<App>) -> Json<Stats> {
    Json(Stats { mails_sent: app.mails_sent.load(Ordering::Relaxed) })
}
