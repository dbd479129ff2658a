//! Solution 08, in both roles.

use crate::channels::{Figures, Load, repetitions};
use crate::report::median;
use crate::{itself, runtime};
use channel::{Child, Error};
use serde::{Deserialize, Serialize};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// What travels: a number, or many addresses. The child answers each message unless `last` says that more follow.
#[derive(Default, Deserialize, Serialize)]
struct Message {
    #[serde(default)]
    n: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
}

/// Room for the longest message of [`sizes`].
const MAX_FRAME_BYTES: usize = 128 << 20;

/// The child: says that it is there, then answers.
pub fn child() -> ExitCode {
    let inherited = channel::inherited().expect("forked by the bench");
    runtime()
        .block_on(async {
            let mut channel = inherited.open()?;
            channel.set_max_frame_bytes(MAX_FRAME_BYTES);
            channel.send(&"ready").await?;
            while let Some(message) = channel.recv::<Message>().await? {
                if message.last != Some(false) {
                    channel.send(&message).await?;
                }
            }
            Ok::<(), Error>(())
        })
        .expect("the channel works");
    ExitCode::SUCCESS
}

/// How long a message of each size takes, there and back, in milliseconds; the median of some.
pub fn sizes(bytes: &[usize]) -> Vec<f64> {
    let all = async {
        let mut child = fork().await?;
        child.channel().set_max_frame_bytes(MAX_FRAME_BYTES);
        let mut figures = Vec::new();
        for size in bytes {
            let message = Message { text: "a".repeat(*size), ..Message::default() };
            figures.push(times(&mut child, &message, repetitions(*size)).await?);
        }
        end(&mut child).await?;
        Ok::<_, Error>(figures)
    };
    runtime().block_on(all).expect("the channel works")
}

/// The parent: measures.
pub fn measure(load: &Load) -> Figures {
    runtime().block_on(measure_all(load)).expect("the channel works")
}

async fn measure_all(load: &Load) -> Result<Figures, Error> {
    let mut forks = Vec::new();
    for _ in 0..load.forks {
        let begin = Instant::now();
        let mut child = fork().await?;
        forks.push(begin.elapsed().as_secs_f64() * 1e3);
        end(&mut child).await?;
    }
    let mut child = fork().await?;
    round_trips(&mut child, 1).await?;
    let idle = Figures::of_idle(child.id());
    round_trips(&mut child, load.round_trips / 10).await?;
    let round_trip_us = round_trips(&mut child, load.round_trips).await?;
    let one_way_per_second = one_way(&mut child, load.one_way).await?;
    let addresses_ms = large(&mut child, load.large).await?;
    end(&mut child).await?;
    Ok(Figures {
        fork_ms: Some(median(forks)),
        round_trip_us,
        one_way_per_second,
        addresses_ms: Some(addresses_ms),
        ..idle
    })
}

async fn fork() -> Result<Child, Error> {
    let mut command = Command::new(itself());
    command.args(["child", "ours"]);
    let mut child = channel::fork(command)?;
    child.recv::<String>().await?;
    Ok(child)
}

async fn end(child: &mut Child) -> Result<(), Error> {
    child.disconnect().await?;
    child.wait().await.expect("it is our child");
    Ok(())
}

async fn round_trips(child: &mut Child, count: usize) -> Result<f64, Error> {
    let begin = Instant::now();
    for n in 0..count as u64 {
        child.send(&Message { n, ..Message::default() }).await?;
        child.recv::<Message>().await?;
    }
    Ok(begin.elapsed().as_secs_f64() * 1e6 / count as f64)
}

async fn one_way(child: &mut Child, count: usize) -> Result<f64, Error> {
    let begin = Instant::now();
    let channel = child.channel();
    for number in 1..=count {
        let last = Some(number == count);
        channel.feed(&Message { n: number as u64, last, ..Message::default() }).await?;
    }
    channel.flush().await?;
    child.recv::<Message>().await?;
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

async fn large(child: &mut Child, repetitions: usize) -> Result<f64, Error> {
    let addresses = (0..100_000).map(|number| format!("reader.{number}@example.org")).collect();
    times(child, &Message { addresses, ..Message::default() }, repetitions).await
}

/// How long this message takes there and back, in milliseconds; the median.
async fn times(child: &mut Child, message: &Message, repetitions: usize) -> Result<f64, Error> {
    let mut times = Vec::new();
    for _ in 0..repetitions {
        let begin = Instant::now();
        child.send(message).await?;
        child.recv::<Message>().await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}
