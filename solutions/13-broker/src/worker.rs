//! The worker's side: a mail is sent, reported and acknowledged, in this order.

use crate::broker::{Broker, MAILS, REPORTS, RETRY_PAUSE, settle};
use crate::smtp::{self, Outcome};
use crate::task::Task;
use async_nats::jetstream::{AckKind, Message};
use mail::SmtpServer;
use std::pin::pin;
use tokio::time::{interval, sleep};

/// After so many deliveries, a mail that cannot be sent is given up.
const MAX_DELIVERIES: i64 = 5;

// ANCHOR: handle
/// Does all that a message of the stream of mails asks for.
pub async fn handle(broker: &Broker, smtp: &SmtpServer, message: &Message) {
    let task: Task = match serde_json::from_slice(&message.payload) {
        Ok(task) => task,
        Err(error) => {
            eprintln!("error: what came from \"{MAILS}\" is no mail: {error}");
            return settle(message, AckKind::Term).await;
        }
    };
    // ANCHOR: step_4 todo!("4: send, report, acknowledge; or give the mail back for later")
    let sending = smtp::send(smtp, &task.mail, task.message_id());
    let sent = match still_at_it(broker, message, sending).await {
        Outcome::Accepted => true,
        Outcome::Later(why) if deliveries(message) < MAX_DELIVERIES => {
            eprintln!("the mail to {:?} has to wait: {why}", task.mail.to);
            return settle(message, AckKind::Nak(Some(broker.ack_wait))).await;
        }
        Outcome::Refused(why) | Outcome::Later(why) => {
            eprintln!("error: cannot send the mail to {:?}: {why}", task.mail.to);
            false
        }
    };
    // Only now. Whoever dies before this line leaves a message that the broker delivers again.
    report(broker, &task, sent).await;
    settle(message, AckKind::Ack).await;
    // ANCHOR_END: step_4
}
// ANCHOR_END: handle

// ANCHOR: still_at_it
/// Does the work, and tells the broker meanwhile that somebody is at it.
async fn still_at_it<T>(broker: &Broker, message: &Message, work: impl Future<Output = T>) -> T {
    // ANCHOR: step_5 todo!("5: do the work, and say AckKind::Progress three times per ack_wait meanwhile")
    let mut work = pin!(work);
    let mut ticks = interval(broker.ack_wait / 3);
    loop {
        tokio::select! {
            result = &mut work => return result,
            _ = ticks.tick() => {
                // One that is lost is no harm, there is another before the time is over.
                let _ = message.ack_with(AckKind::Progress).await;
            }
        }
    }
    // ANCHOR_END: step_5
}
// ANCHOR_END: still_at_it

/// How often this message was delivered, to whomever, this time included.
fn deliveries(message: &Message) -> i64 {
    message.info().map_or(1, |info| info.delivered)
}

/// Publishes the report about a mail, however long the broker is away.
async fn report(broker: &Broker, task: &Task, sent: bool) {
    while let Err(error) = broker.publish(REPORTS, &[task.report(sent)]).await {
        eprintln!("error: cannot report yet, trying again: {error:?}");
        sleep(RETRY_PAUSE).await;
    }
}
