//! What a person reads: lines that fit the width, without what a terminal would obey.

use observe::text::escape;
use std::env;
use std::io::{self, ErrorKind, Write};
use std::panic::resume_unwind;

/// Prints on stdout for a person: a line that is too long for a width that is known is broken between words.
pub fn say(text: impl AsRef<str>) {
    print(fit_known(text.as_ref()));
}

/// Prints on stdout as it is: code, what the compiler says, and what programs read.
///
/// Where that cannot be written, because nobody reads it any more (`… | head`) or because the disk is full, the verb has
/// failed, and `main` says so. Until there, the stack is unwound: each guard ends or removes what it stands for.
pub fn print(text: impl AsRef<str>) {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", text.as_ref()).and_then(|()| stdout.flush());
    drop(stdout);
    if let Err(error) = written {
        // Not a panic!, whose hook would tell of it.
        resume_unwind(Box::new(Unwritten(error)));
    }
}

/// What was to be printed could not be written.
pub struct Unwritten(io::Error);

impl Unwritten {
    /// What is to be said about it. Whoever has closed the pipe knows.
    pub fn describe(&self) -> Option<String> {
        (self.0.kind() != ErrorKind::BrokenPipe).then(|| format!("cannot write to stdout: {}", self.0))
    }
}

/// Says on stderr what is no result: what takes long, or what went wrong. A part of it may be a program's words.
pub fn note(text: impl AsRef<str>) {
    // Whoever cannot read stderr does not miss it either.
    let _ = writeln!(io::stderr(), "{}", fit_known(&plain(text.as_ref())));
}

/// How a word looks. Nothing is said by colour alone.
#[derive(Clone, Copy)]
pub enum Look {
    /// Green.
    Good,
    /// Red.
    Bad,
    /// Bold.
    Strong,
    /// Dim.
    Quiet,
}

/// The text in a colour, on a terminal that shows colours to somebody who wants them (`NO_COLOR`).
pub fn paint(text: &str, look: Look) -> String {
    let style = console::Style::new();
    let style = match look {
        Look::Good => style.green(),
        Look::Bad => style.red(),
        Look::Strong => style.bold(),
        Look::Quiet => style.dim(),
    };
    style.apply_to(text).to_string()
}

/// How much of a whole is done, as `===   `.
pub fn bar(done: usize, of: usize, width: usize) -> String {
    let full = (done * width).checked_div(of).unwrap_or(0).min(width);
    format!("{}{}", "=".repeat(full), " ".repeat(width - full))
}

/// The number of columns: the terminal's, or what `COLUMNS` says, or 80.
pub fn columns() -> usize {
    known_columns().unwrap_or(80)
}

/// The number of columns, when somebody says it. What goes to a file or to another program has no width.
fn known_columns() -> Option<usize> {
    let terminal = || console::Term::stdout().size_checked().map(|(_rows, columns)| usize::from(columns));
    let wished = || env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    terminal().or_else(wished).filter(|columns| *columns >= 40)
}

fn fit_known(text: &str) -> String {
    known_columns().map_or_else(|| text.to_owned(), |columns| fit(text, columns))
}

/// Breaks those lines of a text that are longer than `columns`. What goes on is indented as the line is, or, where
/// the line has columns of its own, as its last one.
pub fn fit(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| fit_line(line, columns)).collect();
    lines.join("\n")
}

fn fit_line(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start().len();
    let column = line.rfind("  ").map_or(indent, |gap| gap + 2);
    // A column so far to the right leaves no room for its words.
    let begins = if width(&line[..column]) <= columns / 2 { column } else { indent };
    let (head, rest) = line.split_at(begins);
    format!("{head}{}", wrap(rest, width(head), columns))
}

/// Breaks a text between words, so that no line is longer than `columns`. Lines after the first are indented.
/// A word that is longer than a line stays whole: it may be something to copy.
pub fn wrap(text: &str, indent: usize, columns: usize) -> String {
    let mut lines = vec![String::new()];
    let mut used = indent;
    for word in text.split(' ') {
        let length = width(word);
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if used + 1 + length <= columns {
            line.push(' ');
            line.push_str(word);
            used += 1;
        } else {
            lines.push(word.to_owned());
            used = indent;
        }
        used += length;
    }
    lines.join(&format!("\n{:indent$}", ""))
}

/// How many columns a text takes. What changes the colour, `ESC [ … m`, takes none.
fn width(text: &str) -> usize {
    let mut in_escape = false;
    let takes_room = |letter: &char| {
        in_escape |= *letter == '\u{1b}';
        let takes_room = !in_escape;
        in_escape &= *letter != 'm';
        takes_room
    };
    text.chars().filter(takes_room).count()
}

/// Text of several lines that somebody else has written, harmless: see [`escape`].
pub fn plain(text: &str) -> String {
    let lines: Vec<String> = text.replace('\t', "    ").lines().map(escape).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("one two three", 2, 9), "one two\n  three");
        assert_eq!(wrap("one", 2, 9), "one");
        assert_eq!(wrap("averyverylongword and more", 0, 8), "averyverylongword\nand more");
    }

    #[test]
    fn lines_go_on_below_their_last_column() {
        assert_eq!(fit("short\n  -a  one two three", 12), "short\n  -a  one\n      two\n      three");
        assert_eq!(fit("  one two three", 9), "  one two\n  three");
        assert_eq!(fit("a long first column  two", 12), "a long first\ncolumn  two");
        assert_eq!(fit("\u{1b}[32mok\u{1b}[0m  one two", 8), "\u{1b}[32mok\u{1b}[0m  one\n    two");
    }

    #[test]
    fn control_characters_are_made_harmless() {
        assert_eq!(plain("a\u{1b}[31mb\nc\td\u{7}"), "a\\u{1b}[31mb\nc    d\\u{7}");
    }
}
