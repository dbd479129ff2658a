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

// ANCHOR: send
/// Sends one mail, and reports it as started before the dangerous moment. Returns what became of it.
async fn send(
    channel: &mut Channel,
    client: &mut SmtpClient,
    assignment: &Assignment,
    id: String,
    message: &Message,
) -> Result<Report, Error> {
    // ANCHOR: step_1 todo!("1: offer the message, report that it is started, hand it over; what became of it?")
    if let Err(error) = client.offer(message).await {
        return Ok(Report::Failed { failed: id, why: error.to_string() });
    }
    // An error here means that the parent is gone. Then this mail
    // must not go out: no one could account for it.
    tell(channel, assignment, &Report::Started { started: id.clone() }).await?;
    Ok(match client.hand_over(message).await {
        Ok(()) => Report::Sent { sent: id },
        Err(SmtpError::NoAnswer(why)) => Report::Unknown { unknown: id, why },
        Err(error) => Report::Failed { failed: id, why: error.to_string() },
    })
    // ANCHOR_END: step_1
}
// ANCHOR_END: send

/// Sends a report to a parent that wants reports.
async fn tell(channel: &mut Channel, assignment: &Assignment, report: &Report) -> Result<(), Error> {
    if assignment.reports { channel.send(report).await } else { Ok(()) }
}
