//! Lesson 12: a bounded pool of workers behind a bounded queue.
//!
//! The workers are started once and fed with batches. A full queue means 503. A worker that dies is replaced, and
//! what it had not begun is done by another one; a worker that has done its share is replaced too, and its memory
//! goes back to the system. New here: every number has a limit. The chapter is book/src/12-pool.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use faults::server::SEND_MAIL;
use faults::{EndSignals, Task, WorkerCommand};
use mail::SmtpServer;
use serde::Serialize;
use std::env;
use std::process::ExitCode;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;
use web::{ErrorAnswer, Request};

use lesson_12::jobs::Status;
use lesson_12::{Batch, Errand, Full, Jobs, Queue, Settings, Worker, send_mail};

/// What a client is told to wait before it comes again.
const RETRY_AFTER_SECONDS: &str = "1";
/// How many workers may die over a batch without beginning a single mail.
const MAX_ATTEMPTS: usize = 3;
/// Before a worker is replaced that has done nothing: otherwise a broken program would be forked without end.
const PAUSE: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|role| role == SEND_MAIL) {
        return send_mail();
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// The queue, the jobs, and how to make a worker.
#[derive(Clone)]
struct Pool {
    queue: Queue,
    jobs: Jobs,
    command: WorkerCommand,
    settings: Settings,
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> Result<(), String> {
    SmtpServer::from_env()?; // The workers need it. A mistake should show now, not at the first request.
    let (command, settings) = (WorkerCommand::from_env()?, Settings::from_env()?);
    let queue = Queue::new(settings.queue_mails, settings.batch_mails);
    let pool = Pool { queue, jobs: Jobs::new(), command, settings };
    let end = EndSignals::new()?;
    let listener = web::listen().await?;
    let mut slots = JoinSet::new();
    for _ in 0..settings.workers {
        slots.spawn(slot(pool.clone()));
    }
    web::announce(&listener)?;
    let served = axum::serve(listener, routes(pool.clone())).with_graceful_shutdown(end.first());
    served.await.map_err(|error| format!("cannot go on serving: {error}"))?;
    drain(&pool, slots).await;
    Ok(())
}

fn routes(pool: Pool) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/endpoint", post(endpoint))
        .route("/jobs/{id}", get(status))
        .with_state(pool)
}

#[derive(Serialize)]
struct Accepted {
    status: bool,
    job: u64,
}

/// Puts the job into the queue. When it is full, the client hears so at once, and when to come again.
async fn endpoint(State(pool): State<Pool>, request: Request) -> Response {
    let (job, mails) = pool.jobs.accept(request.emails);
    todo!("3: into the queue and 202, or forget the job and 503 with Retry-After")
}

async fn status(State(pool): State<Pool>, Path(id): Path<String>) -> Result<Json<Status>, ErrorAnswer> {
    let status = id.parse().ok().and_then(|id| pool.jobs.status(id));
    status
        .map(Json)
        .ok_or_else(|| ErrorAnswer { status: StatusCode::NOT_FOUND, error: format!("there is no job {id}") })
}

/// A place for one worker at a time, until all work is done.
async fn slot(pool: Pool) {
    loop {
        match one_worker(&pool).await {
            Next::Replace => {}
            Next::ReplaceLater => sleep(PAUSE).await,
            Next::Stop => return,
        }
    }
}

/// What comes after a worker.
enum Next {
    Replace,
    ReplaceLater,
    Stop,
}

/// The life of a worker: batch after batch, until it has done its share, or has died, or no more work will come.
async fn one_worker(pool: &Pool) -> Next {
    let mut worker = match channel::fork(pool.command.command()) {
        Ok(child) => Worker::new(child),
        Err(error) => {
            eprintln!("error: cannot fork send_mail: {error}");
            // What waits must not wait for ever.
            return give_up_one(pool, &error.to_string());
        }
    };
    todo!("4: batch after batch, but so many at most; a worker that ends meanwhile; no more work")
}

/// A worker has died over this batch. What it has not begun goes back to the queue; but not again and again.
fn settle(pool: &Pool, batch: Batch, errand: Errand, why: &str) {
    let left = errand.close(&batch, why);
    todo!("5: put back what is left, unless it was tried MAX_ATTEMPTS times in vain")
}

/// No worker could be made. The next batch counts that as an attempt.
fn give_up_one(pool: &Pool, why: &str) -> Next {
    match pool.queue.try_take() {
        Some(batch) => {
            let errand = pool.jobs.errand(&batch, true);
            settle(pool, batch, errand, why);
            Next::ReplaceLater
        }
        None if pool.queue.is_closed() => Next::Stop,
        None => Next::ReplaceLater,
    }
}

/// Nothing new comes; what was accepted is finished; then the workers end.
async fn drain(pool: &Pool, slots: JoinSet<()>) {
    todo!("6: close the queue, wait until every slot has ended")
}
