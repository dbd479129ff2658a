//! Lesson 03: the work moves out of the way.
//!
//! The web server of lesson 02, but each request's mails are sent on a thread of their own. The result comes
//! back over a channel, and `GET /stats` shows a number that all threads share.
//! New here: threads, a channel, shared state. The chapter is book/src/03-threads.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

mod buggy;
mod counter;

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, post};
use buggy::send;
use counter::Counter;
use mail::{Mail, SmtpServer, exit_code, log};
use serde::Serialize;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use tokio::sync::oneshot;
use web::{Request, Sent, serve};

/// Shared by every handler and every thread. Cloning it copies the handle, not the number.
#[derive(Clone)]
struct App {
    server: SmtpServer,
    mails_sent: Arc<Counter>,
}

/// The answer of `GET /stats`.
#[derive(Serialize)]
struct Stats {
    mails_sent: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(run().await.map(|()| true))
}

async fn run() -> Result<(), String> {
    let app = App { server: SmtpServer::from_env()?, mails_sent: Arc::default() };
    let routes = Router::new()
        .route("/health", get(async || "ok"))
        .route("/stats", get(stats))
        .route("/endpoint", post(endpoint));
    serve(routes.with_state(app)).await
}

/// Starts the work and answers right away. The log line comes when the work is done.
async fn endpoint(State(app): State<App>, request: Request) -> Json<Sent> {
    todo!("1: start the thread, let log wait for it in a task, answer")
}

/// Sends the mails on a new thread. Their number comes over the channel.
fn start_thread(app: App, mails: Vec<Mail>) -> oneshot::Receiver<usize> {
    todo!("2: send the mails on a new thread, their number over a channel")
}

/// Sends one mail after another, and counts the accepted ones of this request.
fn send_all(app: &App, mails: &[Mail]) -> usize {
    todo!("3: send one mail after another, report failures, count the others")
}

/// Sends one mail, and counts it for all requests (step 5) as soon as it is accepted.
fn send_and_count(app: &App, mail: &Mail) -> Result<(), String> {
    send(&app.server, mail)?;
    // 5: count this mail in app.mails_sent
    Ok(())
}

/// Waits for the thread's result and logs it. While it waits, the event loop serves others.
async fn log(result: oneshot::Receiver<usize>) {
    todo!("4: wait for the number and log it, or that the thread panicked")
}

async fn stats(State(app): State<App>) -> Json<Stats> {
    todo!("5: count each mail in app.mails_sent too, and answer that number")
}
