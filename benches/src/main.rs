//! Measures the channel of solution 08 beside its peers, all in one run.
//!
//! `cargo run --release --package benches [-- --short]` prints a table in Markdown. The peers are the JavaScript
//! runtimes that are installed (one program, `channel.mjs`, runs on all of them) and a bare socket pair with
//! blocking reads and no JSON, which is the limit of what the machine can do.

mod bare;
mod ours;
mod report;

use report::{Figures, Peer};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// How much of everything is done. The JavaScript program takes the same numbers.
#[derive(Clone, Copy)]
struct Load {
    forks: usize,
    round_trips: usize,
    one_way: usize,
    large: usize,
}

const FULL: Load = Load { forks: 40, round_trips: 20_000, one_way: 1_000_000, large: 11 };
const SHORT: Load = Load { forks: 3, round_trips: 200, one_way: 10_000, large: 1 };

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["child", "ours"] => ours::child(),
        ["child", "bare"] => bare::child(),
        ["parent", "ours", load @ ..] => print(&ours::measure(&parse(load))),
        ["parent", "bare", load @ ..] => print(&bare::measure(&parse(load))),
        [] => compare(FULL),
        ["--short"] => compare(SHORT),
        _ => {
            eprintln!("error: cannot understand the arguments: use no argument, or --short");
            ExitCode::from(2)
        }
    }
}

/// Runs every peer on both cores and on one, and prints the table.
fn compare(load: Load) -> ExitCode {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("channel.mjs").display().to_string();
    let itself = env::current_exe().unwrap_or_default();
    let mut peers = Vec::new();
    let runtimes = [("Node", "node"), ("Bun", "bun"), ("Deno", "deno")];
    let mut measure = |name: &str, program: &Path, arguments: &[&str]| {
        eprintln!("measuring {name} …");
        if let Some(figures) = run(program, arguments, load) {
            peers.push(Peer { name: name.to_owned(), figures });
        }
    };
    measure("solution 08", &itself, &["parent", "ours"]);
    for (name, program) in runtimes {
        if let Some(program) = find(program) {
            let flags: &[&str] = if name == "Deno" { &["run", "--allow-all"] } else { &[] };
            measure(name, &program, &[flags, &[&script]].concat());
        }
    }
    measure("bare socket pair", &itself, &["parent", "bare"]);
    println!("{}", report::table(&peers));
    ExitCode::SUCCESS
}

/// One peer's figures: those of a run on all cores, and the round trip of a run on one core, where taskset(1)
/// is installed.
fn run(program: &Path, arguments: &[&str], load: Load) -> Option<Figures> {
    let numbers = [load.forks, load.round_trips, load.one_way, load.large].map(|number| number.to_string());
    let figures = |command: &mut Command| -> Option<Figures> {
        let output = command.args(arguments).args(&numbers).stderr(Stdio::inherit()).output().ok()?;
        serde_json::from_slice(&output.stdout).ok()
    };
    let mut all = figures(&mut Command::new(program))?;
    let pinned =
        find("taskset").and_then(|taskset| figures(Command::new(taskset).args(["-c", "0"]).arg(program)));
    all.round_trip_one_core_us = pinned.map(|pinned| pinned.round_trip_us);
    Some(all)
}

/// Looks a program up in `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn parse(load: &[&str]) -> Load {
    let number = |index: usize| load.get(index).and_then(|text| text.parse().ok()).unwrap_or(1);
    Load { forks: number(0), round_trips: number(1), one_way: number(2), large: number(3) }
}

fn print(figures: &Figures) -> ExitCode {
    match serde_json::to_string(figures) {
        Ok(line) => println!("{line}"),
        Err(error) => eprintln!("error: cannot write the figures: {error}"),
    }
    ExitCode::SUCCESS
}
