//! Charts as SVG, written by hand: a few kilobytes each, and no crate to compile.
//!
//! A chart has a background of its own, so it can be read whatever the page's theme is. Bars and lines differ by
//! shade, dashes and marks, never by colour alone, and every bar says its figure and its ratio.

use crate::report::{Table, number};

const WIDTH: f64 = 480.0;
const STYLE: &str = "<style>\
    rect.page{fill:#fff;stroke:#c8ccd2}\
    text{font:13px system-ui,sans-serif;fill:#1c1f26}\
    .h{font-weight:600}.s{font-size:11px}\
    .ours{fill:#14519c}.peer{fill:#a3acb8}.grid{stroke:#dfe2e7}.axis{stroke:#6b7480}\
    .l{fill:none;stroke-width:2}.l0{stroke:#14519c}.l1{stroke:#8a5a00;stroke-dasharray:7 4}\
    .l2{stroke:#5f6875;stroke-dasharray:2 3}.m0{fill:#14519c}.m1{fill:#8a5a00}.m2{fill:#5f6875}\
    @media(prefers-color-scheme:dark){rect.page{fill:#1c1f26;stroke:#454c58}text{fill:#e8eaed}\
    .ours{fill:#74b0f7}.peer{fill:#6b7480}.grid{stroke:#343a45}.axis{stroke:#9aa3af}\
    .l0{stroke:#74b0f7}.l1{stroke:#e0b050}.l2{stroke:#aab2bd}.m0{fill:#74b0f7}.m1{fill:#e0b050}.m2{fill:#aab2bd}}\
    </style>";

/// A panel of bars for each row of a table.
pub fn bars(title: &str, table: &Table) -> String {
    const BAR_X: f64 = 150.0;
    const BAR_WIDTH: f64 = 180.0;
    let (mut body, mut described, mut y) = (String::new(), String::new(), 40.0);
    text(&mut body, 14.0, 30.0, HEADING, title);
    for row in &table.rows {
        let (name, values) = row;
        y += 22.0;
        text(&mut body, 14.0, y, r#"class="h s""#, name);
        let longest = values.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
        let bars = table.head[1..].iter().zip(values).zip(table.cells(row));
        for (index, ((peer, value), label)) in bars.enumerate() {
            let Some(value) = *value else { continue };
            y += 18.0;
            let (class, top) = (if index == 0 { "ours" } else { "peer" }, y - 11.0);
            let length = (value / longest * BAR_WIDTH).max(1.0);
            text(&mut body, 14.0, y, SMALL, peer);
            body +=
                &format!(r#"<rect class="{class}" x="{BAR_X}" y="{top}" width="{length:.1}" height="13"/>"#);
            text(&mut body, BAR_X + length + 6.0, y, SMALL, &label);
            described += &format!("{name}, {peer}: {label}. ");
        }
    }
    document(title, &described, y + 16.0, &body)
}

/// A line of a chart: what it is called, in a few letters, and its points from left to right.
type Line = (&'static str, Vec<(f64, f64)>);

/// How an axis runs.
#[derive(Clone, Copy)]
pub struct Axis {
    /// What it measures, with its unit.
    pub name: &'static str,
    /// Each step multiplies by so much.
    pub step: f64,
    /// How a number on it is written.
    pub label: fn(f64) -> String,
}

/// A number on an axis, such as 0.01 or 1,000.
pub fn plain(value: f64) -> String {
    if value >= 1.0 || value == 0.0 {
        return number(value.round());
    }
    let digits = (-value.log10()).ceil().max(0.0) as usize;
    format!("{value:.digits$}")
}

/// The plot's area.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 372.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 262.0;

/// Lines, on scales that multiply.
pub fn lines(title: &str, [x, y]: [Axis; 2], lines: &[Line]) -> String {
    let mut body = String::new();
    text(&mut body, 14.0, 30.0, HEADING, title);
    text(&mut body, 14.0, 50.0, SMALL, y.name);
    let all = || lines.iter().flat_map(|(_, points)| points);
    let xs = Scale::new(x, all().map(|point| point.0), LEFT, RIGHT);
    let ys = Scale::new(y, all().map(|point| point.1), BOTTOM, TOP);
    for tick in xs.ticks() {
        let at = xs.at(tick);
        body += &format!(r#"<path class="grid" d="M{at:.1} {TOP}V{BOTTOM}"/>"#);
        text(&mut body, at, BOTTOM + 16.0, CENTRED, &(x.label)(tick));
    }
    for tick in ys.ticks() {
        let at = ys.at(tick);
        body += &format!(r#"<path class="grid" d="M{LEFT} {at:.1}H{RIGHT}"/>"#);
        text(&mut body, LEFT - 6.0, at + 4.0, r#"class="s" text-anchor="end""#, &(y.label)(tick));
    }
    body += &format!(r#"<path class="axis" fill="none" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>"#);
    text(&mut body, (LEFT + RIGHT) / 2.0, BOTTOM + 34.0, CENTRED, x.name);
    let mut described = String::new();
    for (index, (name, points)) in lines.iter().enumerate() {
        let at: Vec<(f64, f64)> = points.iter().map(|(x, y)| (xs.at(*x), ys.at(*y))).collect();
        line(&mut body, index, &at);
        let points = points.iter().map(|(at, value)| format!("{} {}", (x.label)(*at), number(*value)));
        described += &format!("{name}: {}. ", points.collect::<Vec<_>>().join(", "));
    }
    names(&mut body, lines, &ys);
    document(title, &described, BOTTOM + 48.0, &body)
}

/// One line and its marks: a dot, a square, a diamond.
fn line(body: &mut String, index: usize, points: &[(f64, f64)]) {
    let path = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect::<Vec<_>>().join("L");
    *body += &format!(r#"<path class="l l{index}" d="M{path}"/>"#);
    for (x, y) in points {
        *body += &match index {
            0 => format!(r#"<circle class="m0" cx="{x:.1}" cy="{y:.1}" r="3.5"/>"#),
            1 => format!(r#"<path class="m1" d="M{:.1} {:.1}h7v7h-7z"/>"#, x - 3.5, y - 3.5),
            _ => format!(r#"<path class="m2" d="M{x:.1} {:.1}l4.5 4.5-4.5 4.5-4.5-4.5z"/>"#, y - 4.5),
        };
    }
}

/// The lines' names at their ends, moved apart where they would lie over each other.
fn names(body: &mut String, lines: &[Line], ys: &Scale) {
    let end = |points: &[(f64, f64)]| points.last().map_or(BOTTOM, |point| ys.at(point.1));
    let mut ends: Vec<(f64, &str)> = lines.iter().map(|(name, points)| (end(points), *name)).collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lowest = TOP - 20.0;
    for (y, name) in ends {
        lowest = (y + 4.0).max(lowest + 15.0);
        text(body, RIGHT + 8.0, lowest, SMALL, name);
    }
}

/// Where a number lies on an axis.
struct Scale {
    axis: Axis,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn new(axis: Axis, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (least, most) =
            values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let power = |value: f64| value.max(1e-9).ln() / axis.step.ln();
        let low = axis.step.powf((power(least) + 1e-6).floor());
        let high = axis.step.powf((power(most) - 1e-6).ceil());
        Self { axis, low, high: high.max(low * axis.step), from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + part * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        let count = ((self.high / self.low).ln() / self.axis.step.ln()).round() as i32;
        let every = (count / 7 + 1) as usize;
        (0..=count).step_by(every).map(|power| self.low * self.axis.step.powi(power)).collect()
    }
}

/// Attributes of text.
const HEADING: &str = r#"class="h""#;
const SMALL: &str = r#"class="s""#;
const CENTRED: &str = r#"class="s" text-anchor="middle""#;

fn text(body: &mut String, x: f64, y: f64, attributes: &str, words: &str) {
    *body += &format!(r#"<text {attributes} x="{x:.1}" y="{y:.1}">{}</text>"#, escaped(words));
}

fn document(title: &str, described: &str, height: f64, body: &str) -> String {
    let (title, described) = (escaped(title), escaped(described.trim_end()));
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"><title>{title}</title><desc>{described}</desc>{STYLE}<rect class="page" x=".5" y=".5" width="{}" height="{}" rx="6"/>{body}</svg>
"#,
        WIDTH - 1.0,
        height - 1.0
    )
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;")
}
