//! Lesson 11: children die, hang and talk nonsense, and every mail is accounted for all the same.
//!
//! `POST /endpoint` is answered with the number of a job, `GET /jobs/ID` tells what became of it, and
//! `POST /jobs/ID/retry` sends what was not sent. Started as `solution-11 send-mail`, the program is the worker,
//! which reports each mail. New here: nobody is believed to live. The chapter is book/src/11-faults.md.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use channel::{Child, Process, Receiver, Sender, Signal};
use mail::SmtpServer;
use serde::Serialize;
use std::env;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use web::{ErrorAnswer, Request};

use solution_11::jobs::Status;
use solution_11::server::{SEND_MAIL, wait_for};
use solution_11::{EndSignals, Errand, Jobs, Patience, Report, RetryError, Task, WorkerCommand, send_mail};

/// How long to listen to what is left in the channel of a worker that has ended. Only a process that the worker
/// has started itself can hold the channel open for longer.
const LAST_WORDS: Duration = Duration::from_millis(100);

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

#[tokio::main(flavor = "current_thread")]
async fn run() -> Result<(), String> {
    SmtpServer::from_env()?; // The worker needs it. A mistake should show now, not at the first request.
    let (worker, patience) = (WorkerCommand::from_env()?, Patience::from_env()?);
    let end = EndSignals::new()?;
    let listener = web::listen().await?;
    web::announce(&listener)?;
    let (in_hand, all_done) = mpsc::channel(1);
    let routes = routes(Server { worker, patience, jobs: Jobs::new(), in_hand });
    let served = axum::serve(listener, routes).with_graceful_shutdown(end.first());
    served.await.map_err(|error| format!("cannot go on serving: {error}"))?;
    wait_for(all_done).await;
    Ok(())
}

/// What every request needs.
#[derive(Clone)]
struct Server {
    worker: WorkerCommand,
    patience: Patience,
    jobs: Jobs,
    in_hand: mpsc::Sender<()>,
}

fn routes(server: Server) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/endpoint", post(endpoint))
        .route("/jobs/{id}", get(status))
        .route("/jobs/{id}/retry", post(retry))
        .with_state(server)
}

/// `{"status": true, "job": ID}`: we know of the job. Whether the mails are sent is another question.
#[derive(Serialize)]
struct Accepted {
    status: bool,
    job: u64,
}

// ANCHOR: endpoint
/// Writes the job down, leaves it to a task of its own, and answers at once.
async fn endpoint(State(server): State<Server>, request: Request) -> (StatusCode, Json<Accepted>) {
    // ANCHOR: step_2 todo!("2: write the job down, leave it to supervise, answer 202")
    let job = server.jobs.accept(request.emails);
    tokio::spawn(supervise(server, job));
    (StatusCode::ACCEPTED, Json(Accepted { status: true, job }))
    // ANCHOR_END: step_2
}
// ANCHOR_END: endpoint

async fn status(State(server): State<Server>, Path(id): Path<String>) -> Result<Json<Status>, ErrorAnswer> {
    let status = id.parse().ok().and_then(|id| server.jobs.status(id));
    status.map(Json).ok_or_else(|| error_answer(StatusCode::NOT_FOUND, format!("there is no job {id}")))
}

async fn retry(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Accepted>), ErrorAnswer> {
    let retried = id.parse().map_err(|_| RetryError::NoSuchJob).and_then(|job| {
        server.jobs.retry(job)?;
        Ok(job)
    });
    let (status, why) = match retried {
        Ok(job) => {
            tokio::spawn(supervise(server, job));
            return Ok((StatusCode::ACCEPTED, Json(Accepted { status: true, job })));
        }
        Err(RetryError::NoSuchJob) => (StatusCode::NOT_FOUND, "there is no such job"),
        Err(RetryError::StillRunning) => (StatusCode::CONFLICT, "it has not ended yet"),
        Err(RetryError::NothingLeft) => (StatusCode::CONFLICT, "every mail is sent"),
    };
    Err(error_answer(status, format!("cannot retry job {id}: {why}")))
}

fn error_answer(status: StatusCode, error: String) -> ErrorAnswer {
    ErrorAnswer { status, error }
}

// ANCHOR: supervise
/// The life of a job: a worker, what it says, its end, the account.
async fn supervise(server: Server, job: u64) {
    let (task, mut errand) = server.jobs.task(job, server.worker.is_ours());
    let error = match channel::fork(server.worker.command()) {
        Ok(child) => look_after(child, &task, &mut errand, server.patience).await.err(),
        Err(error) => {
            errand.never_given();
            Some(format!("cannot fork send_mail: {error}"))
        }
    };
    let numbers = errand.close(error.clone());
    match error {
        None => eprintln!("Number of mails sent {}", numbers.sent),
        Some(error) => eprintln!("error: job {job}: {error}; {numbers:?}"),
    }
    drop(server.in_hand);
}

/// When this returns, the worker has gone, and everything that it said is written down.
async fn look_after(
    child: Child,
    task: &Task,
    errand: &mut Errand,
    patience: Patience,
) -> Result<(), String> {
    let pid = child.id();
    errand.begin(pid);
    let (sender, receiver, process) = child.split();
    let mut worker = Worker { sender, receiver, process };
    let talked = talk(&mut worker, task, errand, patience.silence).await;
    let ended = end(&mut worker, errand, patience.grace, talked == Err(Fault::Silent)).await;
    talked.map_err(|fault| match fault {
        Fault::Silent => format!("worker {pid} said nothing for {:?}; it {ended}", patience.silence),
        Fault::Gone => format!("worker {pid} disconnected before its answer; it {ended}"),
        Fault::Garbage(what) => format!("worker {pid} talks nonsense: {what}; it {ended}"),
    })
}
// ANCHOR_END: supervise

/// A child in its three parts, so that one can be waited for while another is used.
struct Worker {
    sender: Sender,
    receiver: Receiver,
    process: Process,
}

/// What a worker can do wrong.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// It said nothing for too long.
    Silent,
    /// The channel ended before the answer.
    Gone,
    /// What it said is no report, or cannot be true.
    Garbage(String),
}

// ANCHOR: talk
/// Sends the task and takes down every report, up to the answer. Neither may take longer than `silence`.
async fn talk(worker: &mut Worker, task: &Task, errand: &mut Errand, silence: Duration) -> Result<(), Fault> {
    // ANCHOR: step_3 todo!("3: send the task, take down the reports up to the answer, within the time")
    // A worker that does not read lets a long task get stuck half way. One that has gone shows below.
    let sent = timeout(silence, worker.sender.send(task)).await;
    sent.map_err(|_| Fault::Silent)?.ok();
    loop {
        let received = timeout(silence, worker.receiver.recv::<Report>()).await;
        match received.map_err(|_| Fault::Silent)? {
            Ok(Some(report)) => {
                if errand.note(&report).map_err(Fault::Garbage)? {
                    return Ok(());
                }
            }
            Ok(None) => return Err(Fault::Gone),
            Err(error) => return Err(Fault::Garbage(error.to_string())),
        }
    }
    // ANCHOR_END: step_3
}
// ANCHOR_END: talk

// ANCHOR: end
/// Ends the worker: first by closing the channel (not when it `hangs`: it does not look), then with SIGTERM, then
/// with SIGKILL. Says how it ended.
async fn end(worker: &mut Worker, errand: &mut Errand, grace: Duration, hangs: bool) -> String {
    // ANCHOR: step_4 let steps: &[Option<Signal>] = todo!("4: which signals, in which order? none is a step, too");
    let steps: &[Option<Signal>] = if hangs {
        &[Some(Signal::SIGTERM), Some(Signal::SIGKILL)]
    } else {
        // That it has gone already is no error here.
        let _ = timeout(grace, worker.sender.disconnect()).await;
        &[None, Some(Signal::SIGTERM), Some(Signal::SIGKILL)]
    };
    // ANCHOR_END: step_4
    for step in steps {
        // ANCHOR: step_4 todo!("4: send the signal, wait for the end, but not longer than grace");
        if let Some(signal) = step {
            let _ = worker.process.kill(*signal);
        }
        if let Ok(status) = timeout(grace, gone(worker, errand)).await {
            return in_words(status);
        }
        // ANCHOR_END: step_4
    }
    // SIGKILL cannot be ignored. It can only take its time.
    in_words(worker.process.wait().await)
}

/// Waits for the worker's end, and goes on listening meanwhile.
async fn gone(worker: &mut Worker, errand: &mut Errand) -> std::io::Result<ExitStatus> {
    // ANCHOR: step_4 todo!("4: wait for the end, and listen meanwhile and afterwards")
    let mut listening = true;
    let status = loop {
        tokio::select! {
            status = worker.process.wait() => break status,
            message = worker.receiver.recv::<Report>(), if listening => listening = heard(message, errand),
        }
    };
    while listening {
        // It may have spoken and ended at the same moment.
        let message = timeout(LAST_WORDS, worker.receiver.recv::<Report>()).await;
        listening = message.is_ok_and(|message| heard(message, errand));
    }
    status
    // ANCHOR_END: step_4
}

/// Whether there can be more.
fn heard(message: Result<Option<Report>, channel::Error>, errand: &mut Errand) -> bool {
    message.is_ok_and(|report| report.is_some_and(|report| errand.note(&report).is_ok()))
}
// ANCHOR_END: end

fn in_words(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| format!("cannot be waited for: {error}"), |status| format!("ended: {status}"))
}
