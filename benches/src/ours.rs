//! The package `node-channel`, in both roles.

use crate::peer::{Parent, median};
use crate::{Failure, itself, runtime};
use channel::Child;
use serde::{Deserialize, Serialize};
use std::process::Command;
use std::time::Instant;

/// What travels: a number, addresses, or a long text. The child answers each message unless `last` says that more follow.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Message {
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
}

/// Room for the longest message of [`sizes`].
const MAX_FRAME_BYTES: usize = 128 << 20;

/// The child: says that it is there, then answers.
pub fn child() -> Result<(), Failure> {
    let inherited = channel::inherited().expect("forked by the bench");
    let answering = async {
        let mut channel = inherited.open()?;
        channel.set_max_frame_bytes(MAX_FRAME_BYTES);
        channel.send(&"ready").await?;
        while let Some(message) = channel.recv::<Message>().await? {
            if message.last != Some(false) {
                channel.send(&message).await?;
            }
        }
        Ok::<(), channel::Error>(())
    };
    runtime().block_on(answering).map_err(|error| (1, error.to_string()))
}

/// The parent.
pub struct Ours(Child);

impl Ours {
    async fn ask(&mut self, message: &Message) {
        self.0.send(message).await.expect("the child reads");
        self.0.recv::<Message>().await.expect("the child answers");
    }
}

impl Parent for Ours {
    async fn fork() -> Self {
        let mut command = Command::new(itself());
        command.args(["child", "ours"]);
        let mut child = channel::fork(command).expect("this program can be started");
        child.recv::<String>().await.expect("the child is there");
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    async fn round_trip(&mut self, n: u64) {
        self.ask(&Message { n, ..Message::default() }).await;
    }

    async fn one_way(&mut self, count: usize) {
        let channel = self.0.channel();
        for number in 1..=count {
            let message = Message { n: number as u64, last: Some(number == count), ..Message::default() };
            channel.feed(&message).await.expect("the child reads");
        }
        channel.flush().await.expect("the child reads");
        channel.recv::<Message>().await.expect("the child answers");
    }

    async fn addresses(&mut self, addresses: Vec<String>) -> Vec<String> {
        let message = Message { addresses, ..Message::default() };
        self.ask(&message).await;
        message.addresses
    }

    async fn end(mut self) {
        self.0.disconnect().await.expect("the child reads");
        self.0.wait().await.expect("it is our child");
    }
}

/// How long a message of each size takes, there and back, in milliseconds; the median of some.
pub fn sizes(bytes: &[usize]) -> Vec<f64> {
    runtime().block_on(async {
        let mut ours = Ours::fork().await;
        ours.0.channel().set_max_frame_bytes(MAX_FRAME_BYTES);
        let mut figures = Vec::new();
        for size in bytes {
            let message = Message { text: "a".repeat(*size), ..Message::default() };
            let mut times = Vec::new();
            // The JavaScript program does as many.
            for _ in 0..((1 << 24) / size).clamp(3, 200) {
                let begin = Instant::now();
                ours.ask(&message).await;
                times.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            figures.push(median(times));
        }
        ours.end().await;
        figures
    })
}
