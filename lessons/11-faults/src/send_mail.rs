//! The worker's program: an assignment in, a report about each mail, a reply out.

use channel::{Channel, Error};
use jobs::{Assignment, NumberedMail, Report};
use lettre::Message;
use mail::{Reply, SmtpServer, log};
use send_mail::{SmtpClient, run_worker};
use smtp::SmtpError;
use std::process::ExitCode;

/// Runs the worker until its parent disconnects. See [`run_worker`].
pub fn send_mail() -> ExitCode {
    run_worker(SmtpServer::from_env, async |channel, server| {
        serve(channel, server, NumberedMail::to_message).await
    })
}

/// Does one assignment after another, until the parent
/// disconnects. `write` makes a mail into what is sent.
pub async fn serve(
    mut channel: Channel,
    server: SmtpServer,
    write: impl Fn(&NumberedMail) -> Result<Message, String>,
) -> Result<(), Error> {
    loop {
        let counter = match channel.recv::<Assignment>().await {
            Ok(Some(assignment)) => {
                let client = SmtpClient::new(server.clone());
                send_all(&mut channel, client, &assignment, &write).await?
            }
            Ok(None) => return Ok(()),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                log!("error: cannot parse the assignment: {error}");
                0
            }
        };
        channel.send(&Reply { counter }).await?;
    }
}

/// Sends one mail after another, and reports each. Returns how many were sent.
async fn send_all(
    channel: &mut Channel,
    mut client: SmtpClient,
    assignment: &Assignment,
    write: impl Fn(&NumberedMail) -> Result<Message, String>,
) -> Result<usize, Error> {
    let mut counter = 0;
    for mail in &assignment.mails {
        let id = mail.message_id.clone();
        let report = match write(mail) {
            Ok(message) => send(channel, &mut client, assignment, id, &message).await?,
            Err(why) => Report::Failed { failed: id, why },
        };
        match &report {
            Report::Sent { .. } => counter += 1,
            Report::Failed { why, .. } => log!("error: cannot send the mail to {:?}: {why}", mail.mail.to),
            Report::Unknown { why, .. } => {
                log!("error: the mail to {:?} may have been accepted: {why}", mail.mail.to);
            }
            Report::Started { .. } | Report::Reply(_) => {}
        }
        tell(channel, assignment, &report).await?;
    }
    client.quit().await;
    Ok(counter)
}

/// Sends one mail, and reports it as started before the dangerous moment. Returns what became of it.
async fn send(
    channel: &mut Channel,
    client: &mut SmtpClient,
    assignment: &Assignment,
    id: String,
    message: &Message,
) -> Result<Report, Error> {
    todo!("1: offer the message, report that it is started, hand it over; what became of it?")
}

/// Sends a report to a parent that wants reports.
async fn tell(channel: &mut Channel, assignment: &Assignment, report: &Report) -> Result<(), Error> {
    if assignment.reports { channel.send(report).await } else { Ok(()) }
}
