//! A wrong answer to lesson 03: a lock that is held while a mail is sent.

mod buggy;

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, post};
use buggy::send;
use web::{Request, Sent, serve};
use mail::{Mail, SmtpServer, log};
use serde::Serialize;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::oneshot;

/// What every handler and every thread can see. A clone is the same number.
#[derive(Clone)]
struct App {
    server: SmtpServer,
    mails_sent: Arc<Mutex<usize>>,
}

/// The answer of `GET /stats`.
#[derive(Serialize)]
struct Stats {
    mails_sent: usize,
}

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
    let app = App { server: SmtpServer::from_env()?, mails_sent: Arc::default() };
    let routes = Router::new()
        .route("/health", get(async || "ok"))
        .route("/stats", get(stats))
        .route("/endpoint", post(endpoint));
    serve(routes.with_state(app)).await
}

/// Begins the work and answers at once. The log line comes when the work is done.
async fn endpoint(State(app): State<App>, request: Request) -> Json<Sent> {
    let result = start_thread(app, request.emails);
    tokio::spawn(log(result));
    Json(Sent::YES)
}

/// Sends the mails on a new thread. Their number comes over the channel.
fn start_thread(app: App, mails: Vec<Mail>) -> oneshot::Receiver<usize> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let counter = send_all(&app, &mails);
        // An error means that nobody waits for the number any more: the server is going down.
        let _ = sender.send(counter);
    });
    receiver
}

/// Sends one mail after another, and counts what was accepted: for this request, and for all of them.
fn send_all(app: &App, mails: &[Mail]) -> usize {
    let mut counter = 0;
    for mail in mails {
        let mut mails_sent = app.mails_sent.lock().unwrap();
        match send(&app.server, mail) {
            Ok(()) => {
                counter += 1;
                // Here and not at the end: a panic at the next mail must not cost this one.
                *mails_sent += 1;
            }
            Err(why) => log!("error: cannot send the mail to {:?}: {why}", mail.to),
        }
    }
    counter
}

/// Waits for the thread's result and logs it. While it waits, the event loop serves others.
async fn log(result: oneshot::Receiver<usize>) {
    match result.await {
        Ok(counter) => log!("Number of mails sent {counter}"),
        // The sender was dropped without a word. Only a panic does that.
        Err(_) => log!("error: cannot send the rest of a request: its thread panicked"),
    }
}

async fn stats(State(app): State<App>) -> Json<Stats> {
    Json(Stats { mails_sent: *app.mails_sent.lock().unwrap() })
}
