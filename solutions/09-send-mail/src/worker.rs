//! The worker's side of the channel: a job in, an answer out.

use crate::Delivery;
use channel::{Channel, Error, Inherited};
use mail::{Answer, Job};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the worker until its parent disconnects, and gives its exit status: 0 when the parent has
/// disconnected, 1 when an answer could not be sent, 2 when there was no channel, when the configuration was
/// bad, or when what came was no JSON.
///
/// Call it first thing in `main`, before there is a thread: it takes the channel from the environment.
pub fn send_mail() -> ExitCode {
    match prepare().and_then(|(inherited, delivery)| run(inherited, &delivery)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, error)) => {
            eprintln!("error: {error}");
            ExitCode::from(status)
        }
    }
}

/// An exit status and what is said about it.
type Failure = (u8, String);

// ANCHOR: prepare
/// Everything that can be wrong before the first job: the channel and the configuration.
fn prepare() -> Result<(Inherited, Delivery), Failure> {
    // ANCHOR: step_1 let inherited = todo!("1: take the channel that the parent announced");
    let inherited = channel::inherited().map_err(|error| (2, error.to_string()))?;
    // ANCHOR_END: step_1
    let delivery = Delivery::from_env().map_err(|error| (2, error))?;
    Ok((inherited, delivery))
}
// ANCHOR_END: prepare

#[tokio::main(flavor = "current_thread")]
async fn run(inherited: Inherited, delivery: &Delivery) -> Result<(), Failure> {
    // A terminal sends Ctrl-C to the parent and to us. The parent decides when we end: it disconnects.
    let _ignored = signal(SignalKind::interrupt()).map_err(|error| (1, error.to_string()))?;
    let mut channel = inherited.open().map_err(|error| (1, error.to_string()))?;
    serve(&mut channel, delivery).await.map_err(|error| {
        let status = if error.is_bad_input() { 2 } else { 1 };
        (status, error.to_string())
    })
}

// ANCHOR: serve
/// Answers every message, one after another, until the parent disconnects.
async fn serve(channel: &mut Channel, delivery: &Delivery) -> Result<(), Error> {
    // ANCHOR: step_2 todo!("2: receive one job after another and answer each")
    loop {
        let counter = match channel.recv::<Job>().await {
            Ok(Some(job)) => delivery.send_all(job.mails).await,
            Ok(None) => return Ok(()),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                // A parent that waits for an answer gets one, also to what was no job.
                eprintln!("error: cannot parse the job: {error}");
                0
            }
        };
        channel.send(&Answer { counter }).await?;
    }
    // ANCHOR_END: step_2
}
// ANCHOR_END: serve
