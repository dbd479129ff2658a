//! Lines for people to read: the log on stderr, results on stdout.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The longest line in a log, in characters. A pipe takes a line of this size in one piece (pipe(7): `PIPE_BUF`).
const MAX_LOG_LINE: usize = 1000;

/// Log lines that could not be written.
static LOST: AtomicUsize = AtomicUsize::new(0);

/// Writes a line to stderr, with the arguments of [`format!`]. Unlike [`eprintln!`] it never panics and never waits:
/// a log that nobody reads must not stop the program.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => { $crate::write_log_line(::std::format_args!($($argument)*)) };
}

/// What [`log!`] calls. Control characters are escaped, because a mail or a server's reply may hold some that would
/// move the cursor of whoever reads the log.
pub fn write_log_line(line: fmt::Arguments) {
    let mut stderr = io::stderr().lock();
    // When a pipe is full, a write would wait for its reader.
    let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    let full = poll(&mut ready, PollTimeout::ZERO) == Ok(0);
    let mut text = escaped(&line.to_string(), MAX_LOG_LINE);
    let lost = LOST.swap(0, Ordering::Relaxed);
    if lost > 0 {
        text.insert_str(0, &format!("({lost} lines lost: nothing read stderr)\n"));
    }
    text.push('\n');
    if full || stderr.write_all(text.as_bytes()).is_err() {
        LOST.fetch_add(lost + 1, Ordering::Relaxed);
    }
}

/// Writes a line to stdout, at once.
///
/// # Errors
/// One line of text when stdout is closed or its disk is full.
pub fn print_line(line: impl fmt::Display) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| format!("cannot print: {error}"))
}

/// A number and what it counts: `1 mail`, `2 mails`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The beginning of a text that somebody else wrote, on one line: at most 200 characters, control characters escaped.
/// For everything that is kept or shown, so that a peer cannot fill the memory with its words.
pub fn excerpt(text: &str) -> String {
    escaped(text, 200)
}

fn escaped(text: &str, limit: usize) -> String {
    let mut result = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == limit {
            result.push('…');
            break;
        }
        match character.is_control() {
            // A String takes everything.
            true => drop(write!(result, "{}", character.escape_default())),
            false => result.push(character),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn an_excerpt_is_one_short_line_without_control_characters() {
        assert_eq!(excerpt("550 no\r\n\u{1b}[31mred\u{7}"), r"550 no\r\n\u{1b}[31mred\u{7}");
        assert_eq!(excerpt("Grüße 📨"), "Grüße 📨");
        assert_eq!(excerpt(&"ü".repeat(200)), "ü".repeat(200));
        assert_eq!(excerpt(&"ü".repeat(1_000_000)), "ü".repeat(200) + "…");
    }
}
