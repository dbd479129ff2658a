//! Watching over the broker's own account of the mails.

use crate::MAILS;
use async_nats::jetstream::context::Context;
use mail::log;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often we look.
const PERIOD: Duration = Duration::from_secs(5);
/// A worker is busy with a mail for less time than this.
const LONGEST_MAIL: Duration = Duration::from_secs(30);

/// A broker that was killed may have kept a mail and forgotten that it was not delivered yet (seen
/// with nats-server 2.9.10 after SIGKILL). This notices when mails and workers wait for each
/// other, and has all mails delivered again: those that were reported are not sent a second time.
pub async fn watch_mails(context: &Context, ack_wait: Duration) {
    let (mut last, mut since) = (None, Instant::now());
    loop {
        sleep(PERIOD).await;
        let now = deliveries_while_waiting(context).await;
        if now.is_none() || now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > LONGEST_MAIL + ack_wait * 2 {
            log!(
                "mails and workers are waiting for each other; asking the broker to deliver all mails again"
            );
            // Workers make it again, under the same name.
            let _ = context.delete_consumer_from_stream(MAILS, MAILS).await;
            since = Instant::now();
        }
    }
}

/// How often a mail was delivered so far, if there are mails and a worker waits for one.
async fn deliveries_while_waiting(context: &Context) -> Option<u64> {
    let mut mails = context.get_stream(MAILS).await.ok()?;
    let messages = mails.info().await.ok()?.state.messages;
    let workers = mails.consumer_info(MAILS).await.ok()?;
    (messages > 0 && workers.num_waiting > 0).then_some(workers.delivered.consumer_sequence)
}
