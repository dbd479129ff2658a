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
    pub fn rect(&mut self, class: &str, from: f64, to: f64, y: f64, height: f64) {
        let width = (to - from).max(0.0);
        let _ = writeln!(
            self.front,
            r#"<rect class="{class}" x="{from:.2}%" y="{y}" width="{width:.2}%" height="{height}"/>"#
        );
    }

    /// A vertical line below everything else, from one lane to another. It has a tip at its second end.
    pub fn arrow(&mut self, tip: &str, x: f64, y1: f64, y2: f64) {
        let _ = writeln!(
            self.back,
            r#"<line class="msg" marker-end="url(#{tip})" x1="{x:.2}%" y1="{y1}" x2="{x:.2}%" y2="{y2}"/>"#
        );
    }

    /// A vertical line.
    pub fn line(&mut self, class: &str, x: f64, y1: f64, y2: f64) {
        let _ =
            writeln!(self.front, r#"<line class="{class}" x1="{x:.2}%" y1="{y1}" x2="{x:.2}%" y2="{y2}"/>"#);
    }

    pub fn text(&mut self, class: &str, x: f64, dx: f64, y: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ = writeln!(
            self.front,
            r#"<text class="{class}" x="{x:.2}%" dx="{dx}" y="{y}" text-anchor="{anchor}">{text}</text>"#
        );
    }
}

/// Which part of a text stands at its position.
#[derive(Clone, Copy, PartialEq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Finds places for texts beside their marks, so that no two overlap at any width.
#[derive(Default)]
pub struct Packer {
    rows: Vec<Vec<(f64, f64)>>,
}

/// Where a text goes.
pub struct Place {
    pub text: String,
    pub row: usize,
    pub x: f64,
    pub dx: f64,
    pub anchor: Anchor,
}

impl Packer {
    /// A place for a text beside the mark at `x` per cent: on its right where there is room, else on its left. A
    /// text that fits nowhere is cut.
    pub fn place(&mut self, x: f64, text: &str) -> Place {
        let at = x * NARROW / 100.0;
        let (left, right) = (at - GAP, NARROW - at - GAP);
        let text = cut(text, (left.max(right) / LETTER) as usize);
        let width = width(&text);
        let (dx, anchor, from) =
            if width <= right { (GAP, Anchor::Start, at) } else { (-GAP, Anchor::End, left - width) };
        let span = (from, from + GAP + width + GAP);
        let is_free = |row: &Vec<(f64, f64)>| row.iter().all(|(from, to)| span.1 <= *from || *to <= span.0);
        let row = self.rows.iter().position(is_free).unwrap_or(self.rows.len());
        if row == self.rows.len() {
            self.rows.push(Vec::new());
        }
        self.rows[row].push(span);
        Place { text, row, x, dx, anchor }
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_at_one_place_get_rows_of_their_own() {
        let mut packer = Packer::default();
        let rows = [packer.place(10.0, "one"), packer.place(11.0, "two"), packer.place(60.0, "three")];
        assert_eq!(rows.map(|place| place.row), [0, 1, 0]);
        assert!(packer.place(95.0, "at the right edge").anchor == Anchor::End);
    }

    #[test]
    fn what_a_program_says_is_no_markup() {
        assert_eq!(escape("<b a=\"1\">\n\n&"), "&lt;b a=&quot;1&quot;&gt;  &amp;");
    }
}
