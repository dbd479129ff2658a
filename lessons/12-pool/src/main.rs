//! Lesson 12: a bounded pool of workers behind a bounded queue.
//!
//! The workers are started once and fed with batches. A full queue means 503. A worker that dies is replaced, and what it
//! had not started is done by another one; a worker that has done its share is replaced too, and its memory goes back to
//! the system. New here: every number has a limit. The chapter is book/src/12-pool.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

mod queue;
mod slots;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use jobs::Accepted;
use mail::{SmtpServer, exit_code};
use queue::Refused;
use server::{SEND_MAIL, ShutdownSignals, WorkerCommand};
use slots::Pool;
use std::env;
use std::process::ExitCode;
use tokio::task::JoinHandle;
use web::{ErrorAnswer, Request};

use solution_12::{Settings, send_mail};

/// How long a client is asked to wait before it tries again.
const RETRY_AFTER_SECONDS: &str = "1";

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|role| role == SEND_MAIL) {
        return send_mail();
    }
    exit_code(run().map(|()| true))
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> Result<(), String> {
    SmtpServer::from_env()?; // The workers need it. A mistake should show now, not at the first request.
    let (command, settings) = (WorkerCommand::from_env()?, Settings::from_env()?);
    let pool = Pool::new(command, settings);
    let signals = ShutdownSignals::new()?;
    let listener = web::listen().await?;
    let slots = tokio::spawn(slots::keep(pool.clone()));
    web::announce(&listener)?;
    web::serve_until(listener, routes(pool.clone()), signals.first()).await;
    drain(&pool, slots).await;
    Ok(())
}

fn routes(pool: Pool) -> Router {
    Router::new()
        .route("/health", get(async || "ok"))
        .route("/endpoint", post(endpoint))
        .route("/jobs/{id}", get(jobs::status).with_state(pool.jobs.clone()))
        .with_state(pool)
}

/// Puts the job into the queue. When there is no room, the client
/// learns right away that there isn't, and whether to try again.
async fn endpoint(State(pool): State<Pool>, request: Request) -> Response {
    let (job, mails) = pool.jobs.accept(request.emails);
    todo!("1: into the queue and 202, or forget the job and 413, or 503 with Retry-After")
}

/// Closes the queue, waits until every accepted mail is settled, and lets the workers exit.
async fn drain(pool: &Pool, slots: JoinHandle<()>) {
    todo!("6: close the queue, wait until the slots have finished")
}
