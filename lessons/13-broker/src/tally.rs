//! Adding up what the workers report. This part is given.

use crate::broker::{Pull, settle};
use crate::task::Report;
use async_nats::jetstream::{AckKind, Message};
use std::collections::HashMap;

/// The reports about one job that have come so far.
#[derive(Default)]
struct Tally {
    /// By the number of the mail: a report that comes twice counts once.
    reports: HashMap<usize, (Report, Message)>,
}

/// Reads reports for ever, and logs a line for each job that is complete.
pub async fn add_up(mut reports: Pull) {
    let mut jobs: HashMap<String, Tally> = HashMap::new();
    loop {
        let message = reports.next().await;
        let Ok(report) = serde_json::from_slice::<Report>(&message.payload) else {
            settle(&message, AckKind::Term).await;
            continue;
        };
        let (job, of) = (report.job.clone(), report.of);
        let tally = jobs.entry(job.clone()).or_default();
        tally.reports.insert(report.number, (report, message));
        if tally.reports.len() >= of {
            let complete = jobs.remove(&job).unwrap_or_default();
            log_and_settle(complete).await;
        }
    }
}

/// The reports are acknowledged when the line is in the log. A server that is restarted before that gets them
/// again.
async fn log_and_settle(tally: Tally) {
    let counter = tally.reports.values().filter(|(report, _)| report.sent).count();
    eprintln!("Number of mails sent {counter}");
    for (_, message) in tally.reports.values() {
        settle(message, AckKind::Ack).await;
    }
}
