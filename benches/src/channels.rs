//! The channel of `node-channel` beside its peers: the JavaScript runtimes that are installed (one program,
//! `channel.mjs`, runs on all of them), the crate ipc-channel, and a bare socket pair with blocking reads and no
//! JSON, which is the limit of what the machine can do.

use crate::peer::Figures;
use crate::report::{Page, in_turn, least, middle, most};
use crate::{Bench, Outcome, itself, peers};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version that `ipc-channel/Cargo.toml` names.
const IPC_CHANNEL: &str = "0.23.1";

/// Forks, round trips, messages one way, and messages of 100,000 addresses.
type Load = [usize; 4];
const FULL: Load = [40, 20_000, 1_000_000, 11];
const SHORT: Load = [3, 200, 10_000, 1];

/// Which figure of several rounds counts: the best, since other programs can only make one worse. Of the round trip on all
/// cores it is the median: it is shorter when the system happens to let both processes run on one core.
type Counts = fn(Vec<f64>) -> Option<f64>;

/// What is measured: its name in [`Figures`] and in the table, and what counts.
const MEASURED: [(&str, &str, Counts); 8] = [
    ("fork_ms", "fork until the first message, ms", least),
    ("round_trip_us", "round trip of a small message, µs", middle),
    ("one_core_us", "the same on one core, µs", least),
    ("one_way_millions", "small messages a second, one way, millions (more is better)", most),
    ("addresses_ms", "100,000 addresses there and back, ms", least),
    ("idle_worker_mb", "resident memory of an idle worker, MB", least),
    ("threads", "threads of an idle worker", least),
    ("descriptors", "open descriptors of an idle worker", least),
];

/// Runs every peer on all cores and on one.
pub fn run(bench: &Bench) -> Outcome<Page> {
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
    let (load, rounds) = if bench.short { (SHORT, 1) } else { (FULL, 5) };
    let measured = in_turn(rounds, &programs, |peer| {
        crate::note!("channel: {} …", peer.name);
        let figures = figures_of(peer, load);
        if figures.is_none() {
            crate::note!("{} does not run", peer.name);
        }
        figures
    });
    let measured: Vec<(&str, Vec<Figures>)> = programs.iter().map(|peer| peer.name).zip(measured).collect();
    let mut page = Page::new("channel", &versions);
    let row = |(key, name, _): (&str, &str, Counts)| {
        (name.to_owned(), measured.iter().map(|(peer, _)| of(&measured, peer, key)).collect())
    };
    let names = programs.iter().map(|peer| peer.name.to_owned()).collect();
    page.comparison("bars", "One channel, beside its peers", names, MEASURED.map(row).into());
    targets(&mut page, &measured);
    Ok(page)
}

/// The figure of a peer that counts.
fn of(measured: &[(&str, Vec<Figures>)], peer: &str, key: &str) -> Option<f64> {
    let (_, rounds) = measured.iter().find(|(name, _)| *name == peer)?;
    let (.., counts) = MEASURED.iter().find(|(name, ..)| *name == key)?;
    counts(rounds.iter().filter_map(|figures| *figures.get(key)?).collect())
}

/// A program that measures one peer: it takes the numbers of a [`Load`] and prints [`Figures`] as JSON.
struct Peer {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Peer {
    fn new(name: &'static str, program: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { name, program: program.into(), arguments }
    }
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

/// What the workshop has set out to reach.
fn targets(page: &mut Page, measured: &[(&str, Vec<Figures>)]) {
    let ours = |key| of(measured, "solution 08", key);
    // How many times our figure a peer's is.
    let beside = |peer, key| Some(of(measured, peer, key)? / ours(key)?);
    let inverse = |ratio: Option<f64>| ratio.map(|ratio| 1.0 / ratio);
    page.target("fork until the first message", "under 1.5 ms", ours("fork_ms"));
    page.target("fork, beside Node", "at least 40 times faster", beside("Node", "fork_ms"));
    page.target("fork, beside Bun", "at least 5 times faster", beside("Bun", "fork_ms"));
    let bare = inverse(beside("bare socket pair", "round_trip_us"));
    page.target("round trip, beside the bare socket pair", "at most 1.1 times as long", bare);
    page.target("round trip on one core", "at most 6 µs", ours("one_core_us"));
    page.target("small messages a second", "over 4 million", ours("one_way_millions"));
    let bun = inverse(beside("Bun", "one_way_millions"));
    page.target("small messages, beside Bun", "at least 4 times as many", bun);
    page.target("100,000 addresses", "under 14 ms", ours("addresses_ms"));
    page.target("100,000 addresses, beside Bun", "over 1 times as fast", beside("Bun", "addresses_ms"));
    page.target("memory of an idle worker", "under 4 MB", ours("idle_worker_mb"));
}

/// One peer's figures: those of a run on all cores, and the round trip of a run on one core, where taskset(1)
/// is installed.
fn figures_of(peer: &Peer, load: Load) -> Option<Figures> {
    let numbers = load.map(|number| number.to_string());
    let figures = |command: &mut Command| -> Option<Figures> {
        let output = command.args(&peer.arguments).args(&numbers).stderr(Stdio::inherit()).output().ok()?;
        serde_json::from_slice(&output.stdout).ok()
    };
    let mut all = figures(&mut Command::new(&peer.program))?;
    let pinned = peers::find("taskset")
        .and_then(|taskset| figures(Command::new(taskset).args(["-c", "0"]).arg(&peer.program)));
    all.insert("one_core_us".into(), pinned.and_then(|pinned| *pinned.get("round_trip_us")?));
    Some(all)
}
