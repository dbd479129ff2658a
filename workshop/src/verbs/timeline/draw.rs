//! From what was seen to a picture: time from left to right, a lane for each process and each thread.

use super::load::Program;
use super::record::{Doing, Lane, Record, Request, Thread, blocked};
use super::svg::{Anchor, Canvas, GAP, NARROW, Packer, escape, width};
use super::words;
use std::time::Instant;

const BAR: f64 = 22.0;
const TEXT_ROW: f64 = 16.0;
const SPACE: f64 = 12.0;
/// Free room on both sides, per cent.
const MARGIN: f64 = 1.0;
/// The grid and the end of the picture are multiples of this.
const TICK_MS: f64 = 200.0;

/// A picture, and what it says in words.
pub struct Drawn {
    pub svg: String,
    pub words: Vec<String>,
}

/// Draws a run. `title` is the lesson's, `load` what the program was given, in words.
pub fn draw(record: &Record, program: Program, title: &str, id: &str, load: &str) -> Drawn {
    let mut picture = Picture::new(record, program, id);
    picture.head(title);
    picture.requests();
    picture.marks_of_input();
    let lanes = picture.lanes();
    picture.lines();
    picture.conversations();
    picture.legend();
    let words = words::describe(record, &lanes, load);
    Drawn { svg: picture.finish(title, &words.join(" ")), words }
}

struct Picture<'a> {
    record: &'a Record,
    program: Program,
    id: &'a str,
    canvas: Canvas,
    y: f64,
    /// Where the grid begins.
    top: f64,
    /// Where it ends.
    bottom: f64,
    end_ms: f64,
    used: Vec<&'static str>,
}

impl<'a> Picture<'a> {
    fn new(record: &'a Record, program: Program, id: &'a str) -> Self {
        let end_ms = (record.ms(record.end) / TICK_MS).ceil().max(1.0) * TICK_MS;
        // A server that is watched for its shortest time ends on a line of the grid, or a moment behind it.
        let behind = record.ms(record.end) % TICK_MS;
        let end_ms = if behind < 60.0 && end_ms > TICK_MS { end_ms - TICK_MS } else { end_ms };
        Self {
            record,
            program,
            id,
            canvas: Canvas::default(),
            y: 0.0,
            top: 0.0,
            bottom: 0.0,
            end_ms,
            used: Vec::new(),
        }
    }

    fn x(&self, at: Instant) -> f64 {
        self.x_ms(self.record.ms(at))
    }

    fn x_ms(&self, ms: f64) -> f64 {
        MARGIN + (100.0 - 2.0 * MARGIN) * ms.min(self.end_ms) / self.end_ms
    }

    fn use_class(&mut self, class: &'static str) -> &'static str {
        if !self.used.contains(&class) {
            self.used.push(class);
        }
        class
    }

    fn head(&mut self, title: &str) {
        self.canvas.text("head", MARGIN, 0.0, 14.0, Anchor::Start, title);
        self.y = 36.0;
        self.top = self.y + 4.0;
        // Few labels, so that they fit a phone.
        let step = TICK_MS * (self.end_ms / TICK_MS / 6.0).ceil();
        let mut ms = 0.0;
        while ms <= self.end_ms {
            let anchor = if ms == 0.0 {
                Anchor::Start
            } else if ms + TICK_MS > self.end_ms {
                Anchor::End
            } else {
                Anchor::Middle
            };
            // One unit is enough, and more would not fit a phone.
            let unit = if ms == 0.0 { " ms" } else { "" };
            self.canvas.text("", self.x_ms(ms), 0.0, self.y, anchor, &format!("{ms}{unit}"));
            ms += step;
        }
        self.y += SPACE;
    }

    fn section(&mut self, name: &str) {
        self.y += TEXT_ROW;
        self.canvas.text("lane", MARGIN, 0.0, self.y - 4.0, Anchor::Start, name);
    }

    fn requests(&mut self) {
        if self.record.requests.is_empty() {
            return;
        }
        self.section("clients");
        for request in &self.record.requests {
            self.request(request);
        }
        self.y += SPACE;
    }

    fn request(&mut self, request: &Request) {
        let (from, to) = (self.x(request.begin), self.x(request.end.unwrap_or(self.record.end)));
        let class = self.use_class("waits");
        self.canvas.rect(class, from, to, self.y + 2.0, BAR - 4.0);
        if request.end.is_some() {
            self.canvas.line("cap", to, self.y + 1.0, self.y + BAR - 1.0);
        }
        let text = words::request(request);
        self.label(&text, from, to, self.y + BAR - 6.0);
        self.y += BAR;
    }

    /// A text inside a bar where it fits, else on its right, else on its left.
    fn label(&mut self, text: &str, from: f64, to: f64, y: f64) {
        let pixels = |per_cent: f64| per_cent * NARROW / 100.0;
        let width = width(text);
        let (class, x, dx, anchor) = if width + 2.0 * GAP <= pixels(to - from) {
            ("in", from, GAP + 1.0, Anchor::Start)
        } else if pixels(to) + GAP + width <= NARROW {
            ("in", to, GAP, Anchor::Start)
        } else {
            ("in", from, -GAP, Anchor::End)
        };
        self.canvas.text(class, x, dx, y, anchor, text);
    }

    /// What happened to the program's stdin.
    fn marks_of_input(&mut self) {
        let marks: Vec<(f64, String)> = self
            .record
            .marks
            .iter()
            .filter(|mark| mark.pid.is_none())
            .map(|mark| (self.x(mark.at), mark.text.clone()))
            .collect();
        if !marks.is_empty() {
            self.section("stdin");
            self.notes(&marks);
            self.y += SPACE;
        }
    }

    /// Texts, each with a short line at its time.
    fn notes(&mut self, notes: &[(f64, String)]) {
        let mut packer = Packer::default();
        for (x, text) in notes {
            let place = packer.place(*x, text);
            let y = self.y + TEXT_ROW * place.row as f64;
            self.canvas.line("cap", *x, y + 2.0, y + TEXT_ROW - 2.0);
            self.canvas.text("in", place.x, place.dx, y + TEXT_ROW - 4.0, place.anchor, &place.text);
        }
        self.y += TEXT_ROW * packer.rows() as f64;
    }

    fn lanes(&mut self) -> Vec<Lane> {
        let names = words::names(self.record, self.program);
        let mut bars: Vec<(u32, f64)> = Vec::new();
        let mut lanes = Vec::new();
        // All threads of a process stand together, in the order in which the processes came.
        let mut pids: Vec<u32> = self.record.threads.iter().map(|thread| thread.pid).collect();
        pids.dedup();
        let mut order: Vec<usize> = (0..self.record.threads.len()).collect();
        let place = |thread: &usize| pids.iter().position(|pid| *pid == self.record.threads[*thread].pid);
        order.sort_by_key(place);
        for thread in order {
            let name = names[thread].clone();
            self.lane(&self.record.threads[thread], &name, &mut bars);
            lanes.push(Lane { name, thread });
        }
        lanes
    }

    fn lane(&mut self, thread: &Thread, name: &str, bars: &mut Vec<(u32, f64)>) {
        self.section(name);
        let is_process = thread.tid == thread.pid;
        let parent = if is_process { thread.parent } else { thread.pid };
        let parents_bar = bars.iter().find(|(pid, _)| *pid == parent).map(|(_, y)| *y + BAR);
        let (first, last) = (&thread.stretches[0], &thread.stretches[thread.stretches.len() - 1]);
        let (from, to) = (self.x(first.begin), self.x(last.end));
        let mut packer = Packer::default();
        let notes = self.notes_of(thread, is_process && parents_bar.is_some());
        let places: Vec<_> = notes.iter().map(|note| packer.place(note.x, &note.text)).collect();
        let bar = self.y + TEXT_ROW * packer.rows() as f64;
        for (note, place) in notes.iter().zip(&places) {
            // From the parent's lane to this one, or back.
            let tip = format!("{}-tip", self.id);
            let far = parents_bar.unwrap_or(self.y);
            match note.direction {
                Direction::Down => self.canvas.arrow(&tip, note.x, far, bar - 1.0),
                Direction::Up => self.canvas.arrow(&tip, note.x, bar, far + 1.0),
                Direction::None => self.canvas.line("cap", note.x, bar - 5.0, bar + BAR + 3.0),
            }
            let y = self.y + TEXT_ROW * (place.row as f64 + 1.0) - 4.0;
            self.canvas.text("in", place.x, place.dx, y, place.anchor, &place.text);
        }
        self.canvas.rect("life", from, to, bar, BAR);
        self.stretches(thread, bar);
        bars.push((if is_process { thread.pid } else { thread.tid }, bar));
        self.y = bar + BAR + SPACE;
    }

    fn stretches(&mut self, thread: &Thread, bar: f64) {
        for stretch in &thread.stretches {
            let class = match stretch.doing {
                Doing::Runs => "runs",
                Doing::Free => "free",
                Doing::Blocked(_) => "blocked",
                Doing::Zombie => "zombie",
                Doing::Alive => "alive",
            };
            let class = self.use_class(class);
            let (from, to) = (self.x(stretch.begin), self.x(stretch.end));
            let inset = if class == "runs" { 1.0 } else { 3.0 };
            self.canvas.rect(class, from, to, bar + inset, BAR - 2.0 * inset);
        }
        for (from, to, what) in blocked(&thread.stretches, self.record) {
            let (from, to) = (self.x_ms(from), self.x_ms(to));
            let room = (to - from) * NARROW / 100.0 - 2.0 * GAP;
            let texts = [format!("blocked: waits for {what}"), "blocked".into()];
            if let Some(text) = texts.iter().find(|text| width(text) <= room) {
                let middle = (from + to) / 2.0;
                self.canvas.text("in", middle, 0.0, bar + BAR - 6.5, Anchor::Middle, text);
            }
        }
    }

    /// What is written above a lane: its beginning, messages, signals, its end.
    fn notes_of(&self, thread: &Thread, is_child: bool) -> Vec<Note> {
        let mut notes = Vec::new();
        let is_process = thread.tid == thread.pid;
        let note = |at: Instant, text: &str, direction| Note { x: self.x(at), text: text.into(), direction };
        if is_child {
            notes.push(note(thread.stretches[0].begin, "fork", Direction::Down));
        } else if !is_process {
            notes.push(note(thread.stretches[0].begin, "starts", Direction::Down));
        }
        if !is_process {
            return notes;
        }
        for message in self.record.messages.iter().filter(|message| message.worker == thread.pid) {
            let direction = if message.to_worker { Direction::Down } else { Direction::Up };
            notes.push(note(message.at, &words::message(message), direction));
        }
        for mark in self.record.marks.iter().filter(|mark| mark.pid == Some(thread.pid)) {
            notes.push(note(mark.at, &mark.text, Direction::None));
        }
        notes
    }

    fn lines(&mut self) {
        for (is_log, name) in [(false, "stdout"), (true, "log (stderr)")] {
            let lines: Vec<(f64, String)> = self
                .record
                .lines
                .iter()
                .filter(|line| line.is_log == is_log)
                .map(|line| (self.x(line.at), words::line(&line.text)))
                .collect();
            if !lines.is_empty() {
                self.section(name);
                self.notes(&lines);
                self.y += SPACE;
            }
        }
    }

    /// Conversations that do not overlap share a row.
    fn conversations(&mut self) {
        if self.record.conversations.is_empty() {
            return;
        }
        self.section("mail server");
        let mut rows: Vec<Instant> = Vec::new();
        for conversation in &self.record.conversations {
            let end = conversation.closed.unwrap_or(self.record.end);
            let row = rows.iter().position(|free_from| *free_from <= conversation.opened);
            let row = row.unwrap_or(rows.len());
            if row == rows.len() {
                rows.push(end);
            }
            rows[row] = end;
            let y = self.y + BAR * row as f64;
            self.canvas.rect("life", self.x(conversation.opened), self.x(end), y + 2.0, BAR - 4.0);
            for letter in &conversation.letters {
                let class = self.use_class("thinks");
                let until = letter.released.or(conversation.closed).unwrap_or(self.record.end);
                self.canvas.rect(class, self.x(letter.held), self.x(until), y + 2.0, BAR - 4.0);
                let middle = (self.x(letter.held) + self.x(until)) / 2.0;
                self.canvas.text("in", middle, 0.0, y + BAR - 6.5, Anchor::Middle, &words::mail(letter));
            }
        }
        self.y += BAR * rows.len() as f64 + SPACE;
    }

    fn legend(&mut self) {
        self.bottom = self.y - 4.0;
        self.y += 4.0;
        let meanings = [
            ("waits", "a request waits for its answer"),
            ("runs", "runs on a processor"),
            ("free", "free: any news wakes it"),
            ("blocked", "blocked: waits for one thing, deaf to all else"),
            ("alive", "alive"),
            ("zombie", "ended, but not waited for: a zombie"),
            ("thinks", "the mail server takes its time"),
        ];
        for (class, meaning) in meanings {
            if !self.used.contains(&class) {
                continue;
            }
            let y = self.y;
            self.canvas.front.push_str(&format!(
                "<svg x=\"{MARGIN}%\" y=\"{y}\" width=\"30\" height=\"14\"><rect class=\"life\" width=\"30\" \
                 height=\"14\"/><rect class=\"{class}\" x=\"2\" y=\"2\" width=\"26\" height=\"10\"/></svg>\n"
            ));
            self.canvas.text("", MARGIN, 38.0, y + 11.0, Anchor::Start, meaning);
            self.y += 19.0;
        }
    }

    fn finish(mut self, title: &str, description: &str) -> String {
        let mut ms = 0.0;
        while ms <= self.end_ms {
            let (x, top, bottom) = (self.x_ms(ms), self.top, self.bottom);
            self.canvas.back.push_str(&format!(
                "<line class=\"grid\" x1=\"{x:.2}%\" y1=\"{top}\" x2=\"{x:.2}%\" y2=\"{bottom}\"/>\n"
            ));
            ms += TICK_MS;
        }
        let (id, height, css) = (self.id, self.y.ceil(), include_str!("picture.css"));
        let (title, description) = (escape(title), escape(description));
        let (back, front) = (&self.canvas.back, &self.canvas.front);
        let front =
            front.replace("class=\"blocked\"", &format!("class=\"blocked\" fill=\"url(#{id}-blocked)\""));
        let front =
            front.replace("class=\"thinks\"", &format!("class=\"thinks\" fill=\"url(#{id}-thinks)\""));
        let front =
            front.replace("class=\"msg tip\"", &format!("class=\"msg\" marker-end=\"url(#{id}-tip)\""));
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

struct Note {
    x: f64,
    text: String,
    direction: Direction,
}

enum Direction {
    /// From the parent to the child.
    Down,
    Up,
    None,
}
