//! Lesson 11: workers die, hang and send nonsense, and the server accounts for every mail.
//!
//! `POST /endpoint` is answered with the number of a job, `GET /jobs/ID` says what became of it, and
//! `POST /jobs/ID/retry` sends what was not sent. Started as `solution-11 send-mail`, the program is the worker, which
//! reports each mail. New here: no process is assumed to be alive. The chapter is book/src/11-faults.md.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use jobs::{Accepted, Assignment, Jobs, NumberedMail};
use mail::{SmtpServer, exit_code};
use server::{SEND_MAIL, ShutdownSignals, Timeouts, WorkerCommand};
use std::env;
use std::process::ExitCode;
use tokio::sync::mpsc;
use web::{ErrorAnswer, Request};

use solution_11::{Worker, is_unsent, send_mail, settle};

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|role| role == SEND_MAIL) {
        return send_mail();
    }
    exit_code(run().map(|()| true))
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> Result<(), String> {
    SmtpServer::from_env()?; // The worker needs it. A mistake should show now, not at the first request.
    let (command, timeouts) = (WorkerCommand::from_env()?, Timeouts::from_env()?);
    let signals = ShutdownSignals::new()?;
    let listener = web::listen().await?;
    web::announce(&listener)?;
    let (in_flight, mut all_done) = mpsc::channel(1);
    let routes = routes(Server { command, timeouts, jobs: Jobs::new(), in_flight });
    web::serve_until(listener, routes, signals.first()).await;
    // Nothing is ever sent: the channel closes when the last job in flight is done.
    while all_done.recv().await.is_some() {}
    Ok(())
}

/// What every request needs.
#[derive(Clone)]
struct Server {
    command: WorkerCommand,
    timeouts: Timeouts,
    jobs: Jobs,
    in_flight: mpsc::Sender<()>,
}

fn routes(server: Server) -> Router {
    Router::new()
        .route("/health", get(async || "ok"))
        .route("/endpoint", post(endpoint))
        .route("/jobs/{id}", get(jobs::status).with_state(server.jobs.clone()))
        .route("/jobs/{id}/retry", post(retry))
        .with_state(server)
}

// ANCHOR: endpoint
/// Records the job, hands it to a separate task, and answers right away.
async fn endpoint(State(server): State<Server>, request: Request) -> (StatusCode, Json<Accepted>) {
    // ANCHOR: step_2 todo!("2: record the job, leave it to supervise, answer 202")
    let (job, mails) = server.jobs.accept(request.emails);
    tokio::spawn(supervise(server, job, mails));
    (StatusCode::ACCEPTED, Json(Accepted { status: true, job }))
    // ANCHOR_END: step_2
}
// ANCHOR_END: endpoint

async fn retry(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Accepted>), ErrorAnswer> {
    let job = id.parse().unwrap_or(0); // The numbers begin with 1.
    let mails = server.jobs.retry(job, is_unsent)?;
    tokio::spawn(supervise(server, job, mails));
    Ok((StatusCode::ACCEPTED, Json(Accepted { status: true, job })))
}

// ANCHOR: supervise
/// The life of a job: a worker, what it says, its exit, and what is known about each mail.
async fn supervise(server: Server, job: u64, mails: Vec<NumberedMail>) {
    if !mails.is_empty() {
        let worked = give_to_worker(&server, job, mails).await;
        server.jobs.finish(job, worked.err().as_deref());
    }
    drop(server.in_flight);
}

/// When this returns, the worker is gone, and everything that it said is recorded.
async fn give_to_worker(server: &Server, job: u64, mails: Vec<NumberedMail>) -> Result<(), String> {
    let mut worker = Worker::fork(server.command.command(), server.timeouts)?;
    let mut progress = server.jobs.assign(job, &mails, worker.id(), server.command.is_own());
    let assignment = Assignment { mails, reports: true };
    let worked = worker.work(&assignment, &mut progress).await;
    if worked.is_ok() {
        worker.dismiss().await;
    }
    let why = worked.clone().err().unwrap_or_else(|| "the worker's reply doesn't say".into());
    let (why, reports) = (why.into(), progress.reports());
    progress.close(|state| settle(state, reports, &why));
    worked
}
// ANCHOR_END: supervise
