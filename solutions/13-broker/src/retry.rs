//! Trying again, with growing pauses, and without filling the log.

use crate::text;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull;
use mail::log;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_stream::StreamExt;

/// The pause after the first failure. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// An attempt that lasted longer than this was not a failure of the same kind as the one before.
const NEW_TROUBLE: Duration = Duration::from_secs(15);

/// Does something that may fail until it succeeds. A failure is
/// logged once, however long the trouble lasts.
///
/// It waits as long as it takes. A program that is asked to exit drops it.
pub async fn until_ok<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let why = match attempt().await {
            Ok(value) => return value,
            Err(why) => why,
        };
        if began.elapsed() > NEW_TROUBLE {
            pause = FIRST_PAUSE;
        }
        if pause == FIRST_PAUSE {
            log!("error: cannot {what}, trying again: {why}");
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The next message, however long it takes. The broker may go away and come back
/// meanwhile: then `open` opens the stream of messages again, as it does at the beginning.
pub async fn next_message(
    messages: &mut Option<pull::Stream>,
    open: impl AsyncFn() -> Result<pull::Stream, String>,
) -> Message {
    until_ok("pull from the broker", async || {
        let open_messages = match messages {
            Some(messages) => messages,
            None => messages.insert(open().await?),
        };
        let message = open_messages.next().await.ok_or("the stream of messages closed".to_owned());
        let message = message.and_then(|message| message.map_err(text));
        if message.is_err() {
            *messages = None;
        }
        message
    })
    .await
}
