//! Adding up what the workers report.

use crate::{JobId, Ledger, Report, next_message, until_ok};
use mail::log;
use std::cell::Cell;
use std::collections::HashMap;
use tokio::sync::oneshot;

/// Of each job that is not done: which mails were reported,
/// whether they were sent, and the report's place in the stream.
type Jobs = HashMap<JobId, HashMap<usize, (bool, u64)>>;

/// Reads reports until the other half of `stopped` is dropped,
/// and logs a line for each job that is complete.
pub async fn add_up(ledger: &Ledger, mut stopped: oneshot::Receiver<()>) {
    let (mut jobs, is_new) = (Jobs::new(), Cell::new(false));
    let mut reports = None;
    let open = async || {
        is_new.set(true);
        ledger.pull().await
    };
    loop {
        let message = tokio::select! {
            message = next_message(&mut reports, open) => message,
            _ = &mut stopped => return,
        };
        if is_new.take() {
            // All reports that the broker has come again. It may have lost some.
            jobs.clear();
        }
        let place = message.info().map_or(0, |info| info.stream_sequence);
        match Report::from_json(&message.payload) {
            Ok(report) => count(ledger, &mut jobs, report, place).await,
            Err(error) => {
                log!("error: cannot use a report: {error}");
                until_ok("delete a report", async || ledger.delete_reports(&[place]).await).await;
            }
        }
    }
}

async fn count(ledger: &Ledger, jobs: &mut Jobs, Report { job, number, of, sent }: Report, place: u64) {
    if !jobs.contains_key(&job) && until_ok("look up a job", async || ledger.is_done(&job).await).await {
        // A mail that went out twice, or a server that was killed when it had marked the job.
        return until_ok("delete a report", async || ledger.delete_reports(&[place]).await).await;
    }
    let reported = jobs.entry(job.clone()).or_default();
    reported.insert(number, (sent, place));
    if reported.len() == of {
        log!("Number of mails sent {}", reported.values().filter(|(sent, _)| *sent).count());
        let places: Vec<u64> = reported.values().map(|(_, place)| *place).collect();
        jobs.remove(&job);
        until_ok("mark a job as done", async || ledger.finish(&job, &places).await).await;
    }
}
