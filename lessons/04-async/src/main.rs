//! Lesson 04: many mails in flight on one thread.
//!
//! The web server of lesson 03 without its threads. The event loop waits for many conversations with the mail
//! server at the same time, at most `SMTP_CONNECTIONS` of them (default 4).
//! New here: async calls that really wait, tasks, a limit. The chapter is book/src/04-async.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, post};
use lettre::Message;
use mail::{Mail, SmtpServer, exit_code, log};
use solution_04::{App, SmtpError, SmtpSession, stats, to_message};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use web::{Request, Sent, serve};

/// How long the SMTP server may take for one mail.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(run().await.map(|()| true))
}

async fn run() -> Result<(), String> {
    let app = App::from_env()?;
    let routes = Router::new()
        .route("/health", get(async || "ok"))
        .route("/stats", get(stats))
        .route("/endpoint", post(endpoint));
    serve(routes.with_state(app)).await
}

/// Starts the work and answers right away. The log line comes when the work is done.
async fn endpoint(State(app): State<App>, request: Request) -> Json<Sent> {
    todo!("1: send and log in a task, answer")
}

/// Sends each mail in a task of its own, at most as many at
/// once as there are permits. Returns how many were accepted.
async fn send_all(app: &App, mails: Vec<Mail>) -> usize {
    todo!("2: start a task for each mail, as many as there are permits; count what was accepted")
}

/// Waits for all tasks. Returns how many mails were accepted.
async fn count_accepted(mut tasks: JoinSet<bool>) -> usize {
    todo!("3: wait for every task, and count; report a task that panicked")
}

/// Sends one mail. True when it was accepted; if not, the reason is reported on stderr.
async fn send_or_report(app: &App, mail: &Mail) -> bool {
    match send(&app.server, mail).await {
        Ok(()) => {
            app.count();
            true
        }
        Err(why) => {
            log!("error: cannot send the mail to {:?}: {why}", mail.to);
            false
        }
    }
}

/// Waits until the server has accepted or refused this mail, but not forever.
async fn send(server: &SmtpServer, mail: &Mail) -> Result<(), String> {
    let message = to_message(mail)?;
    todo!("4: wait for the conversation, but not longer than SMTP_TIMEOUT; then say goodbye")
}

/// One conversation with the server, up to the `250` that accepts the mail.
async fn converse(server: &SmtpServer, message: &Message) -> Result<SmtpSession, SmtpError> {
    todo!("5: connect, and send the message")
}
