//! The worker's side: a mail is sent, reported and acknowledged, in this order.

use crate::broker::{Broker, settle};
use async_nats::jetstream::{AckKind, Message};
use lettre::message::header::MessageId;
use mail::{SmtpServer, log};
use send_mail::SmtpClient;
use smtp::SmtpError;
use solution_13::{Assignment, MAILS, until_ok};
use std::time::Duration;
use tokio::time::sleep;

/// After this many deliveries, a mail that cannot be sent is given up.
const MAX_DELIVERIES: i64 = 5;

/// Does all that a message of the stream of mails asks for.
/// Meanwhile, it tells the broker that the message is being worked on.
pub async fn work_on(broker: &Broker, smtp: &SmtpServer, message: &Message) {
    match Assignment::from_json(&message.payload) {
        Ok(assignment) => tokio::select! {
            () = work(broker, smtp, message, &assignment) => {}
            () = still_at_it(message, broker.ack_wait() / 3) => {}
        },
        Err(error) => {
            log!("error: cannot parse a message from \"{MAILS}\": {error}");
            settle(message, AckKind::Term).await;
        }
    }
}

async fn work(broker: &Broker, smtp: &SmtpServer, message: &Message, assignment: &Assignment) {
    match broker.ledger.is_reported(assignment).await {
        Ok(false) => handle(broker, smtp, message, assignment).await,
        // A worker was killed between its report and its acknowledgement.
        Ok(true) => settle(message, AckKind::Ack).await,
        // Nothing was sent: the broker delivers the mail again.
        Err(why) => log!("error: cannot ask the broker about a mail: {why}"),
    }
}

// ANCHOR: handle
/// Sends a mail, reports what became of it, and acknowledges its message.
async fn handle(broker: &Broker, smtp: &SmtpServer, message: &Message, assignment: &Assignment) {
    // ANCHOR: step_4 todo!("4: send, report, acknowledge; or give the mail back for later")
    let to = &assignment.mail.to;
    let sent = match send(smtp, assignment).await {
        Ok(()) => true,
        Err(why) if is_temporary(&why) && deliveries(message) < MAX_DELIVERIES => {
            log!("the mail to {to:?} has to wait: {why}");
            return settle(message, AckKind::Nak(Some(broker.ack_wait()))).await;
        }
        Err(why) => {
            log!("error: cannot send the mail to {to:?}: {why}");
            false
        }
    };
    report(broker, assignment, sent).await;
    settle(message, AckKind::Ack).await; // Only now: a worker that dies before this line loses nothing.
    // ANCHOR_END: step_4
}
// ANCHOR_END: handle

// ANCHOR: still_at_it
/// Tells the broker once per `period` that the message is still being worked
/// on. It never returns: it is dropped when the work is done.
async fn still_at_it(message: &Message, period: Duration) {
    // Most mails take less than this.
    sleep(period).await;
    // ANCHOR: step_5 todo!("5: say AckKind::Progress, wait for a period, and so on")
    loop {
        // A lost one does no harm: the next comes before the ack wait is over.
        let _ = message.ack_with(AckKind::Progress).await;
        sleep(period).await;
    }
    // ANCHOR_END: step_5
}
// ANCHOR_END: still_at_it

/// Sends a mail under the name that it has on each delivery.
async fn send(smtp: &SmtpServer, assignment: &Assignment) -> Result<(), SmtpError> {
    let mut message = assignment.mail.to_message().map_err(SmtpError::Refused)?;
    message.headers_mut().set(MessageId::from(assignment.message_id()));
    let mut client = SmtpClient::new(smtp.clone());
    let sent = client.send(&message).await;
    // The server has said yes or no. Nothing has to wait until it has said goodbye.
    tokio::spawn(client.quit());
    sent
}

/// Whether the mail may be accepted another time, or from another host.
fn is_temporary(error: &SmtpError) -> bool {
    !matches!(error, SmtpError::Refused(_))
}

/// How often this message was delivered, to whichever worker, this time included.
fn deliveries(message: &Message) -> i64 {
    message.info().map_or(1, |info| info.delivered)
}

/// Stores the report about a mail, however long the broker can't be reached.
async fn report(broker: &Broker, assignment: &Assignment, sent: bool) {
    let report = assignment.report(sent);
    until_ok("report", async || broker.ledger.report(&report).await).await;
}
