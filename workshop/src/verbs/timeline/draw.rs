//! From what was seen to a picture: time runs from left to right, the lanes stand one below the other.

use super::record::{Bar, Kind, Lane, Part, Record, Way};
use super::svg::{Canvas, GAP, NARROW, Packer, escape, width};
use std::time::Instant;

const BAR: f64 = 22.0;
/// Bars in rows have a little room between them.
const BAR_ROW: f64 = 24.0;
const TEXT_ROW: f64 = 16.0;
const SPACE: f64 = 12.0;
/// Free room on both sides, per cent.
const MARGIN: f64 = 1.0;
/// How far a reply's arrow is from that of its message, at the least, per cent.
const BESIDE: f64 = 1.2;
/// The grid and the end of the picture are multiples of this.
const TICK_MS: f64 = 200.0;
/// A picture whose last moments are shorter than this ends on the line of the grid before them.
const BEHIND_MS: f64 = 60.0;
/// Where the grid begins, below the numbers.
const TOP: f64 = 40.0;

/// Draws a run as SVG. `description` is for those who don't see it, and `id` must be unlike that of other pictures on a page.
pub fn draw(record: &Record, title: &str, id: &str, description: &str) -> String {
    let ticks = ((record.ms(record.end) - BEHIND_MS) / TICK_MS).ceil().max(1.0);
    let mut picture = Picture {
        record,
        id,
        canvas: Canvas::default(),
        y: TOP + 8.0,
        end_ms: ticks * TICK_MS,
        bars: Vec::new(),
        kinds: Vec::new(),
    };
    picture.head(title);
    record.lanes.iter().for_each(|lane| picture.lane(lane));
    picture.grid();
    picture.legend();
    picture.finish(title, description)
}

struct Picture<'a> {
    record: &'a Record,
    id: &'a str,
    canvas: Canvas,
    /// Where the next thing goes.
    y: f64,
    end_ms: f64,
    /// The bar of each thread: its number, and where it lies.
    bars: Vec<(u32, f64)>,
    /// What the legend has to explain.
    kinds: Vec<Kind>,
}

impl Picture<'_> {
    fn x(&self, at: Instant) -> f64 {
        self.x_ms(self.record.ms(at))
    }

    fn x_ms(&self, ms: f64) -> f64 {
        MARGIN + (100.0 - 2.0 * MARGIN) * ms.min(self.end_ms) / self.end_ms
    }

    /// Every multiple of `step` up to the end.
    fn multiples(&self, step: f64) -> impl Iterator<Item = f64> + use<> {
        let end = self.end_ms;
        (0u32..).map(move |number| f64::from(number) * step).take_while(move |ms| *ms <= end)
    }

    fn head(&mut self, title: &str) {
        self.canvas.text("head", (MARGIN, 0.0, "start"), 14.0, title);
        // Few labels, so that they fit a phone.
        for ms in self.multiples(TICK_MS * (self.end_ms / TICK_MS / 6.0).ceil()) {
            // One unit is enough.
            let (anchor, unit) = match ms {
                0.0 => ("start", " ms"),
                _ if ms + TICK_MS > self.end_ms => ("end", ""),
                _ => ("middle", ""),
            };
            self.canvas.text("", (self.x_ms(ms), 0.0, anchor), TOP - 4.0, &format!("{ms}{unit}"));
        }
    }

    fn lane(&mut self, lane: &Lane) {
        self.y += TEXT_ROW;
        self.canvas.text("lane", (MARGIN, 0.0, "start"), self.y - 4.0, &lane.name);
        let bars = self.notes(lane);
        let mut rows = Packer::default();
        for bar in &lane.bars {
            let [from, to] = [bar.begin, bar.end].map(|at| self.x(at) * NARROW / 100.0);
            // A request's text may stand beside its bar.
            let is_request = bar.parts.iter().any(|part| part.kind == Kind::Waits);
            let row = if is_request { rows.row(0.0, NARROW) } else { rows.row(from, to) };
            self.bar(bar, bars + BAR_ROW * row);
        }
        self.bars.extend(lane.thread.map(|(id, _)| (id, bars)));
        self.y = bars + BAR_ROW * rows.rows() + SPACE;
    }

    /// Draws the notes of a lane above its bars, with arrows from or to the parent's lane. Returns where the bars begin.
    fn notes(&mut self, lane: &Lane) -> f64 {
        let mut rows = Packer::default();
        let places: Vec<_> = lane.notes.iter().map(|note| rows.beside(self.x(note.at), &note.text)).collect();
        let bars = self.y + TEXT_ROW * rows.rows();
        let parent = lane.thread.and_then(|(_, parent)| self.bars.iter().find(|(id, _)| *id == parent));
        let far = parent.map_or(self.y, |(_, y)| y + BAR);
        let arrow = format!("class=\"msg\" marker-end=\"url(#{}-tip)\"", self.id);
        let mut down = f64::NEG_INFINITY;
        for (note, (row, text, place)) in lane.notes.iter().zip(places) {
            let y = self.y + TEXT_ROW * (row + 1.0) - 4.0;
            match note.way {
                Way::Down => {
                    down = place.0;
                    self.canvas.line_behind(&arrow, down, far, bars - 1.0);
                }
                // A reply may come so soon that its arrow would cover the message's.
                Way::Up => self.canvas.line_behind(&arrow, place.0.max(down + BESIDE), bars, far + 1.0),
                Way::Here if lane.bars.is_empty() => {
                    self.canvas.line("class=\"cap\"", place.0, y - 10.0, y + 2.0);
                }
                Way::Here => self.canvas.line("class=\"cap\"", place.0, bars - 5.0, bars + BAR + 3.0),
            }
            self.canvas.text("in", place, y, &text);
        }
        bars
    }

    fn bar(&mut self, bar: &Bar, y: f64) {
        self.canvas.rect("class=\"life\"", self.x(bar.begin), self.x(bar.end), y, BAR);
        for part in &bar.parts {
            self.kinds.push(part.kind);
            let inset = if part.kind == Kind::Runs { 1.0 } else { 3.0 };
            let look = self.look(part.kind);
            self.canvas.rect(&look, self.x(part.begin), self.x(part.end), y + inset, BAR - 2.0 * inset);
        }
        for (begin, end, part) in bar.labels() {
            self.label(self.x(begin), self.x(end), part, y + BAR - 6.5);
        }
    }

    fn look(&self, kind: Kind) -> String {
        let class = Kind::ALL.iter().find(|(other, ..)| *other == kind).map_or("", |(_, class, _)| class);
        let fill = match kind {
            Kind::Blocked | Kind::Thinks => format!(" fill=\"url(#{}-{class})\"", self.id),
            _ => String::new(),
        };
        format!("class=\"{class}\"{fill}")
    }

    /// As much text as fits into the bar. That of a request stands beside it, if need be.
    fn label(&mut self, from: f64, to: f64, part: &Part, y: f64) {
        let pixels = |per_cent: f64| per_cent * NARROW / 100.0;
        let fits = |text: &String| width(text) + 2.0 * GAP <= pixels(to - from);
        if let Some(text) = [part.text(), part.short.clone()].iter().find(|text| fits(text)) {
            self.canvas.text("in", ((from + to) / 2.0, 0.0, "middle"), y, text);
        } else if part.kind == Kind::Waits {
            let is_room = pixels(to) + GAP + width(&part.short) <= NARROW;
            let place = if is_room { (to, GAP, "start") } else { (from, -GAP, "end") };
            self.canvas.text("in", place, y, &part.short);
        }
    }

    fn grid(&mut self) {
        for ms in self.multiples(TICK_MS) {
            self.canvas.line_behind("class=\"grid\"", self.x_ms(ms), TOP, self.y - 4.0);
        }
        self.y += 4.0;
    }

    fn legend(&mut self) {
        for (kind, _, meaning) in Kind::ALL.iter().filter(|(kind, ..)| self.kinds.contains(kind)) {
            let (y, look) = (self.y, self.look(*kind));
            self.canvas.front += &format!(
                "<svg x=\"{MARGIN}%\" y=\"{y}\" width=\"30\" height=\"14\"><rect class=\"life\" width=\"30\" \
                 height=\"14\"/><rect {look} x=\"2\" y=\"2\" width=\"26\" height=\"10\"/></svg>\n"
            );
            self.canvas.text("", (MARGIN, 38.0, "start"), y + 11.0, meaning);
            self.y += 19.0;
        }
    }

    fn finish(self, title: &str, description: &str) -> String {
        let (id, height, css) = (self.id, self.y.ceil(), include_str!("picture.css"));
        let (title, description) = (escape(title), escape(description));
        let Canvas { back, front } = self.canvas;
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" class="timeline" role="img" width="100%" height="{height}" style="height:{height}px">
<title>Timeline: {title}</title>
<desc>{description}</desc>
<style>
{css}</style>
<defs>
<pattern id="{id}-blocked" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="tint" width="7" height="7"/><line class="hatch" x1="0" y1="0" x2="0" y2="7"/></pattern>
<pattern id="{id}-thinks" width="6" height="6" patternUnits="userSpaceOnUse"><line class="stripe" x1="3" y1="0" x2="3" y2="6"/></pattern>
<marker id="{id}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker>
</defs>
{back}{front}</svg>
"##
        )
    }
}
