//! The broker: its two streams, what goes in, what comes out.

use crate::Failure;
use crate::task::Identified;
use async_nats::connection::State;
use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::consumer::{AckPolicy, Consumer};
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::jetstream::stream::{self, RetentionPolicy, StorageType};
use async_nats::jetstream::{AckKind, Message};
use async_nats::{ConnectOptions, Event, ServerAddr};
use std::env;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_stream::StreamExt;

/// Where the broker is when `NATS_URL` is not set.
const DEFAULT_NATS_URL: &str = "nats://127.0.0.1:4222";
/// How long the broker waits for an acknowledgement when `ACK_WAIT_MS` is not set.
const DEFAULT_ACK_WAIT_MS: u64 = 30_000;
/// How long we wait for one answer of the broker.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How long we try to publish before we say that the broker cannot be reached.
const PUBLISH_LIMIT: Duration = Duration::from_secs(5);
/// How many messages are published before the first acknowledgement is waited for.
const PUBLISH_BATCH: usize = 500;
/// How long a pull request stays open. The client sends a new one then.
const PULL_LIMIT: Duration = Duration::from_secs(5);
/// A pause before something is tried again.
pub const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The stream of mails that are to be sent. Its one subject has the same name.
pub const MAILS: &str = "mails";
/// The stream of reports about them.
pub const REPORTS: &str = "reports";

/// A connection to the broker. A clone uses the same connection.
#[derive(Clone)]
pub struct Broker {
    context: Context,
    /// How long a message may stay without acknowledgement before it is delivered again.
    pub ack_wait: Duration,
}

/// Why something could not be published.
#[derive(Debug)]
pub enum PublishError {
    /// The broker takes no message of this size, today or tomorrow.
    TooLarge,
    /// The broker has not acknowledged. It may have the messages, or some of them.
    Unavailable(String),
}

impl Broker {
    /// Connects to the broker that `NATS_URL` names, and makes the streams where they do not exist yet.
    pub async fn connect() -> Result<Self, Failure> {
        let address = address_from_env().map_err(|error| (2, error))?;
        let ack_wait = ack_wait_from_env().map_err(|error| (2, error))?;
        // Neither the name nor the password of a user belongs into a log.
        let place = format!("{}:{}", address.host(), address.port());
        let client = ConnectOptions::new()
            .event_callback(log_event)
            .connect(address)
            .await
            .map_err(|error| (1, format!("cannot connect to the broker at {place}: {error}")))?;
        let context = ContextBuilder::new().timeout(ANSWER_LIMIT).build(client);
        let broker = Self { context, ack_wait };
        for name in [MAILS, REPORTS] {
            broker
                .open_stream(name)
                .await
                .map_err(|error| (1, format!("cannot make the stream \"{name}\" at {place}: {error}")))?;
        }
        Ok(broker)
    }

    // ANCHOR: stream
    /// Makes a stream, unless it is there already. It is a work queue on disk, and knows an id that comes again.
    async fn open_stream(&self, name: &str) -> Result<(), String> {
        // ANCHOR: step_1 todo!("1: a work queue on disk that remembers ids for two minutes; create_stream")
        let config = stream::Config {
            name: name.into(),
            subjects: vec![name.into()],
            // A message is deleted when it is acknowledged, and not before.
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            // So long is an id remembered. A client that asks again after that asks for a new job.
            duplicate_window: Duration::from_secs(120),
            ..Default::default()
        };
        self.context.create_stream(config).await.map_err(|error| error.to_string())?;
        Ok(())
        // ANCHOR_END: step_1
    }
    // ANCHOR_END: stream

    // ANCHOR: publish
    /// Publishes messages to a stream. When this gives `Ok`, the broker has acknowledged each of them.
    pub async fn publish<T: Identified>(&self, stream: &str, messages: &[T]) -> Result<(), PublishError> {
        let deadline = Instant::now() + PUBLISH_LIMIT;
        let payloads = messages.iter().map(|message| self.payload(message)).collect::<Result<Vec<_>, _>>()?;
        let all: Vec<_> = messages.iter().map(T::id).zip(payloads).collect();
        for batch in all.chunks(PUBLISH_BATCH) {
            let mut left: Vec<_> = batch.iter().collect();
            while !left.is_empty() {
                left = self.publish_batch(stream, left).await?;
                if !left.is_empty() && Instant::now() >= deadline {
                    return Err(PublishError::Unavailable("the broker does not acknowledge".into()));
                }
            }
        }
        Ok(())
    }

    /// Publishes each message, then waits for the acknowledgements. Gives those that were not acknowledged: they
    /// can be published again, since the broker knows an id that comes a second time.
    async fn publish_batch<'a>(
        &self,
        stream: &str,
        messages: Vec<&'a (String, Vec<u8>)>,
    ) -> Result<Vec<&'a (String, Vec<u8>)>, PublishError> {
        // ANCHOR: step_2 todo!("2: publish each with its id in the header, then wait for each acknowledgement")
        let mut pending = Vec::new();
        for message in messages {
            self.connected()?;
            let (id, payload) = message.clone();
            let mut headers = HeaderMap::new();
            headers.insert(NATS_MESSAGE_ID, id);
            let published =
                self.context.publish_with_headers(stream.to_owned(), headers, payload.into()).await;
            pending.push((message, published.map_err(|error| PublishError::Unavailable(error.to_string()))?));
        }
        let mut left = Vec::new();
        for (message, acknowledgement) in pending {
            if let Err(error) = acknowledgement.await {
                eprintln!("error: the broker did not acknowledge {}: {error}", message.0);
                left.push(message);
            }
        }
        Ok(left)
        // ANCHOR_END: step_2
    }
    // ANCHOR_END: publish

    /// A message as it travels, when the broker takes messages of this size.
    fn payload(&self, message: &impl Identified) -> Result<Vec<u8>, PublishError> {
        let payload = serde_json::to_vec(message).expect("strings and numbers can be written as JSON");
        // The broker counts the headers too; 256 bytes is more than they ever have.
        if payload.len() + 256 > self.context.client().server_info().max_payload {
            return Err(PublishError::TooLarge);
        }
        Ok(payload)
    }

    /// Without a connection, the client keeps what is published and sends it later, after we have said "no".
    fn connected(&self) -> Result<(), PublishError> {
        match self.context.client().connection_state() {
            State::Connected => Ok(()),
            _ => Err(PublishError::Unavailable("there is no connection to the broker".into())),
        }
    }

    // ANCHOR: pull
    /// The messages of a stream, for one of several programs that share them.
    pub async fn pull(&self, stream: &str) -> Result<Pull, Failure> {
        let config = pull::Config {
            // Everybody who pulls by this name shares the messages. It outlives its last user.
            durable_name: Some(stream.into()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            // As often as it takes: a message that is given up by the broker is lost in a work queue.
            max_deliver: -1,
            max_ack_pending: -1,
            ..Default::default()
        };
        let consumer = self.context.create_consumer_on_stream(config, stream).await;
        let consumer = consumer.map_err(|error| (1, format!("cannot pull from \"{stream}\": {error}")))?;
        Ok(Pull { consumer, messages: None })
    }
    // ANCHOR_END: pull
}

/// One end of a stream: messages come out, one at a time.
pub struct Pull {
    consumer: Consumer<pull::Config>,
    messages: Option<pull::Stream>,
}

impl Pull {
    /// The next message, however long it takes. The broker may go away and come back meanwhile.
    pub async fn next(&mut self) -> Message {
        loop {
            match self.try_next().await {
                Ok(message) => return message,
                Err(error) => {
                    eprintln!("error: cannot pull from the broker, trying again: {error}");
                    self.messages = None;
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    // ANCHOR: one
    async fn try_next(&mut self) -> Result<Message, String> {
        // ANCHOR: step_3 todo!("3: ask for one message at a time, and keep the stream of messages for the next call")
        let messages = match &mut self.messages {
            Some(messages) => messages,
            None => {
                // One at a time: what waits here cannot be taken by another host, and its time runs.
                let one = self.consumer.stream().max_messages_per_batch(1).expires(PULL_LIMIT);
                self.messages.insert(one.messages().await.map_err(|error| error.to_string())?)
            }
        };
        match messages.next().await {
            Some(message) => message.map_err(|error| error.to_string()),
            None => Err("the messages ended".into()),
        }
        // ANCHOR_END: step_3
    }
    // ANCHOR_END: one
}

// ANCHOR: settle
/// Says what became of a message, and waits until the broker knows.
pub async fn settle(message: &Message, kind: AckKind) {
    let deadline = Instant::now() + PUBLISH_LIMIT;
    while let Err(error) = message.double_ack_with(kind).await {
        if Instant::now() >= deadline {
            // Nothing is lost: the broker delivers the message again.
            eprintln!("error: cannot acknowledge a message: {error}");
            return;
        }
        sleep(RETRY_PAUSE).await;
    }
}
// ANCHOR_END: settle

async fn log_event(event: Event) {
    match event {
        Event::Disconnected | Event::Connected => eprintln!("broker: {event}"),
        _ => {}
    }
}

fn address_from_env() -> Result<ServerAddr, String> {
    let text = env::var("NATS_URL").unwrap_or_else(|_| DEFAULT_NATS_URL.into());
    let bad = |why: &str| format!("cannot use NATS_URL: {why}: use nats://HOST:PORT");
    let address: ServerAddr = text.parse().map_err(|error: std::io::Error| bad(&error.to_string()))?;
    if address.host().is_empty() {
        return Err(bad("it names no host"));
    }
    Ok(address)
}

fn ack_wait_from_env() -> Result<Duration, String> {
    let Ok(text) = env::var("ACK_WAIT_MS") else { return Ok(Duration::from_millis(DEFAULT_ACK_WAIT_MS)) };
    match text.parse() {
        Ok(milliseconds @ 100..=86_400_000) => Ok(Duration::from_millis(milliseconds)),
        _ => {
            Err(format!("cannot use ACK_WAIT_MS \"{text}\": it must be a whole number from 100 to 86400000"))
        }
    }
}
