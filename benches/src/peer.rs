//! What is measured of a channel, whatever it is made of. The package `ipc-channel` has this file, too; `channel.mjs` does
//! the same in JavaScript.

use std::collections::BTreeMap;
use std::time::Instant;

/// A parent with one child, which sends back what it is asked to send back.
pub trait Parent: Sized {
    /// Starts a child and waits for its first message.
    async fn fork() -> Self;
    /// The child's pid.
    fn pid(&self) -> u32;
    /// Sends a small message there and back.
    async fn round_trip(&mut self, n: u64);
    /// Sends so many small messages, and waits for the answer to the last one.
    async fn one_way(&mut self, count: usize);
    /// Sends these addresses there and back, and gives them back; none where there are no such messages.
    async fn addresses(&mut self, addresses: Vec<String>) -> Vec<String>;
    /// Disconnects, and waits for the child's end.
    async fn end(self);
}

/// The figures by their names. A figure that a peer does not have is missing or `None`.
pub type Figures = BTreeMap<String, Option<f64>>;

/// The four numbers that a program gets which measures a peer: see [`measure`].
pub fn load(words: &[impl AsRef<str>]) -> [usize; 4] {
    [0, 1, 2, 3].map(|index| words.get(index).and_then(|word| word.as_ref().parse().ok()).unwrap_or(1))
}

/// The middle one of some measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Measures so many forks, round trips, messages one way, and messages of 100,000 addresses.
pub async fn measure<P: Parent>([forks, trips, messages, large]: [usize; 4]) -> Figures {
    let mut fork_ms = Vec::new();
    for _ in 0..forks {
        let begin = Instant::now();
        let parent = P::fork().await;
        fork_ms.push(begin.elapsed().as_secs_f64() * 1e3);
        parent.end().await;
    }
    let mut parent = P::fork().await;
    parent.round_trip(0).await;
    let pid = parent.pid();
    let resident = observe::process::info(pid).map(|info| info.resident_bytes as f64 / 1e6);
    let threads = observe::process::threads(pid).map(|count| count as f64);
    let descriptors = observe::process::descriptors(pid).map(|list| list.len() as f64);
    round_trips(&mut parent, trips / 10 + 1).await;
    let round_trip_us = round_trips(&mut parent, trips).await;
    let begin = Instant::now();
    parent.one_way(messages).await;
    let millions = messages as f64 / begin.elapsed().as_secs_f64() / 1e6;
    let addresses: Vec<String> = (0..100_000).map(|number| format!("reader.{number}@example.org")).collect();
    let mut addresses_ms = Vec::new();
    for _ in 0..large {
        let message = addresses.clone();
        let begin = Instant::now();
        let same = parent.addresses(message).await;
        if same.len() == addresses.len() {
            addresses_ms.push(begin.elapsed().as_secs_f64() * 1e3);
        }
    }
    parent.end().await;
    let figures = [
        ("fork_ms", Some(median(fork_ms))),
        ("round_trip_us", Some(round_trip_us)),
        ("one_way_millions", Some(millions)),
        ("addresses_ms", (!addresses_ms.is_empty()).then(|| median(addresses_ms))),
        ("idle_worker_mb", resident),
        ("threads", threads),
        ("descriptors", descriptors),
    ];
    figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect()
}

/// How long one takes, in µs, the average.
async fn round_trips(parent: &mut impl Parent, count: usize) -> f64 {
    let begin = Instant::now();
    for n in 0..count as u64 {
        parent.round_trip(n).await;
    }
    begin.elapsed().as_secs_f64() * 1e6 / count as f64
}
