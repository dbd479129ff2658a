//! Writing SVG whose width is that of the page around it.
//!
//! Positions from left to right are per cent of the width, heights and letters are pixels. So a picture fits a
//! phone and a desktop alike, and its text has the same size on both.

use std::fmt::Write;

/// The width, in pixels, of the narrowest page that texts must fit.
pub const NARROW: f64 = 335.0;
/// The mean width of a letter of the small font, in pixels.
const LETTER: f64 = 6.3;
/// Between a mark and its text, in pixels.
pub const GAP: f64 = 5.0;

/// How wide a text is, in pixels.
pub fn width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

/// Text as it may stand in SVG. There must be no empty line: Markdown would take it for the end.
pub fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// The beginning of a text, where it is too long.
pub fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

/// A picture that grows downwards.
#[derive(Default)]
pub struct Canvas {
    /// What lies below everything else.
    pub back: String,
    /// The rest.
    pub front: String,
}

impl Canvas {
    /// A rectangle whose other attributes are `look`.
    pub fn rect(&mut self, look: &str, from: f64, to: f64, y: f64, height: f64) {
        let width = (to - from).max(0.0);
        let _ = writeln!(
            self.front,
            r#"<rect {look} x="{from:.2}%" y="{y}" width="{width:.2}%" height="{height}"/>"#
        );
    }

    /// A vertical line whose other attributes are `look`.
    pub fn line(&mut self, look: &str, x: f64, y1: f64, y2: f64) {
        self.front += &line(look, x, y1, y2);
    }

    /// A vertical line below everything else.
    pub fn line_behind(&mut self, look: &str, x: f64, y1: f64, y2: f64) {
        self.back += &line(look, x, y1, y2);
    }

    pub fn text(&mut self, class: &str, (x, dx, anchor): (f64, f64, &str), y: f64, text: &str) {
        let text = escape(text);
        let _ = writeln!(
            self.front,
            r#"<text class="{class}" x="{x:.2}%" dx="{dx}" y="{y}" text-anchor="{anchor}">{text}</text>"#
        );
    }
}

fn line(look: &str, x: f64, y1: f64, y2: f64) -> String {
    format!("<line {look} x1=\"{x:.2}%\" y1=\"{y1}\" x2=\"{x:.2}%\" y2=\"{y2}\"/>\n")
}

/// Finds rows, so that no two things overlap at any width. Each row is a list of spans in pixels.
#[derive(Default)]
pub struct Packer {
    rows: Vec<Vec<(f64, f64)>>,
}

impl Packer {
    /// The first row in which this span is free.
    pub fn row(&mut self, from: f64, to: f64) -> f64 {
        let is_free = |row: &Vec<(f64, f64)>| row.iter().all(|(begin, end)| to <= *begin || *end <= from);
        let row = self.rows.iter().position(is_free).unwrap_or(self.rows.len());
        if row == self.rows.len() {
            self.rows.push(Vec::new());
        }
        self.rows[row].push((from, to));
        row as f64
    }

    /// A row for a text beside the mark at `x` per cent, and its place: on the mark's right where there is room, else on its
    /// left. A text that fits nowhere is cut.
    pub fn beside(&mut self, x: f64, text: &str) -> (f64, String, (f64, f64, &'static str)) {
        let at = x * NARROW / 100.0;
        let (left, right) = (at - GAP, NARROW - at - GAP);
        let text = cut(text, (left.max(right) / LETTER) as usize);
        let width = width(&text);
        let (dx, anchor, from) =
            if width <= right { (GAP, "start", at) } else { (-GAP, "end", left - width) };
        (self.row(from, from + GAP + width + GAP), text, (x, dx, anchor))
    }

    /// How many rows there are.
    pub fn rows(&self) -> f64 {
        self.rows.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_at_one_place_get_rows_of_their_own() {
        let mut packer = Packer::default();
        let rows = [(10.0, "one"), (11.0, "two"), (60.0, "three")].map(|(x, text)| packer.beside(x, text).0);
        assert_eq!(rows, [0.0, 1.0, 0.0]);
        assert_eq!(packer.beside(95.0, "at the right edge").2.2, "end");
    }

    #[test]
    fn what_a_program_says_is_no_markup() {
        assert_eq!(escape("<b a=\"1\">\n\n&"), "&lt;b a=&quot;1&quot;&gt;  &amp;");
    }
}
