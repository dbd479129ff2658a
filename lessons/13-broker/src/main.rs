//! Lesson 13: the same job on more than one machine. A broker, NATS with JetStream, stands between the server and
//! its workers: it keeps every mail on disk until a worker, on whatever host, has acknowledged it.
//!
//! Started as `lesson-13 send-mail`, the program is a worker. `NATS_URL` names the broker. New here: a work
//! queue, acknowledgements, redelivery, and a name for each mail by which a duplicate can be told. The chapter is
//! book/src/13-broker.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

mod broker;
mod endpoint;
mod signals;
mod smtp;
mod tally;
mod task;
mod worker;

use broker::Broker;
use mail::SmtpServer;
use signals::EndSignals;
use std::env;
use std::process::ExitCode;

/// The argument that makes this program a worker.
const SEND_MAIL: &str = "send-mail";

/// An exit status and what is said about it: 1 when the work failed, 2 when the configuration was bad.
type Failure = (u8, String);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let ended = match env::args().nth(1).as_deref() {
        None => server().await,
        Some(SEND_MAIL) => worker().await,
        Some(other) => {
            Err((2, format!("unknown role {other:?}: it is {SEND_MAIL}, or nothing for the server")))
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, error)) => {
            eprintln!("error: {error}");
            ExitCode::from(status)
        }
    }
}

/// Publishes what comes in over HTTP, and adds up what the workers report.
async fn server() -> Result<(), Failure> {
    let mut end = EndSignals::new().map_err(|error| (1, error))?;
    let broker = Broker::connect().await?;
    let reports = broker.pull(broker::REPORTS).await?;
    let listener = web::listen().await.map_err(|error| (2, error))?;
    tokio::spawn(tally::add_up(reports));
    web::announce(&listener).map_err(|error| (1, error))?;
    // Nothing has to be saved at the end: whatever was accepted is in the broker.
    axum::serve(listener, endpoint::routes(broker))
        .with_graceful_shutdown(async move { end.next().await })
        .await
        .map_err(|error| (1, format!("cannot go on serving: {error}")))
}

/// Takes one mail after another from the broker. A signal ends it after the mail in hand.
async fn worker() -> Result<(), Failure> {
    let smtp = SmtpServer::from_env().map_err(|error| (2, error))?;
    let mut end = EndSignals::new().map_err(|error| (1, error))?;
    let broker = Broker::connect().await?;
    let mut mails = broker.pull(broker::MAILS).await?;
    eprintln!("waiting for mails");
    loop {
        let message = tokio::select! {
            message = mails.next() => message,
            () = end.next() => return Ok(()),
        };
        worker::handle(&broker, &smtp, &message).await;
    }
}
