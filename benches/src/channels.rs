//! The channel of solution 08 beside its peers: the JavaScript runtimes that are installed (one program,
//! `channel.mjs`, runs on all of them), the crate ipc-channel, and a bare socket pair with blocking reads and no
//! JSON, which is the limit of what the machine can do.

use crate::report::{Page, Row, Table, median};
use crate::{Bench, itself, peers};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version that `ipc-channel/Cargo.toml` names.
const IPC_CHANNEL: &str = "0.23.1";

/// How much of everything is done. The JavaScript program takes the same numbers.
#[derive(Clone, Copy)]
pub struct Load {
    /// Children that are started.
    pub forks: usize,
    /// Small messages there and back.
    pub round_trips: usize,
    /// Small messages in one direction.
    pub one_way: usize,
    /// Messages of 100,000 addresses.
    pub large: usize,
}

const FULL: Load = Load { forks: 40, round_trips: 20_000, one_way: 1_000_000, large: 11 };
const SHORT: Load = Load { forks: 3, round_trips: 200, one_way: 10_000, large: 1 };

/// What is measured of one peer. A figure that a peer does not have is `None`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Figures {
    /// From before the fork until the child's first message is there; the median.
    pub fork_ms: Option<f64>,
    /// A small message there and back, the average.
    pub round_trip_us: f64,
    /// The same with both processes on one core.
    pub round_trip_one_core_us: Option<f64>,
    /// Small messages a second, parent to child.
    pub one_way_per_second: f64,
    /// A message of 100,000 addresses there and back; the median.
    pub addresses_ms: Option<f64>,
    /// Resident memory of the child when it has answered one message, in units of 1,000,000 bytes.
    pub idle_worker_mb: Option<f64>,
    /// The child's threads then.
    pub threads: Option<f64>,
    /// The child's open descriptors then.
    pub descriptors: Option<f64>,
}

impl Figures {
    /// What an idle child takes.
    pub fn of_idle(pid: u32) -> Self {
        Self {
            idle_worker_mb: observe::process::info(pid).map(|info| info.resident_bytes as f64 / 1e6),
            threads: observe::process::threads(pid).map(|count| count as f64),
            descriptors: observe::process::descriptors(pid).map(|list| list.len() as f64),
            ..Self::default()
        }
    }

    /// Of each figure, the better one.
    fn or_better(self, other: Self) -> Self {
        let least = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            fork_ms: least(self.fork_ms, other.fork_ms),
            round_trip_us: self.round_trip_us.min(other.round_trip_us),
            round_trip_one_core_us: least(self.round_trip_one_core_us, other.round_trip_one_core_us),
            one_way_per_second: self.one_way_per_second.max(other.one_way_per_second),
            addresses_ms: least(self.addresses_ms, other.addresses_ms),
            idle_worker_mb: least(self.idle_worker_mb, other.idle_worker_mb),
            threads: least(self.threads, other.threads),
            descriptors: least(self.descriptors, other.descriptors),
        }
    }
}

type Figure = (&'static str, fn(&Figures) -> Option<f64>);

const FIGURES: [Figure; 8] = [
    ("fork until the first message, ms", |figures| figures.fork_ms),
    ("round trip of a small message, µs", |figures| Some(figures.round_trip_us)),
    ("the same on one core, µs", |figures| figures.round_trip_one_core_us),
    ("small messages a second, one way, millions (more is better)", |figures| {
        Some(figures.one_way_per_second / 1e6)
    }),
    ("100,000 addresses there and back, ms", |figures| figures.addresses_ms),
    ("resident memory of an idle worker, MB", |figures| figures.idle_worker_mb),
    ("threads of an idle worker", |figures| figures.threads),
    ("open descriptors of an idle worker", |figures| figures.descriptors),
];

/// Runs every peer on all cores and on one.
pub fn run(bench: &Bench) -> Result<Page, String> {
    let (program, script) = (itself(), peers::file("channel.mjs"));
    let mut versions = Vec::new();
    let mut programs = vec![Peer::new("solution 08", &program, &["parent", "ours"])];
    for (name, runtime, flags) in peers::runtimes() {
        versions.push(peers::version(name, &runtime));
        programs.push(Peer::new(name, &runtime, &[flags, &[&script]].concat()));
    }
    match ipc_channel(bench) {
        Some(program) => {
            versions.push(format!("ipc-channel {IPC_CHANNEL}"));
            programs.push(Peer::new("ipc-channel", &program, &[]));
        }
        None => crate::note!("ipc-channel is left out: it cannot be built"),
    }
    programs.push(Peer::new("bare socket pair", &program, &["parent", "bare"]));
    let measured = in_turn(&programs, bench.short);
    let mut page = Page::new("channel", &versions);
    page.table("bars", "One channel, beside its peers", &table(&measured));
    targets(&mut page, &measured);
    Ok(page)
}

/// A program that measures one peer: it takes the numbers of a [`Load`] and prints [`Figures`] as JSON.
struct Peer {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Peer {
    fn new(name: &str, program: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { name: name.into(), program: program.into(), arguments }
    }
}

/// The figures of each peer in some rounds. In each round all of them have their turn: what else happens on the
/// machine, for a second or for a minute, shall not count for one of them alone.
fn in_turn(peers: &[Peer], short: bool) -> Vec<(String, Figures)> {
    let (load, rounds) = if short { (SHORT, 1) } else { (FULL, 5) };
    let mut figures = vec![Vec::new(); peers.len()];
    for round in 1..=rounds {
        for (peer, figures) in peers.iter().zip(&mut figures) {
            crate::note!("channel: {}, round {round} of {rounds} …", peer.name);
            match figures_of(peer, load) {
                Some(of_round) => figures.push(of_round),
                None => crate::note!("{} does not run", peer.name),
            }
        }
    }
    let summaries = peers.iter().zip(figures);
    summaries.filter_map(|(peer, figures)| Some((peer.name.clone(), summary(&figures)?))).collect()
}

/// Of each figure the best, since other programs can only make one worse. Of the round trip on all cores the median:
/// it is shorter when the system happens to let both processes run on one core.
fn summary(rounds: &[Figures]) -> Option<Figures> {
    let best = rounds.iter().copied().reduce(Figures::or_better)?;
    let round_trip_us = median(rounds.iter().map(|figures| figures.round_trip_us).collect());
    Some(Figures { round_trip_us, ..best })
}

/// Builds the program that measures ipc-channel. It is no part of the workspace.
fn ipc_channel(bench: &Bench) -> Option<PathBuf> {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let target = bench.scratch("ipc-channel");
    let status = bench
        .cargo()
        .args(["build", "--quiet", "--profile", profile, "--manifest-path"])
        .arg(peers::file("ipc-channel/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status();
    let folder = target.join(if profile == "dev" { "debug" } else { profile });
    status.is_ok_and(|status| status.success()).then(|| folder.join("bench-ipc-channel"))
}

fn table(measured: &[(String, Figures)]) -> Table {
    let row = |(name, figure): &Figure| Row {
        name: (*name).to_owned(),
        values: measured.iter().map(|(_, figures)| figure(figures)).collect(),
    };
    let peers = measured.iter().map(|(name, _)| name.clone()).collect();
    Table { corner: "measured", peers, rows: FIGURES.iter().map(row).collect() }
}

/// What the workshop has set out to reach.
fn targets(page: &mut Page, measured: &[(String, Figures)]) {
    let of = |peer: &str, figure: fn(&Figures) -> Option<f64>| {
        measured.iter().find(|(name, _)| name == peer).and_then(|(_, figures)| figure(figures))
    };
    let ours = |figure| of("solution 08", figure);
    // How many times better we are than the peer, when less is better.
    let times_better = |peer, figure| Some(of(peer, figure)? / ours(figure)?);
    let mut target = |what: &str, goal: &str, value: Option<f64>, unit, met: fn(f64) -> bool| {
        page.target(what, goal, value, unit, value.is_some_and(met));
    };
    let fork: fn(&Figures) -> _ = |figures| figures.fork_ms;
    let trip: fn(&Figures) -> _ = |figures| Some(figures.round_trip_us);
    let one_core: fn(&Figures) -> _ = |figures| figures.round_trip_one_core_us;
    let one_way: fn(&Figures) -> _ = |figures| Some(figures.one_way_per_second);
    let addresses: fn(&Figures) -> _ = |figures| figures.addresses_ms;
    target("fork until the first message", "under 1.5 ms", ours(fork), " ms", |ms| ms < 1.5);
    target("fork, beside Node", "at least 40 times faster", times_better("Node", fork), " times", |times| {
        times >= 40.0
    });
    target("fork, beside Bun", "at least 5 times faster", times_better("Bun", fork), " times", |times| {
        times >= 5.0
    });
    let limit = |figure: fn(&Figures) -> Option<f64>| Some(ours(figure)? / of("bare socket pair", figure)?);
    target(
        "round trip, beside the bare socket pair",
        "at most 1.1 times as long",
        limit(trip),
        " times",
        |times| times <= 1.1,
    );
    target("round trip on one core", "at most 6 µs", ours(one_core), " µs", |us| us <= 6.0);
    let millions = ours(one_way).map(|rate| rate / 1e6);
    target("small messages a second", "over 4 million", millions, " million", |rate| rate > 4.0);
    let beside_bun = ours(one_way).zip(of("Bun", one_way)).map(|(ours, bun)| ours / bun);
    target("small messages, beside Bun", "at least 4 times as many", beside_bun, " times", |times| {
        times >= 4.0
    });
    target("100,000 addresses", "under 14 ms", ours(addresses), " ms", |ms| ms < 14.0);
    target(
        "100,000 addresses, beside Bun",
        "faster",
        times_better("Bun", addresses),
        " times as fast",
        |times| times > 1.0,
    );
    target(
        "memory of an idle worker",
        "under 4 MB",
        ours(|figures| figures.idle_worker_mb),
        " MB",
        |megabytes| megabytes < 4.0,
    );
}

/// One peer's figures: those of a run on all cores, and the round trip of a run on one core, where taskset(1)
/// is installed.
fn figures_of(peer: &Peer, load: Load) -> Option<Figures> {
    let numbers = [load.forks, load.round_trips, load.one_way, load.large].map(|number| number.to_string());
    let figures = |command: &mut Command| -> Option<Figures> {
        let output = command.args(&peer.arguments).args(&numbers).stderr(Stdio::inherit()).output().ok()?;
        serde_json::from_slice(&output.stdout).ok()
    };
    let mut all = figures(&mut Command::new(&peer.program))?;
    let pinned = peers::find("taskset")
        .and_then(|taskset| figures(Command::new(taskset).args(["-c", "0"]).arg(&peer.program)));
    all.round_trip_one_core_us = pinned.map(|pinned| pinned.round_trip_us);
    Some(all)
}

/// The numbers of a load, as the parent of a peer gets them.
pub fn parse(load: &[&str]) -> Load {
    let number = |index: usize| load.get(index).and_then(|text| text.parse().ok()).unwrap_or(1);
    Load { forks: number(0), round_trips: number(1), one_way: number(2), large: number(3) }
}

/// How often a message of this size is sent: the JavaScript program does the same.
pub fn repetitions(bytes: usize) -> usize {
    ((1 << 24) / bytes).clamp(3, 200)
}
