//! Lesson 10: the article's `server`. A request forks `send_mail`, sends it the list of mails as a message, and
//! is answered at once. The log says how many mails were sent when the child's message comes back.
//!
//! Started as `solution-10 send-mail`, the program is the worker of lesson 09. `WORKER`, a command line,
//! puts another worker in its place. New here: everything together, and a graceful shutdown. The chapter is
//! book/src/10-server.md.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use channel::Child;
use mail::{Job, Reply, SmtpServer, count, log};
use solution_10::{SEND_MAIL, ShutdownSignals, WorkerCommand};
use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use web::{ErrorAnswer, Request, Sent};

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|role| role == SEND_MAIL) {
        return send_mail::send_mail();
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log!("error: {error}");
            ExitCode::from(2)
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> Result<(), String> {
    SmtpServer::from_env()?; // The worker needs it. A mistake should show now, not at the first request.
    let worker = WorkerCommand::from_env()?;
    // Before any client can know that this program runs, and so before a signal can come.
    let signals = ShutdownSignals::new()?;
    let listener = web::listen().await?;
    web::announce(&listener)?;
    let workers = Workers::default();
    web::serve_until(listener, routes(worker, Arc::clone(&workers)), signals.first()).await;
    while workers.lock().await.join_next().await.is_some() {}
    Ok(())
}

/// The tasks that have a worker in hand.
type Workers = Arc<Mutex<JoinSet<()>>>;

/// What every request needs: how to start a worker, and where its task belongs.
#[derive(Clone)]
struct Server {
    worker: Arc<WorkerCommand>,
    workers: Workers,
}

fn routes(worker: WorkerCommand, workers: Workers) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/endpoint", post(endpoint))
        .with_state(Server { worker: Arc::new(worker), workers })
}

/// Forks a worker, leaves it to a task of its own, and answers at once.
async fn endpoint(State(server): State<Server>, request: Request) -> Result<Json<Sent>, ErrorAnswer> {
    let child = channel::fork(server.worker.command()).map_err(|error| {
        log!("error: cannot fork send_mail: {error}");
        ErrorAnswer::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    })?;
    log!("forked send_mail, pid {}, for {}", child.id(), count(request.emails.len(), "mail"));
    let job = Job { mails: request.emails };
    let mut workers = server.workers.lock().await;
    while workers.try_join_next().is_some() {} // What has finished needs no place any more.
    workers.spawn(supervise(child, job));
    Ok(Json(Sent::YES))
}

/// The life of a child: a job, its reply, its exit.
async fn supervise(mut child: Child, job: Job) {
    let (pid, mails) = (child.id(), count(job.mails.len(), "mail"));
    match talk(&mut child, &job).await {
        Ok(reply) => log!("Number of mails sent {}", reply.counter),
        Err(error) => log!("error: worker {pid} sent no reply for {mails}: {error}"),
    }
    reap(child).await;
}

/// Sends the job and waits for the reply. A worker may send other messages before it.
async fn talk(child: &mut Child, job: &Job) -> Result<Reply, String> {
    child.send(job).await.map_err(|error| error.to_string())?;
    loop {
        match child.recv().await {
            Ok(Some(reply)) => return Ok(reply),
            Ok(None) => return Err("it disconnected".into()),
            Err(error) if error.is_fatal() => return Err(error.to_string()),
            // `"ready"`, or how far it has come: the reply is still to follow.
            Err(error) => log!("worker {} sent something other than a reply: {error}", child.id()),
        }
    }
}

/// Lets the child exit, and waits for it.
async fn reap(mut child: Child) {
    let pid = child.id();
    // The worker lives as long as its channel. That it has gone already is no error here.
    let _ = child.disconnect().await;
    match child.wait().await {
        Ok(status) => log!("worker {pid} ended: {status}"),
        Err(error) => log!("error: cannot wait for worker {pid}: {error}"),
    }
}
