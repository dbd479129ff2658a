//! Another right answer to lesson 04: lettre's own transport, whose connections are not kept.

mod app;
mod buggy;

use app::{App, stats};
use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, post};
use buggy::to_message;
use web::{Request, Sent, serve};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use mail::{Mail, SmtpServer, log};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long the SMTP server may take for one mail.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log!("error: {error}");
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

/// Begins the work and answers at once. The log line comes when the work is done.
async fn endpoint(State(app): State<App>, request: Request) -> Json<Sent> {
    tokio::spawn(async move {
        let counter = send_all(&app, request.emails).await;
        log!("Number of mails sent {counter}");
    });
    Json(Sent::YES)
}

/// Sends the mails at the same time, each in a task, as far as there are permits. Returns how many were
/// accepted.
async fn send_all(app: &App, mails: Vec<Mail>) -> usize {
    let mut tasks = JoinSet::new();
    for mail in mails {
        let permit = Arc::clone(&app.permits).acquire_owned().await.expect("the semaphore is never closed");
        let app = app.clone();
        tasks.spawn(async move {
            let accepted = send_or_report(&app, &mail).await;
            // Dropped here, and with a panic too: the next mail may begin.
            drop(permit);
            accepted
        });
    }
    count_accepted(tasks).await
}

/// Waits for all tasks. Returns how many mails were accepted.
async fn count_accepted(mut tasks: JoinSet<bool>) -> usize {
    let mut counter = 0;
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(accepted) => counter += usize::from(accepted),
            // Its task panicked. `join_all` would panic as well, and that would abort all other tasks.
            Err(error) => log!("error: cannot send a mail: {error}"),
        }
    }
    counter
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
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
        .port(server.port)
        .timeout(Some(SMTP_TIMEOUT))
        .build();
    transport.send(message).await.map_err(|error| error.to_string())?;
    Ok(())
}
