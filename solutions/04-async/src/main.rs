//! Lesson 04: many mails in flight on one thread.
//!
//! The web server of lesson 03 without its threads. The event loop waits for many conversations with the mail
//! server at the same time, at most `SMTP_CONNECTIONS` of them (default 4).
//! New here: async calls that really wait, tasks, a limit. The chapter is book/src/04-async.md.

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

// ANCHOR: endpoint
/// Starts the work and answers right away. The log line comes when the work is done.
async fn endpoint(State(app): State<App>, request: Request) -> Json<Sent> {
    // ANCHOR: step_1 todo!("1: send and log in a task, answer")
    tokio::spawn(async move {
        let counter = send_all(&app, request.emails).await;
        log!("Number of mails sent {counter}");
    });
    Json(Sent::YES)
    // ANCHOR_END: step_1
}
// ANCHOR_END: endpoint

// ANCHOR: send_all
/// Sends each mail in a task of its own, at most as many at
/// once as there are permits. Returns how many were accepted.
async fn send_all(app: &App, mails: Vec<Mail>) -> usize {
    // ANCHOR: step_2 todo!("2: start a task for each mail, as many as there are permits; count what was accepted")
    let mut tasks = JoinSet::new();
    for mail in mails {
        let permit = Arc::clone(&app.permits).acquire_owned().await.expect("the semaphore is never closed");
        let app = app.clone();
        tasks.spawn(async move {
            let accepted = send_or_report(&app, &mail).await;
            // Dropped here, or by a panic: the next mail may start.
            drop(permit);
            accepted
        });
    }
    count_accepted(tasks).await
    // ANCHOR_END: step_2
}
// ANCHOR_END: send_all

// ANCHOR: count_accepted
/// Waits for all tasks. Returns how many mails were accepted.
async fn count_accepted(mut tasks: JoinSet<bool>) -> usize {
    // ANCHOR: step_3 todo!("3: wait for every task, and count; report a task that panicked")
    let mut counter = 0;
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(accepted) => counter += usize::from(accepted),
            // Its task panicked. `join_all` would panic as well, and that would abort all other tasks.
            Err(error) => log!("error: cannot send a mail: {error}"),
        }
    }
    counter
    // ANCHOR_END: step_3
}
// ANCHOR_END: count_accepted

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

// ANCHOR: send
/// Waits until the server has accepted or refused this mail, but not forever.
async fn send(server: &SmtpServer, mail: &Mail) -> Result<(), String> {
    let message = to_message(mail)?;
    // ANCHOR: step_4 todo!("4: wait for the conversation, but not longer than SMTP_TIMEOUT; then say goodbye")
    let session = timeout(SMTP_TIMEOUT, converse(server, &message))
        .await
        .map_err(|_| format!("no answer within {} seconds", SMTP_TIMEOUT.as_secs()))?
        .map_err(|error| error.to_string())?;
    session.quit().await;
    Ok(())
    // ANCHOR_END: step_4
}
// ANCHOR_END: send

// ANCHOR: converse
/// One conversation with the server, up to the `250` that accepts the mail.
async fn converse(server: &SmtpServer, message: &Message) -> Result<SmtpSession, SmtpError> {
    // ANCHOR: step_5 todo!("5: connect, and send the message")
    let mut session = SmtpSession::connect(server).await?;
    session.send(message).await?;
    Ok(session)
    // ANCHOR_END: step_5
}
// ANCHOR_END: converse
