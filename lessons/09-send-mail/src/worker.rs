//! The worker's side of the channel: a job in, a reply out.

use crate::Delivery;
use channel::{Channel, Error, Inherited};
use mail::{Job, Reply, log};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the worker until its parent disconnects. See [`run_worker`].
pub fn send_mail() -> ExitCode {
    run_worker(Delivery::from_env, async |mut channel, delivery| serve(&mut channel, &delivery).await)
}

/// Replies to every message, one after another, until the parent disconnects.
async fn serve(channel: &mut Channel, delivery: &Delivery) -> Result<(), Error> {
    todo!("2: receive one job after another and reply to each")
}

/// What a worker does before its first job and after its last one. `config` reads
/// its settings, and `serve` works until the parent disconnects. Returns the exit
/// status: 0 when the parent has disconnected, 1 when a message could not be
/// sent, 2 when there was no channel, or when a setting or a message was bad.
///
/// When the parent is gone, `serve` decides: this one finishes
/// its current job, and then learns that it can't reply.
///
/// Call it first thing in `main`, before there is a thread: it takes the channel from the environment.
pub fn run_worker<C>(
    config: impl FnOnce() -> Result<C, String>,
    serve: impl AsyncFnOnce(Channel, C) -> Result<(), Error>,
) -> ExitCode {
    mail::let_no_panic_wait();
    let worked = prepare(config).and_then(|(inherited, config)| run(inherited, config, serve));
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, error)) => {
            log!("error: {error}");
            ExitCode::from(status)
        }
    }
}

/// An exit status, and the error in words.
type Failure = (u8, String);

/// Everything that can fail before the first job: the channel and the settings.
fn prepare<C>(config: impl FnOnce() -> Result<C, String>) -> Result<(Inherited, C), Failure> {
    let inherited = todo!("1: take the channel that the parent announced");
    let config = config().map_err(|error| (2, error))?;
    Ok((inherited, config))
}

#[tokio::main(flavor = "current_thread")]
async fn run<C>(
    inherited: Inherited,
    config: C,
    serve: impl AsyncFnOnce(Channel, C) -> Result<(), Error>,
) -> Result<(), Failure> {
    // Ctrl-C in a terminal goes to the parent and to us, and service managers send SIGTERM
    // to both. The parent decides when we exit: it disconnects. (It can still use SIGKILL.)
    let ignore = |kind| signal(kind).map_err(|error| (1, format!("cannot catch signals: {error}")));
    let _ignored = (ignore(SignalKind::interrupt())?, ignore(SignalKind::terminate())?);
    let channel = inherited.open().map_err(|error| (1, error.to_string()))?;
    serve(channel, config).await.map_err(|error| match error {
        Error::Disconnected => (1, "cannot reply: the parent has gone".into()),
        error => (exit_status(&error), error.to_string()),
    })
}

/// 2 when the parent sent something that can't be a message, 1 when the channel failed.
fn exit_status(error: &Error) -> u8 {
    if !error.is_fatal() || matches!(error, Error::Io { .. }) { 1 } else { 2 }
}
