//! Lesson 10: the article's `server`. A request forks `send_mail`, sends it the list of mails as a message, and
//! is answered at once. The log says how many mails were sent when the child's message comes back.
//!
//! Started as `solution-10 send-mail`, the program is the worker of lesson 09. `WORKER`, a command line,
//! puts another worker in its place. New here: everything together, and an end in good order. The chapter is
//! book/src/10-server.md.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use channel::Child;
use http::{ErrorAnswer, Request, Sent};
use mail::{Answer, Job, SmtpServer};
use std::env;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// The argument that makes this program a worker.
const SEND_MAIL: &str = "send-mail";

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|role| role == SEND_MAIL) {
        return send_mail::send_mail();
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
    let worker = WorkerCommand::from_env()?;
    // Before anybody can know that this program runs, and so before a signal can come.
    let mut end = EndSignals::new()?;
    let listener = http::listen().await?;
    http::announce(&listener)?;
    let (in_hand, all_done) = mpsc::channel(1);
    let routes = routes(worker, in_hand);
    let served = axum::serve(listener, routes).with_graceful_shutdown(async move {
        end.next().await;
        eprintln!("finishing the work in hand; a second signal ends at once");
        tokio::spawn(async move {
            end.next().await;
            eprintln!("error: ended with work in hand: a second signal came");
            std::process::exit(1);
        });
    });
    served.await.map_err(|error| format!("cannot go on serving: {error}"))?;
    wait_for(all_done).await;
    Ok(())
}

// ANCHOR: routes
/// What every request needs: how to start a worker, and a token that says "there is work in hand".
#[derive(Clone)]
struct Server {
    worker: Arc<WorkerCommand>,
    in_hand: mpsc::Sender<()>,
}

fn routes(worker: WorkerCommand, in_hand: mpsc::Sender<()>) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/endpoint", post(endpoint))
        .with_state(Server { worker: Arc::new(worker), in_hand })
}
// ANCHOR_END: routes

// ANCHOR: endpoint
/// Forks a worker, leaves it to a task of its own, and answers at once.
async fn endpoint(State(server): State<Server>, request: Request) -> Result<Json<Sent>, ErrorAnswer> {
    // ANCHOR: step_2 todo!("2: fork, leave the child to a task of its own, answer at once")
    let child = channel::fork(server.worker.command()).map_err(|error| {
        eprintln!("error: cannot fork send_mail: {error}");
        ErrorAnswer { status: StatusCode::INTERNAL_SERVER_ERROR, error: error.to_string() }
    })?;
    eprintln!("forked send_mail, pid {}, for {} mails", child.id(), request.emails.len());
    let job = Job { mails: request.emails };
    tokio::spawn(async move {
        supervise(child, job).await;
        drop(server.in_hand);
    });
    Ok(Json(Sent::YES))
    // ANCHOR_END: step_2
}
// ANCHOR_END: endpoint

// ANCHOR: supervise
/// The life of a child: a job, its answer, its end.
async fn supervise(mut child: Child, job: Job) {
    let pid = child.id();
    // ANCHOR: step_4 todo!("4: log the number, disconnect the child, wait for its end")
    match talk(&mut child, &job).await {
        Ok(answer) => eprintln!("Number of mails sent {}", answer.counter),
        Err(error) => eprintln!("error: worker {pid} gave no answer: {error}"),
    }
    // The worker lives as long as its channel. That it has gone already is no error here.
    let _ = child.disconnect().await;
    match child.wait().await {
        Ok(status) => eprintln!("worker {pid} ended: {status}"),
        Err(error) => eprintln!("error: cannot wait for worker {pid}: {error}"),
    }
    // ANCHOR_END: step_4
}
// ANCHOR_END: supervise

// ANCHOR: talk
/// Sends the job and waits for the answer.
async fn talk(child: &mut Child, job: &Job) -> Result<Answer, String> {
    // ANCHOR: step_3 todo!("3: send the job and wait for the answer")
    child.send(job).await.map_err(|error| error.to_string())?;
    let answer = child.recv().await.map_err(|error| error.to_string())?;
    answer.ok_or_else(|| "it disconnected".into())
    // ANCHOR_END: step_3
}
// ANCHOR_END: talk

// ANCHOR: worker
/// The command line of a worker.
struct WorkerCommand {
    words: Vec<String>,
}

impl WorkerCommand {
    /// What `WORKER` says, split at white space; without it, this program as `send-mail`. No shell is involved.
    fn from_env() -> Result<Self, String> {
        // ANCHOR: step_1 let words: Vec<String> = todo!("1: the words of WORKER, or this program and send-mail");
        let words: Vec<String> = match env::var("WORKER") {
            Ok(line) => line.split_whitespace().map(str::to_owned).collect(),
            Err(_) => {
                let itself = env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
                vec![itself.display().to_string(), SEND_MAIL.to_owned()]
            }
        };
        // ANCHOR_END: step_1
        if words.is_empty() {
            return Err("cannot use WORKER: it names no program".into());
        }
        Ok(Self { words })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}
// ANCHOR_END: worker

// ANCHOR: end
/// SIGINT, which Ctrl-C sends, and SIGTERM, which `kill` and service managers send.
struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignals {
    fn new() -> Result<Self, String> {
        let catch = |kind| signal(kind).map_err(|error| format!("cannot catch signals: {error}"));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits until every token is dropped: then no worker is left.
async fn wait_for(mut all_done: mpsc::Receiver<()>) {
    // ANCHOR: step_5 todo!("5: wait until the last sender is gone")
    // Nobody ever sends anything; the channel ends with its last sender.
    while all_done.recv().await.is_some() {}
    // ANCHOR_END: step_5
}
// ANCHOR_END: end
