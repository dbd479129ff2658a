//! What a group has measured, as a file in Markdown and its charts.

use crate::chart;
use crate::machine;
use std::fs;
use std::io;
use std::path::Path;

/// Figures side by side: a column for each peer, the first one is ours.
pub struct Table {
    /// What is compared, as the first column says; often empty.
    pub corner: &'static str,
    /// The peers' names.
    pub peers: Vec<String>,
    /// The figures.
    pub rows: Vec<Row>,
}

/// One thing that was measured of every peer. A figure that a peer does not have is `None`.
pub struct Row {
    /// What it is, with its unit.
    pub name: String,
    /// The figures, in the order of the peers.
    pub values: Vec<Option<f64>>,
}

impl Table {
    /// A table in Markdown; in brackets, how many times our figure a peer's is.
    fn markdown(&self) -> String {
        let mut lines = vec![format!("| {} | {} |", self.corner, self.peers.join(" | "))];
        lines.push(format!("|---|{}", "---:|".repeat(self.peers.len())));
        for row in &self.rows {
            let ours = row.values.first().copied().flatten();
            let cells: Vec<String> =
                row.values.iter().enumerate().map(|(index, value)| cell(*value, ours, index == 0)).collect();
            lines.push(format!("| {} | {} |", row.name, cells.join(" | ")));
        }
        lines.join("\n") + "\n"
    }
}

fn cell(value: Option<f64>, ours: Option<f64>, is_ours: bool) -> String {
    let Some(value) = value else { return String::new() };
    match ratio(value, ours) {
        Some(ratio) if !is_ours => format!("{} ({ratio})", number(value)),
        _ => number(value),
    }
}

/// "3.1 x": so many times our figure.
pub fn ratio(value: f64, ours: Option<f64>) -> Option<String> {
    ours.filter(|ours| *ours > 0.0).map(|ours| format!("{} x", number(value / ours)))
}

/// A number with as many digits as one can take in.
pub fn number(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 => thousands(value as u64),
        value if value < 0.1 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => thousands(value.round() as u64),
    }
}

/// A whole number with a comma between thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A file of figures in the making.
pub struct Page {
    group: &'static str,
    body: String,
    charts: Vec<(String, String)>,
    targets: Vec<String>,
}

impl Page {
    /// An empty page of a group. `versions` names the peers.
    pub fn new(group: &'static str, versions: &[String]) -> Self {
        let mut body = format!("*Measured on {}, with `cargo xtask bench {group}`", machine::description());
        if !versions.is_empty() {
            body += &format!(": {}", versions.join(", "));
        }
        body += ".*\n\n";
        Self { group, body, charts: Vec::new(), targets: Vec::new() }
    }

    /// A paragraph.
    pub fn text(&mut self, paragraph: &str) {
        self.body += paragraph;
        self.body += "\n\n";
    }

    /// A table, and a chart of its rows.
    pub fn table(&mut self, name: &str, title: &str, table: &Table) {
        self.chart(name, title, &chart::bars(title, table));
        self.plain_table(table);
    }

    /// A table alone.
    pub fn plain_table(&mut self, table: &Table) {
        self.body += &table.markdown();
        self.body += "\n";
    }

    /// A table whose columns are not to be compared with each other.
    pub fn raw_table(&mut self, head: &[&str], rows: &[Row]) {
        self.body += &format!("| {} |\n|---|{}\n", head.join(" | "), "---:|".repeat(head.len() - 1));
        for row in rows {
            let cells = row.values.iter().map(|value| value.map_or_else(String::new, number));
            self.body += &format!("| {} | {} |\n", row.name, cells.collect::<Vec<_>>().join(" | "));
        }
        self.body += "\n";
    }

    /// A chart. Its figures should stand in a table too.
    pub fn chart(&mut self, name: &str, alternative: &str, svg: &str) {
        let file = format!("{}-{name}.svg", self.group);
        self.body += &format!("![{alternative}: the figures are in the table below](figures/{file})\n\n");
        self.charts.push((file, svg.to_owned()));
    }

    /// What was to be reached, what was reached, and whether that is enough.
    pub fn target(&mut self, what: &str, goal: &str, measured: Option<f64>, unit: &str, met: bool) {
        let (measured, met) = match measured {
            Some(value) => (format!("{}{unit}", number(value)), if met { "yes" } else { "**no**" }),
            None => ("not measured".into(), ""),
        };
        self.targets.push(format!("| {what} | {goal} | {measured} | {met} |\n"));
    }

    /// Writes the page and its charts.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut body = self.body;
        if !self.targets.is_empty() {
            body += "| to reach | goal | measured | met |\n|---|---|---:|---|\n";
            body += &self.targets.concat();
        }
        for (file, svg) in &self.charts {
            fs::write(folder.join(file), svg)?;
        }
        fs::write(folder.join(format!("{}.md", self.group)), body.trim_end().to_owned() + "\n")
    }
}

/// The middle one of some measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The value that so many of 100 measurements do not exceed.
pub fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * percent / 100.0).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
