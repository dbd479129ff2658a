//! The broker: its stream of mails, what goes in, what comes out.

use async_nats::connection::State;
use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{AckKind, Message};
use async_nats::{ConnectOptions, Event};
use mail::log;
use solution_13::{
    Assignment, HEARTBEAT, JobId, Ledger, MAILS, PULL_LIMIT, Refusal, Settings, text, watch_mails,
};
use std::time::Duration;
use tokio::time::timeout;

/// How long the broker may take for one answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take for everything that one request publishes.
const PUBLISH_LIMIT: Duration = Duration::from_secs(30);
/// How many messages are published before the first acknowledgement is waited for.
const PUBLISH_BATCH: usize = 500;

/// A connection to the broker. A clone uses the same connection.
#[derive(Clone)]
pub struct Broker {
    context: Context,
    settings: Settings,
    /// The account of the jobs.
    pub ledger: Ledger,
}

impl Broker {
    /// Connects to the broker, and makes the streams where they do not exist yet.
    pub async fn connect(settings: Settings) -> Result<Self, String> {
        let place = settings.place();
        let options = ConnectOptions::new().event_callback(log_event);
        let client = options.connect(settings.address.clone()).await;
        let client = client.map_err(|error| format!("cannot connect to the broker at {place}: {error}"))?;
        let context = ContextBuilder::new().timeout(ANSWER_LIMIT).build(client);
        let ledger = make_streams(&context, &settings).await;
        let ledger = ledger.map_err(|error| format!("cannot make the streams at {place}: {error}"))?;
        Ok(Self { context, settings, ledger })
    }

    /// How long a message may stay without acknowledgement before it is delivered again.
    pub fn ack_wait(&self) -> Duration {
        self.settings.ack_wait
    }

    /// Runs forever: see [`watch_mails`].
    pub async fn watch(&self) {
        watch_mails(&self.context, self.settings.ack_wait).await;
    }

    /// Stores a job: first its name, then its mails. Returns whether it is done already.
    pub async fn accept(&self, job: &JobId, digest: &str, mails: &[Assignment]) -> Result<bool, Refusal> {
        self.check(mails)?;
        let all_of_it = async {
            let is_done = self.ledger.claim(job, digest).await?;
            if !is_done {
                for batch in mails.chunks(PUBLISH_BATCH) {
                    self.publish(batch).await?;
                }
            }
            Ok(is_done)
        };
        // One limit for everything. Each answer has one of its own too, but 500 of those make 40 minutes.
        let late = |_| Err(Refusal::Unavailable("the broker does not acknowledge".into()));
        let accepted = timeout(PUBLISH_LIMIT, all_of_it).await.unwrap_or_else(late);
        if let Err(Refusal::Unavailable(_)) = accepted {
            // A broker that was set up again has no streams. The client's next attempt finds them.
            let _ = timeout(Duration::from_secs(1), make_streams(&self.context, &self.settings)).await;
        }
        accepted
    }

    /// Refuses at once what would fail later.
    fn check(&self, mails: &[Assignment]) -> Result<(), Refusal> {
        let client = self.context.client();
        // Without a connection, the client keeps what is published and
        // sends it later, after we have said "no".
        if client.connection_state() != State::Connected {
            return Err(Refusal::Unavailable("there is no connection to the broker".into()));
        }
        // The broker counts the headers too; 256 bytes is more than they ever have.
        let limit = client.server_info().max_payload;
        match mails.iter().any(|mail| mail.to_json().len() + 256 > limit) {
            true => Err(Refusal::TooLarge),
            false => Ok(()),
        }
    }

    // ANCHOR: publish
    /// Publishes mails. When this returns `Ok`, the broker has stored each of them.
    async fn publish(&self, mails: &[Assignment]) -> Result<(), Refusal> {
        // ANCHOR: step_2 todo!("2: publish each with its id in the header, then wait for each acknowledgement")
        let mut acknowledgements = Vec::new();
        for mail in mails {
            let mut headers = HeaderMap::new();
            headers.insert(NATS_MESSAGE_ID, mail.id());
            let published = self.context.publish_with_headers(MAILS, headers, mail.to_json().into());
            acknowledgements.push(published.await?);
        }
        for acknowledgement in acknowledgements {
            acknowledgement.await?;
        }
        Ok(())
        // ANCHOR_END: step_2
    }
    // ANCHOR_END: publish

    // ANCHOR: pull
    /// Asks for mails, one at a time, by a name that all workers share.
    async fn pull(&self) -> Result<pull::Stream, String> {
        // ANCHOR: step_3 todo!("3: a consumer that all workers share by its name; messages from it, one at a time")
        let config = pull::Config {
            durable_name: Some(MAILS.into()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.settings.ack_wait,
            ..Default::default()
        };
        let consumer = self.context.create_consumer_on_stream(config, MAILS).await.map_err(text)?;
        // Messages buffered here are unavailable to other hosts while their ack wait runs.
        let one_at_a_time = consumer.stream().max_messages_per_batch(1);
        one_at_a_time.expires(PULL_LIMIT).heartbeat(HEARTBEAT).messages().await.map_err(text)
        // ANCHOR_END: step_3
    }
    // ANCHOR_END: pull

    /// Mails for this worker. A broker that was killed, or set up again, may have lost the stream.
    pub async fn mails(&self) -> Result<pull::Stream, String> {
        make_streams(&self.context, &self.settings).await?;
        self.pull().await
    }
}

/// Makes what the broker does not have yet: the stream of mails, and the account of the jobs.
async fn make_streams(context: &Context, settings: &Settings) -> Result<Ledger, String> {
    match make_mails(context, settings).await {
        // A broker without room says so before it looks whether the stream is there.
        Err(why) if why.contains("insufficient storage") && context.get_stream(MAILS).await.is_ok() => {}
        made => made?,
    }
    Ledger::open(context, (settings.queue_bytes / 4).max(1024)).await
}

// ANCHOR: stream
/// Makes the stream of mails, unless it is there already.
async fn make_mails(context: &Context, settings: &Settings) -> Result<(), String> {
    // ANCHOR: step_1 todo!("1: a work queue on disk, with a limit, that remembers ids for two minutes; create_stream")
    let config = stream::Config {
        name: MAILS.into(),
        subjects: vec![MAILS.into()],
        // A message is deleted when it is acknowledged, and not before.
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        // A full queue refuses new mails. The old ones were promised to a client.
        max_bytes: settings.queue_bytes,
        discard: DiscardPolicy::New,
        duplicate_window: Duration::from_secs(120),
        ..Default::default()
    };
    context.create_stream(config).await.map(drop).map_err(text)
    // ANCHOR_END: step_1
}
// ANCHOR_END: stream

// ANCHOR: settle
/// Tells the broker what became of a message, and waits until it knows.
pub async fn settle(message: &Message, kind: AckKind) {
    if let Err(error) = message.double_ack_with(kind).await {
        // Nothing is lost: the broker delivers the message again.
        log!("error: cannot acknowledge a message: {error}");
    }
}
// ANCHOR_END: settle

async fn log_event(event: Event) {
    match event {
        Event::Disconnected | Event::Connected => log!("broker: {event}"),
        _ => {}
    }
}
