//! Lesson 13: the same job on more than one machine. A broker, NATS with JetStream, stands between the server and
//! its workers: it keeps every mail until a worker, on whatever host, has acknowledged it.
//!
//! Started as `solution-13 send-mail`, the program is a worker. `NATS_URL` names the broker. New here: a work
//! queue, acknowledgements, redelivery, and a name for each mail by which a duplicate is recognized. The chapter is
//! book/src/13-broker.md.

mod broker;
mod endpoint;
mod worker;

use broker::Broker;
use mail::{SmtpServer, log};
use shutdown::{SEND_MAIL, ShutdownSignals};
use solution_13::{Settings, add_up, next_message};
use std::env;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a worker may take for its current mail when it is asked to exit: 20
/// seconds for a mail server that is slow to connect and slow to answer, and
/// some for the report. What it does not finish, the broker delivers again.
const WORKER_LIMIT: Duration = Duration::from_secs(25);
/// How long the server may take to mark the jobs that it has logged.
const SERVER_LIMIT: Duration = Duration::from_secs(1);

/// An exit status and what is said about it: 1 when the work failed, 2 when a setting was bad.
type Failure = (u8, String);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let ended = match env::args_os().nth(1) {
        None => server().await,
        Some(role) if role == SEND_MAIL => worker().await,
        Some(other) => {
            Err((2, format!("unknown role {other:?}: it is {SEND_MAIL}, or nothing for the server")))
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, error)) => {
            log!("error: {error}");
            ExitCode::from(status)
        }
    }
}

/// Publishes what comes in over HTTP, and adds up what the workers report.
async fn server() -> Result<(), Failure> {
    let settings = Settings::from_env().map_err(|error| (2, error))?;
    let mut stop = pin!(ShutdownSignals::new().map_err(|error| (1, error))?.first());
    let broker = tokio::select! {
        broker = Broker::connect(settings) => broker.map_err(|error| (1, error))?,
        () = &mut stop => return Ok(()),
    };
    let listener = web::listen().await.map_err(|error| (2, error))?;
    web::announce(&listener).map_err(|error| (1, error))?;
    let (serving, stopped) = oneshot::channel();
    let mut tally = pin!(add_up(&broker.ledger, stopped));
    tokio::select! {
        () = web::serve_until(listener, endpoint::routes(broker.clone()), stop) => {}
        () = &mut tally => return Ok(()),
        () = broker.watch() => return Ok(()),
    }
    // Nothing has to be saved: what was accepted is in the broker.
    // But a job that was logged had better be marked.
    drop(serving);
    let _ = timeout(SERVER_LIMIT, tally).await;
    Ok(())
}

/// Takes one mail after another from the broker. After a signal, it finishes its current mail and exits.
async fn worker() -> Result<(), Failure> {
    mail::let_no_panic_wait();
    let settings = Settings::from_env().map_err(|error| (2, error))?;
    let smtp = SmtpServer::from_env().map_err(|error| (2, error))?;
    let mut stop = pin!(ShutdownSignals::new().map_err(|error| (1, error))?.first());
    let broker = tokio::select! {
        broker = Broker::connect(settings) => broker.map_err(|error| (1, error))?,
        () = &mut stop => return Ok(()),
    };
    log!("waiting for mails");
    let mut mails = None;
    loop {
        let message = tokio::select! {
            message = next_message(&mut mails, async || broker.mails().await) => message,
            () = &mut stop => return Ok(()),
        };
        let mut work = pin!(worker::work_on(&broker, &smtp, &message));
        tokio::select! {
            () = &mut work => {}
            () = &mut stop => {
                let late = |_| (1, "exited with a mail in hand; the broker will deliver it again".to_owned());
                return timeout(WORKER_LIMIT, work).await.map_err(late);
            }
        }
    }
}
