//! What a group has measured, as a file in Markdown and its charts.

use crate::chart::{self, Axis};
use crate::peer::median;
use crate::{Outcome, machine};
use std::fs;
use std::path::Path;

/// One thing that was measured, with its unit, and the figures. One that is missing is `None`.
pub type Row = (String, Vec<Option<f64>>);

/// Figures in rows and columns.
pub struct Table {
    /// What the first column says, and what the figures of each other column are.
    pub head: Vec<String>,
    /// The figures.
    pub rows: Vec<Row>,
    /// Whether the first figure of each row is ours, and the others are those of peers.
    pub compares: bool,
}

impl Table {
    /// What the cells of a row say; in brackets, how many times our figure a peer's is.
    pub fn cells(&self, (_, values): &Row) -> Vec<String> {
        let ours = values.first().copied().flatten().filter(|ours| self.compares && *ours > 0.0);
        let cell = |(index, value): (usize, &Option<f64>)| match (value, ours) {
            (None, _) => String::new(),
            (Some(value), Some(ours)) if index > 0 => {
                format!("{} ({} x)", number(*value), number(value / ours))
            }
            (Some(value), _) => number(*value),
        };
        values.iter().enumerate().map(cell).collect()
    }

    fn markdown(&self) -> String {
        let mut lines = vec![format!("| {} |", self.head.join(" | "))];
        lines.push(format!("|---|{}", "---:|".repeat(self.head.len() - 1)));
        let line = |row: &Row| format!("| {} | {} |", row.0, self.cells(row).join(" | "));
        lines.extend(self.rows.iter().map(line));
        lines.join("\n") + "\n\n"
    }
}

/// Which of a row's figures is shown, or what is made of them.
type Show = fn(&[Option<f64>]) -> Option<f64>;

/// How figures grow with something else: a chart of lines, and a table of all figures.
pub struct Growth {
    /// What the chart is called.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The axes, from left to right and upwards.
    pub axes: [Axis; 2],
    /// What each column of the table is called: first what grows, then the figures.
    pub head: Vec<&'static str>,
    /// Whether the columns are us and our peers.
    pub compares: bool,
    /// The chart's lines: a name in a few letters, and which of the figures it shows.
    pub lines: Vec<(&'static str, Show)>,
    /// How large it was, and the figures.
    pub points: Vec<(f64, Vec<Option<f64>>)>,
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
fn thousands(number: u64) -> String {
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
    targets: String,
}

impl Page {
    /// An empty page of a group. `versions` names the peers.
    pub fn new(group: &'static str, versions: &[String]) -> Self {
        let versions = if versions.is_empty() { String::new() } else { format!(": {}", versions.join(", ")) };
        let machine = machine::description();
        let body = format!("*Measured on {machine}, with `cargo xtask bench {group}`{versions}.*\n\n");
        Self { group, body, charts: Vec::new(), targets: String::new() }
    }

    /// A paragraph.
    pub fn text(&mut self, paragraph: &str) {
        self.body += paragraph;
        self.body += "\n\n";
    }

    /// A table that compares us with our peers, and a chart of its rows.
    pub fn comparison(&mut self, name: &str, title: &str, peers: Vec<String>, rows: Vec<Row>) {
        let head = [vec!["measured".to_owned()], peers].concat();
        let table = Table { head, rows, compares: true };
        self.chart(name, title, chart::bars(title, &table));
        self.body += &table.markdown();
    }

    /// A table whose columns are not to be compared with each other.
    pub fn table(&mut self, head: &[&str], rows: Vec<Row>) {
        let head = head.iter().map(|word| (*word).to_owned()).collect();
        self.body += &Table { head, rows, compares: false }.markdown();
    }

    /// A chart of lines, and the table of its figures.
    pub fn growth(&mut self, growth: Growth) {
        let Growth { name, title, axes, head, compares, lines, points } = growth;
        let line = |show: Show| points.iter().filter_map(|(x, values)| Some((*x, show(values)?))).collect();
        let lines: Vec<_> = lines.into_iter().map(|(name, show)| (name, line(show))).collect();
        self.chart(name, title, chart::lines(title, axes, &lines));
        let rows = points.into_iter().map(|(x, values)| ((axes[0].label)(x), values)).collect();
        let head = head.into_iter().map(str::to_owned).collect();
        self.body += &Table { head, rows, compares }.markdown();
    }

    fn chart(&mut self, name: &str, title: &str, svg: String) {
        let file = format!("{}-{name}.svg", self.group);
        self.text(&format!("![{title}: the figures are in the table below](figures/{file})"));
        self.charts.push((file, svg));
    }

    /// What was to be reached, what was reached, and whether that is enough. A goal is "under", "over", "at most" or
    /// "at least", a number, and a unit.
    pub fn target(&mut self, what: &str, goal: &str, measured: Option<f64>) {
        let words: Vec<&str> = goal.split(' ').collect();
        let at = words.iter().position(|word| word.parse::<f64>().is_ok()).expect("a goal has a number");
        let (limit, unit) = (words[at].parse::<f64>().unwrap_or_default(), words[at + 1..].join(" "));
        let (measured, met) = match measured {
            Some(value) => {
                let met = match words[..at].join(" ").as_str() {
                    "under" => value < limit,
                    "over" => value > limit,
                    "at most" => value <= limit,
                    "at least" => value >= limit,
                    other => panic!("{other:?} is not how a goal begins"),
                };
                (format!("{} {unit}", number(value)), if met { "yes" } else { "**no**" })
            }
            None => ("not measured".into(), ""),
        };
        self.targets += &format!("| {what} | {goal} | {} | {met} |\n", measured.trim_end());
    }

    /// Writes the page and its charts.
    pub fn write(self, folder: &Path) -> Outcome<()> {
        let mut body = self.body;
        if !self.targets.is_empty() {
            body += "| to reach | goal | measured | met |\n|---|---|---:|---|\n";
            body += &self.targets;
        }
        let page = (format!("{}.md", self.group), body.trim_end().to_owned() + "\n");
        fs::create_dir_all(folder)?;
        for (file, text) in self.charts.into_iter().chain([page]) {
            let cannot = |error| format!("cannot write to {}: {error}", folder.display());
            fs::write(folder.join(file), text).map_err(cannot)?;
        }
        Ok(())
    }
}

/// Measures everybody `rounds` times, and gives what came of it, by round. In each round all of them have their turn:
/// what else happens on the machine, for a second or for a minute, shall not count for one of them alone.
pub fn in_turn<P, T>(rounds: usize, peers: &[P], mut measure: impl FnMut(&P) -> Option<T>) -> Vec<Vec<T>> {
    let mut measured: Vec<Vec<T>> = peers.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (peer, measured) in peers.iter().zip(&mut measured) {
            measured.extend(measure(peer));
        }
    }
    measured
}

/// The least of some measurements: other programs can only make a time longer.
pub fn least(values: Vec<f64>) -> Option<f64> {
    values.into_iter().min_by(f64::total_cmp)
}

/// The most of some measurements: other programs can only make a rate lower.
pub fn most(values: Vec<f64>) -> Option<f64> {
    values.into_iter().max_by(f64::total_cmp)
}

/// The median of some measurements.
pub fn middle(values: Vec<f64>) -> Option<f64> {
    (!values.is_empty()).then(|| median(values))
}

/// The median, the value that 99 of 100 measurements do not exceed, and the most.
pub fn percentiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [50.0, 99.0, 100.0].map(|percent| {
        let rank = (values.len() as f64 * percent / 100.0).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    })
}
