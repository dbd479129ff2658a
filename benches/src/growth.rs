//! How cost grows: with the size of a message, and with the number of requests at once.

use crate::chart::{Axis, plain};
use crate::pool::Pool;
use crate::report::{Growth, Page, percentiles};
use crate::running::{self, Running};
use crate::sink::Sink;
use crate::{Bench, Outcome, ours, peers};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use tokio::task::JoinSet;

const REQUESTS: [usize; 4] = [1, 10, 100, 1_000];

/// Measures both.
pub fn run(bench: &Bench) -> Outcome<Page> {
    let node = peers::find_or_say("Node", "node");
    let mut versions: Vec<String> = node.iter().map(|node| peers::version("Node", node)).collect();
    versions.push(peers::postfix());
    let mut page = Page::new("growth", &versions);
    sizes(&mut page, bench, node.as_deref());
    let sink = Sink::start()?;
    let program = bench.program("solution-12")?;
    requests(&mut page, bench, &sink, &program)?;
    Ok(page)
}

/// A message there and back, from 64 bytes to 64 MiB.
fn sizes(page: &mut Page, bench: &Bench, node: Option<&Path>) {
    crate::note!("growth: message sizes …");
    let largest = if bench.short { 5 } else { 10 };
    let bytes: Vec<usize> = (0..=largest).map(|power| 64 << (2 * power)).collect();
    let mut peers = vec![ours::sizes(&bytes)];
    peers.extend(node.and_then(|node| node_sizes(node, &bytes)));
    let point = |(index, bytes): (usize, &usize)| {
        (*bytes as f64, peers.iter().map(|times| times.get(index).copied()).collect())
    };
    page.growth(Growth {
        name: "sizes",
        title: "A message there and back, by its size",
        axes: [
            Axis { name: "size of the message (× 4 a step)", step: 4.0, label: in_bytes },
            Axis { name: "there and back, ms (× 10 a step)", step: 10.0, label: plain },
        ],
        head: ["message", "solution 08, ms", "Node, ms"][..=peers.len()].to_vec(),
        compares: true,
        lines: vec![("solution 08", |times| times[0]), ("Node", |times| *times.get(1)?)],
        points: bytes.iter().enumerate().map(point).collect(),
    });
}

fn node_sizes(node: &Path, bytes: &[usize]) -> Option<Vec<f64>> {
    let list: Vec<String> = bytes.iter().map(usize::to_string).collect();
    let mut command = Command::new(node);
    command.args([peers::file("channel.mjs"), "sizes".into(), list.join(",")]).stderr(Stdio::inherit());
    serde_json::from_slice(&command.output().ok()?.stdout).ok()
}

/// 1 to 1,000 clients, each of which posts a job of one mail as soon as its last one is answered.
fn requests(page: &mut Page, bench: &Bench, sink: &Sink, program: &Path) -> io::Result<()> {
    let total = if bench.short { 1_000 } else { 8_000 };
    let mut points = Vec::new();
    for clients in REQUESTS {
        crate::note!("growth: {clients} requests at once …");
        let pool = Pool { program, workers: 2, sign_rounds: 1 };
        let (rate, waits) = crate::runtime().block_on(async {
            let server = Running::start(pool.command(), sink).await?;
            let measured = post_at_once(&server, clients, total).await;
            server.end().await;
            measured
        })?;
        let figures = percentiles(waits).map(Some);
        points.push((clients as f64, [&[Some(rate)], &figures[..]].concat()));
    }
    let head = ["requests at once", "answers a second", "median, ms", "99th percentile, ms", "slowest, ms"];
    page.growth(Growth {
        name: "requests",
        title: "POST /endpoint of the pool, by requests at once",
        axes: [
            Axis { name: "requests at once (× 10 a step)", step: 10.0, label: plain },
            Axis { name: "until the answer, ms (× 10 a step)", step: 10.0, label: plain },
        ],
        head: head.into(),
        compares: false,
        lines: vec![("half of them", |figures| figures[1]), ("99 of 100", |figures| figures[2])],
        points,
    });
    Ok(())
}

/// Answers a second, and how long each took in milliseconds.
async fn post_at_once(server: &Running, clients: usize, total: usize) -> io::Result<(f64, Vec<f64>)> {
    let request = running::post(1, 12);
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(server.connect().await?);
    }
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for mut client in connections {
        let request = request.clone();
        tasks.spawn(async move {
            let mut waits = Vec::new();
            for _ in 0..total / clients {
                let begin = Instant::now();
                // 503 is an answer too: the queue is bounded.
                client.ask(&request).await?;
                waits.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, io::Error>(waits)
        });
    }
    let waits: Vec<f64> =
        tasks.join_all().await.into_iter().collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect();
    Ok((waits.len() as f64 / begin.elapsed().as_secs_f64(), waits))
}

fn in_bytes(bytes: f64) -> String {
    let steps = [("MiB", 1 << 20), ("KiB", 1 << 10)];
    let step = steps.into_iter().find(|(_, size)| bytes >= f64::from(*size));
    step.map_or_else(|| format!("{bytes} B"), |(name, size)| format!("{} {name}", bytes / f64::from(size)))
}
