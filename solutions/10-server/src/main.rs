//! Lesson 10: the article's `server`. For each request, it forks `send_mail`, sends it the list of mails as a message, and
//! answers right away. When the child's message comes back, it logs how many mails were sent.
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
use mail::{Job, Reply, SmtpServer, count, exit_code, log};
use solution_10::{SEND_MAIL, ShutdownSignals, WorkerCommand};
use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::mpsc;
use web::{ErrorAnswer, Request, Sent};

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|role| role == SEND_MAIL) {
        return send_mail::send_mail();
    }
    exit_code(run().map(|()| true))
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> Result<(), String> {
    SmtpServer::from_env()?; // The worker needs it. A mistake should show now, not at the first request.
    let worker = WorkerCommand::from_env()?;
    // Before any client can know that this program runs, and so before a signal can come.
    let signals = ShutdownSignals::new()?;
    let listener = web::listen().await?;
    web::announce(&listener)?;
    let (in_flight, all_done) = mpsc::channel(1);
    web::serve_until(listener, routes(worker, in_flight), signals.first()).await;
    wait_for(all_done).await;
    Ok(())
}

/// What every request needs: how to start a worker, and a token that says "there is work in flight".
#[derive(Clone)]
struct Server {
    worker: Arc<WorkerCommand>,
    in_flight: mpsc::Sender<()>,
}

fn routes(worker: WorkerCommand, in_flight: mpsc::Sender<()>) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/endpoint", post(endpoint))
        .with_state(Server { worker: Arc::new(worker), in_flight })
}

// ANCHOR: endpoint
/// Forks a worker, hands it to a separate task, and answers right away.
async fn endpoint(State(server): State<Server>, request: Request) -> Result<Json<Sent>, ErrorAnswer> {
    // ANCHOR: step_1 todo!("1: fork, hand the child to a separate task, answer right away")
    let child = channel::fork(server.worker.command()).map_err(|error| {
        log!("error: cannot fork send_mail: {error}");
        ErrorAnswer::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    })?;
    log!("forked send_mail, pid {}, for {}", child.id(), count(request.emails.len(), "mail"));
    let job = Job { mails: request.emails };
    tokio::spawn(async move {
        supervise(child, job).await;
        drop(server.in_flight);
    });
    Ok(Json(Sent::YES))
    // ANCHOR_END: step_1
}
// ANCHOR_END: endpoint

// ANCHOR: supervise
/// The life of a child: a job, its reply, its exit.
async fn supervise(mut child: Child, job: Job) {
    let (pid, mails) = (child.id(), count(job.mails.len(), "mail"));
    // ANCHOR: step_2 todo!("2: talk to the child, and log the number of mails or what went wrong");
    match talk(&mut child, &job).await {
        Ok(reply) => log!("Number of mails sent {}", reply.counter),
        Err(error) => log!("error: worker {pid} sent no reply for {mails}: {error}"),
    }
    // ANCHOR_END: step_2
    reap(child).await;
}
// ANCHOR_END: supervise

// ANCHOR: talk
/// Sends the job and waits for the reply. A worker may send other messages before it.
async fn talk(child: &mut Child, job: &Job) -> Result<Reply, String> {
    // ANCHOR: step_2 todo!("2: send the job and wait for the reply")
    child.send(job).await.map_err(|error| error.to_string())?;
    loop {
        match child.recv().await {
            Ok(Some(reply)) => return Ok(reply),
            Ok(None) => return Err("it disconnected".into()),
            Err(error) if error.is_fatal() => return Err(error.to_string()),
            // `"ready"`, or a progress report: the reply is yet to come.
            Err(error) => log!("worker {} sent something other than a reply: {error}", child.id()),
        }
    }
    // ANCHOR_END: step_2
}
// ANCHOR_END: talk

// ANCHOR: reap
/// Lets the child exit, and waits for it.
async fn reap(mut child: Child) {
    // ANCHOR: step_3 todo!("3: disconnect the child and wait for its exit")
    let pid = child.id();
    // The worker lives as long as its channel. It isn't an error if it has already gone.
    let _ = child.disconnect().await;
    match child.wait().await {
        Ok(status) => log!("worker {pid} ended: {status}"),
        Err(error) => log!("error: cannot wait for worker {pid}: {error}"),
    }
    // ANCHOR_END: step_3
}
// ANCHOR_END: reap

// ANCHOR: wait_for
/// Waits until every token is dropped: then no worker is left.
async fn wait_for(mut all_done: mpsc::Receiver<()>) {
    // ANCHOR: step_4 todo!("4: wait until the last sender is gone")
    // Nothing is ever sent: the channel closes when its last sender is dropped.
    while all_done.recv().await.is_some() {}
    // ANCHOR_END: step_4
}
// ANCHOR_END: wait_for
