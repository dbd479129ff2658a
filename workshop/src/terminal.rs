//! What a person reads: lines that fit the width, without what a terminal would obey.

use std::env;
use std::io::{self, Write};
use std::process;

/// Prints a line on stdout. When nobody reads it any more (`… | head`), there is nothing left to do here.
pub fn say(line: impl AsRef<str>) {
    let mut stdout = io::stdout().lock();
    if writeln!(stdout, "{}", line.as_ref()).and_then(|()| stdout.flush()).is_err() {
        process::exit(0);
    }
}

/// How a word looks. Nothing is said by colour alone.
#[derive(Clone, Copy)]
pub enum Look {
    Good,
    Bad,
    Strong,
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
    let terminal = || console::Term::stdout().size_checked().map(|(_rows, columns)| usize::from(columns));
    let wished = || env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    terminal().or_else(wished).filter(|columns| *columns >= 40).unwrap_or(80)
}

/// Breaks a text between words, so that no line is longer than `columns`. Lines after the first are indented.
/// A word that is longer than a line stays whole: it may be something to copy.
pub fn wrap(text: &str, indent: usize, columns: usize) -> String {
    let mut lines = vec![String::new()];
    let mut used = indent;
    for word in text.split(' ') {
        let length = word.chars().count();
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

/// The text without control characters: what came in a mail must not move the cursor or change a colour.
pub fn plain(text: &str) -> String {
    let visible = |letter: char| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter };
    text.replace('\t', "    ").chars().map(visible).collect()
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
    fn control_characters_are_made_harmless() {
        assert_eq!(plain("a\u{1b}[31mb\nc\td\u{7}"), "a\u{fffd}[31mb\nc    d\u{fffd}");
    }
}
