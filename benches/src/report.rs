//! The figures and their table.

use serde::{Deserialize, Serialize};

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
}

/// A peer and its figures.
pub struct Peer {
    /// What the table calls it.
    pub name: String,
    /// What was measured.
    pub figures: Figures,
}

type Row = (&'static str, fn(&Figures) -> Option<f64>);

const ROWS: [Row; 6] = [
    ("fork until the first message, ms", |figures| figures.fork_ms),
    ("round trip of a small message, µs", |figures| Some(figures.round_trip_us)),
    ("the same on one core, µs", |figures| figures.round_trip_one_core_us),
    ("small messages a second, one way, millions", |figures| Some(figures.one_way_per_second / 1e6)),
    ("100,000 addresses there and back, ms", |figures| figures.addresses_ms),
    ("resident memory of an idle worker, MB", |figures| figures.idle_worker_mb),
];

/// A table in Markdown: a column for each peer, and in brackets the ratio to the first one.
pub fn table(peers: &[Peer]) -> String {
    let names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
    let mut lines = vec![format!("| | {} |", names.join(" | "))];
    lines.push(format!("|---|{}", "---:|".repeat(peers.len())));
    for (name, figure) in ROWS {
        let ours = peers.first().and_then(|peer| figure(&peer.figures));
        let cells: Vec<String> = peers.iter().map(|peer| cell(figure(&peer.figures), ours)).collect();
        lines.push(format!("| {name} | {} |", cells.join(" | ")));
    }
    lines.join("\n")
}

fn cell(figure: Option<f64>, ours: Option<f64>) -> String {
    let number = |value: f64| if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    match (figure, ours) {
        (None, _) => String::new(),
        (Some(value), Some(ours)) if ours > 0.0 && value != ours => {
            format!("{} ({} x)", number(value), number(value / ours))
        }
        (Some(value), _) => number(value),
    }
}

/// The middle one of some measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
