//! Lesson 04: many mails in flight on one thread.
//!
//! The web server of lesson 03 without its threads. The event loop waits for many conversations with the mail
//! server at once, at most `SMTP_CONNECTIONS` of them (default 4).
//! New here: async calls that really wait, tasks, a limit. The chapter is book/src/04-async.md.

mod app;

use app::{App, stats};
use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, post};
use http_api::{Request, Sent, serve};
use lettre::Message;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use mail::{Mail, SmtpServer};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the SMTP server may take for one mail.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
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
/// Begins the work and answers at once. The log line comes when the work is done.
async fn endpoint(State(app): State<App>, request: Request) -> Json<Sent> {
    // ANCHOR: step_1 todo!("1: send and log in a task, answer")
    tokio::spawn(async move {
        let counter = send_all(&app, request.emails).await;
        eprintln!("Number of mails sent {counter}");
    });
    Json(Sent::YES)
    // ANCHOR_END: step_1
}
// ANCHOR_END: endpoint

// ANCHOR: send_all
/// Sends the mails at the same time, each in a task, as far as there are permits. Gives the number of those
/// that were accepted.
async fn send_all(app: &App, mails: Vec<Mail>) -> usize {
    // ANCHOR: step_2 todo!("2: a task for each mail, as many as there are permits; count what was accepted")
    let mut tasks = JoinSet::new();
    for mail in mails {
        let permit = Arc::clone(&app.permits).acquire_owned().await.expect("nobody closes the semaphore");
        let app = app.clone();
        tasks.spawn(async move {
            let accepted = send_or_report(&app, &mail).await;
            // Dropped here, and with a panic too: the next mail may begin.
            drop(permit);
            accepted
        });
    }
    tasks.join_all().await.into_iter().filter(|accepted| *accepted).count()
    // ANCHOR_END: step_2
}
// ANCHOR_END: send_all

/// Sends one mail. True when it was accepted; if not, the reason is reported on stderr.
async fn send_or_report(app: &App, mail: &Mail) -> bool {
    match send(&app.server, mail).await {
        Ok(()) => {
            app.count();
            true
        }
        Err(why) => {
            eprintln!("error: cannot send the mail to {:?}: {why}", mail.to);
            false
        }
    }
}

// ANCHOR: send
/// Waits until the server has accepted or refused this mail, but not for ever.
async fn send(server: &SmtpServer, mail: &Mail) -> Result<(), String> {
    let message = mail.to_message()?;
    let mut connection = timeout(SMTP_TIMEOUT, converse(server, &message))
        .await
        .map_err(|_| format!("no answer within {} seconds", SMTP_TIMEOUT.as_secs()))??;
    // The mail is accepted. What comes of the goodbye changes nothing.
    let _ = timeout(SMTP_TIMEOUT, connection.quit()).await;
    Ok(())
}
// ANCHOR_END: send

// ANCHOR: converse
/// One conversation with the server, up to the `250` that accepts the mail.
async fn converse(server: &SmtpServer, message: &Message) -> Result<AsyncSmtpConnection, String> {
    // ANCHOR: step_3 todo!("3: connect, and send the message")
    let mut connection = connect(server).await?;
    connection.send(message.envelope(), &message.formatted()).await.map_err(|error| error.to_string())?;
    Ok(connection)
    // ANCHOR_END: step_3
}
// ANCHOR_END: converse

// ANCHOR: connect
/// Connects and says hello.
async fn connect(server: &SmtpServer) -> Result<AsyncSmtpConnection, String> {
    // ANCHOR: step_4 todo!("4: connect a TcpStream without delay, and give it to lettre")
    let stream =
        TcpStream::connect((server.host.as_str(), server.port)).await.map_err(|error| error.to_string())?;
    // lettre writes the letter and the final dot separately. Without this, the dot waits for an ACK (RFC 896).
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &ClientId::default())
        .await
        .map_err(|error| error.to_string())
    // ANCHOR_END: step_4
}
// ANCHOR_END: connect
