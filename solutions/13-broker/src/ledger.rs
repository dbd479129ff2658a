//! The account of all jobs. It is kept in the broker, so it outlives the server.

use crate::{Assignment, HEARTBEAT, JobId, PULL_LIMIT, Refusal, Report, text};
use async_nats::header::{HeaderMap, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::jetstream::stream::{self, DeleteMessageErrorKind, LastRawMessageErrorKind};
use std::time::Duration;

/// The stream of reports. The subject of each is `reports.JOB.NUMBER`.
const REPORTS: &str = "reports";
/// How long the reports about a job wait for the missing ones,
/// which never come when a client gave up halfway.
const REPORTS_LIMIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// What the broker says when a message that is to be deleted is not there.
const GONE: [ErrorCode; 4] = [
    ErrorCode::NO_MESSAGE_FOUND,
    ErrorCode::SEQUENCE_NOT_FOUND,
    ErrorCode::STREAM_MESSAGE_DELETE_FAILED,
    ErrorCode::STREAM_NOT_FOUND,
];
/// The stream of jobs. `jobs.JOB.mails` is a digest of its
/// mails, and `jobs.JOB.done` says that it is done.
const JOBS: &str = "jobs";
/// How long a job's name is remembered.
const JOBS_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Which jobs there are, what was reported about each, and which are done.
#[derive(Clone)]
pub struct Ledger {
    context: Context,
    room: i64,
}

impl Ledger {
    /// Makes what the broker does not have yet. Reports and jobs have `room` bytes each, so
    /// that neither takes the other's, nor the mails'. When it is used up, the oldest go.
    ///
    /// # Errors
    /// What the broker says about it, here and in all other methods.
    pub async fn open(context: &Context, room: i64) -> Result<Self, String> {
        let reports = stream::Config {
            name: REPORTS.into(),
            subjects: vec![format!("{REPORTS}.*.*")],
            // A mail that is delivered twice may be reported twice. The
            // second report takes the place of the first.
            max_messages_per_subject: 1,
            max_age: REPORTS_LIMIT,
            max_bytes: room,
            ..Default::default()
        };
        let jobs = stream::Config {
            name: JOBS.into(),
            subjects: vec![format!("{JOBS}.*.*")],
            max_messages_per_subject: 1,
            max_age: JOBS_LIMIT,
            max_bytes: room,
            ..Default::default()
        };
        for config in [reports, jobs] {
            let name = config.name.clone();
            match context.create_stream(config).await.map_err(text) {
                // A broker without room says so before it looks whether the stream is there.
                Err(why)
                    if why.contains("insufficient storage") && context.get_stream(name).await.is_ok() => {}
                made => drop(made?),
            }
        }
        Ok(Self { context: context.clone(), room })
    }

    // ANCHOR: claim
    /// Notes a job and the digest of its mails, unless it is known. Returns whether it is done.
    ///
    /// # Errors
    /// When it is known with other mails, or when the broker does not answer.
    pub async fn claim(&self, job: &JobId, digest: &str) -> Result<bool, Refusal> {
        let subject = format!("{JOBS}.{job}.mails");
        let mut headers = HeaderMap::new();
        // The broker stores it as the first message of its subject, or not at all.
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, "0");
        let digest = digest.to_owned().into_bytes();
        let stored =
            self.context.publish_with_headers(subject.clone(), headers, digest.clone().into()).await?;
        match stored.await {
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {}
            Err(error) => return Err(error.into()),
        }
        match self.last(JOBS, subject).await.map_err(Refusal::Unavailable)? {
            Some(known) if known != digest => Err(Refusal::OtherMails),
            _ => self.is_done(job).await.map_err(Refusal::Unavailable),
        }
    }
    // ANCHOR_END: claim

    /// Whether the job's line is in the log.
    pub async fn is_done(&self, job: &JobId) -> Result<bool, String> {
        Ok(self.last(JOBS, format!("{JOBS}.{job}.done")).await?.is_some())
    }

    // ANCHOR: finish
    /// Marks a job as done. That is one message, which is stored or not. After
    /// that its reports can go, which are at these places in the stream.
    pub async fn finish(&self, job: &JobId, reports: &[u64]) -> Result<(), String> {
        let done = format!("{JOBS}.{job}.done");
        if self.store(done.clone(), Vec::new()).await.is_err() {
            // A broker that was set up again has no streams.
            Self::open(&self.context, self.room).await?;
            self.store(done, Vec::new()).await?;
        }
        self.delete_reports(reports).await
    }
    // ANCHOR_END: finish

    /// Stores a report.
    pub async fn report(&self, report: &Report) -> Result<(), String> {
        self.store(subject(&report.job, report.number), report.to_json()).await
    }

    /// Whether a mail was reported before: by a worker that was killed before it acknowledged the mail.
    pub async fn is_reported(&self, assignment: &Assignment) -> Result<bool, String> {
        let report = self.last(REPORTS, subject(&assignment.job, assignment.number)).await?;
        // The reports about a job are deleted, but not before it is marked as done.
        Ok(report.is_some() || self.is_done(&assignment.job).await?)
    }

    async fn store(&self, subject: String, payload: Vec<u8>) -> Result<(), String> {
        let stored = self.context.publish(subject, payload.into()).await.map_err(text)?;
        stored.await.map(drop).map_err(text)
    }

    /// The last message of a subject.
    async fn last(&self, stream: &str, subject: String) -> Result<Option<Vec<u8>>, String> {
        let stream = self.context.get_stream_no_info(stream).await.map_err(text)?;
        match stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => Ok(Some(message.payload.to_vec())),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(text(error)),
        }
    }

    /// The reports: those that are there, and then those that come.
    /// They stay until their job is done, so nothing is acknowledged.
    pub(crate) async fn pull(&self) -> Result<pull::Stream, String> {
        // A broker that was killed, or set up again, may have lost what it had.
        Self::open(&self.context, self.room).await?;
        // In memory, so a broker that was restarted has none, and we begin again with the first report.
        let config = pull::Config { ack_policy: AckPolicy::None, memory_storage: true, ..Default::default() };
        let consumer = self.context.create_consumer_on_stream(config, REPORTS).await.map_err(text)?;
        consumer.stream().expires(PULL_LIMIT).heartbeat(HEARTBEAT).messages().await.map_err(text)
    }

    /// Deletes the reports at these places in the stream, unless they have gone already.
    /// Each by itself: when all reports about a job are purged at once, nats-server
    /// 2.9.10 may leave out a report about another job that it has still to deliver.
    pub(crate) async fn delete_reports(&self, places: &[u64]) -> Result<(), String> {
        let reports = self.context.get_stream_no_info(REPORTS).await.map_err(text)?;
        for place in places {
            match reports.delete_message(*place).await.map_err(|error| error.kind()) {
                Err(DeleteMessageErrorKind::JetStream(error)) if GONE.contains(&error.error_code()) => {}
                Err(error) => return Err(text(error)),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

fn subject(job: &JobId, number: usize) -> String {
    format!("{REPORTS}.{job}.{number}")
}
