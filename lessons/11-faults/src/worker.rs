//! The worker's side of the channel: a task in, a report for each mail, an answer out.

use crate::{Answer, NotAccepted, Outbox, Report, Task};
use channel::{Channel, Error, Inherited};
use mail::SmtpServer;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the worker until its parent disconnects, and gives its exit status: 0 when the parent has disconnected,
/// 1 when a message could not be sent, 2 when there was no channel or the configuration was bad.
///
/// Call it first thing in `main`, before there is a thread: it takes the channel from the environment.
pub fn send_mail() -> ExitCode {
    match prepare().and_then(|(inherited, server)| run(inherited, server)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, error)) => {
            eprintln!("error: {error}");
            ExitCode::from(status)
        }
    }
}

/// An exit status and what is said about it.
type Failure = (u8, String);

fn prepare() -> Result<(Inherited, SmtpServer), Failure> {
    let inherited = channel::inherited().map_err(|error| (2, error.to_string()))?;
    let server = SmtpServer::from_env().map_err(|error| (2, error))?;
    Ok((inherited, server))
}

#[tokio::main(flavor = "current_thread")]
async fn run(inherited: Inherited, server: SmtpServer) -> Result<(), Failure> {
    // A terminal sends Ctrl-C to the parent and to us. The parent decides when we end: it disconnects.
    let _ignored = signal(SignalKind::interrupt()).map_err(|error| (1, error.to_string()))?;
    let mut channel = inherited.open().map_err(|error| (1, error.to_string()))?;
    serve(&mut channel, server).await.map_err(|error| {
        let status = if matches!(error, Error::Disconnected | Error::Io { .. }) { 1 } else { 2 };
        (status, error.to_string())
    })
}

/// Does one task after another, until the parent disconnects.
async fn serve(channel: &mut Channel, server: SmtpServer) -> Result<(), Error> {
    loop {
        let answer = match channel.recv::<Task>().await {
            Ok(Some(task)) => {
                let mut outbox = Outbox::new(server.clone());
                let answer = send_all(channel, &mut outbox, &task).await?;
                outbox.close().await;
                answer
            }
            Ok(None) => return Ok(()),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                eprintln!("error: cannot parse the job: {error}");
                Answer::default()
            }
        };
        channel.send(&Report::Answer(answer)).await?;
    }
}

/// Sends one mail after another and reports each: before the dangerous moment, and after it.
async fn send_all(channel: &mut Channel, outbox: &mut Outbox, task: &Task) -> Result<Answer, Error> {
    let mut answer = Answer::default();
    for mail in &task.mails {
        let id = mail.message_id.clone();
        let report: Report =
            todo!("1: offer the mail, report that it has begun, hand it over, say what became of it");
        count(&mut answer, &report, &mail.mail.to);
        tell(channel, task, &report).await?;
    }
    Ok(answer)
}

/// Sends a report to a parent that wants reports.
async fn tell(channel: &mut Channel, task: &Task, report: &Report) -> Result<(), Error> {
    if task.reports { channel.send(report).await } else { Ok(()) }
}

/// Adds what became of one mail to the counts. What went wrong is said on stderr too.
fn count(answer: &mut Answer, report: &Report, to: &str) {
    match report {
        Report::Sent { .. } => answer.counter += 1,
        Report::Failed { why, .. } => {
            answer.failed += 1;
            eprintln!("error: cannot send the mail to {to:?}: {why}");
        }
        Report::Unknown { why, .. } => {
            answer.unknown += 1;
            eprintln!("error: nobody knows whether the mail to {to:?} was accepted: {why}");
        }
        Report::Begun { .. } | Report::Answer(_) => {}
    }
}
