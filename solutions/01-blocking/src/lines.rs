//! Lines for people to read: the log on stderr, results on stdout.

use nix::errno::Errno;
use nix::libc::PIPE_BUF;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use std::fmt::{self, Write as _};
use std::io::{self, ErrorKind, StderrLock, Write as _};
use std::os::fd::{AsFd, AsRawFd};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The longest line in a log, in characters. Escaped, a character has at most 6 bytes, so Linux writes a line into a
/// pipe in one piece (pipe(7): `PIPE_BUF`), and lines of several processes never mix.
const MAX_LOG_LINE: usize = 600;

/// Log lines that could not be written.
static LOST: AtomicUsize = AtomicUsize::new(0);

/// Writes a line to stderr, with the arguments of [`format!`]. Unlike [`eprintln!`] it never panics and never waits:
/// an unread log must not stop the program. Lines that don't fit are lost, and the next line that fits says how many.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => { $crate::write_log_line(::std::format_args!($($argument)*)) };
}

/// What [`log!`] calls. Control characters are escaped, because a mail or a server's reply may hold some that would
/// move the cursor of whoever reads the log.
pub fn write_log_line(line: fmt::Arguments) {
    let mut stderr = io::stderr().lock();
    let lost = LOST.swap(0, Ordering::Relaxed);
    let mut text = String::new();
    if lost > 0 {
        text = format!("({} lost: stderr was not read)\n", count(lost, "log line"));
    }
    text += &escaped(&line.to_string(), MAX_LOG_LINE);
    text.push('\n');
    if write_without_waiting(&mut stderr, text.as_bytes()).is_err() {
        LOST.fetch_add(lost + 1, Ordering::Relaxed);
    }
}

/// Writes to stderr, or fails where a write would have to wait for a reader.
///
/// `O_NONBLOCK` on stderr itself would be simpler. But it would change how every other process writes that has the same
/// pipe or terminal: our parent, our workers, the shell.
fn write_without_waiting(stderr: &mut StderrLock, text: &[u8]) -> io::Result<()> {
    // A socket takes the wish with each call. Node gives its children sockets, and so does systemd.
    match send(stderr.as_raw_fd(), text, MsgFlags::MSG_DONTWAIT) {
        Err(Errno::ENOTSOCK) => {}
        sent => return sent.map(drop).map_err(io::Error::from),
    }
    #[cfg(target_os = "linux")]
    if let Some(mut pipe) = own_way_into_the_pipe() {
        return pipe.write_all(text);
    }
    // Anything else says beforehand whether there is room. (On macOS, where another process may take that room before
    // we do, this is all we can ask.)
    for piece in text.chunks(PIPE_BUF) {
        if !has_room(stderr) {
            return Err(ErrorKind::WouldBlock.into());
        }
        stderr.write_all(piece)?;
    }
    Ok(())
}

fn has_room(stderr: &impl AsFd) -> bool {
    let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut ready, PollTimeout::ZERO) != Ok(0)
}

/// From now on, a panic prints its message only where stderr has room. The thread that panics would wait for a reader
/// otherwise, and an event loop waits with it.
pub fn let_no_panic_wait() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| match has_room(&io::stderr()) {
            true => print(info),
            false => drop(LOST.fetch_add(1, Ordering::Relaxed)),
        }));
    });
}

/// If stderr is a pipe: the same pipe, opened once more, so that `O_NONBLOCK` holds for us alone.
#[cfg(target_os = "linux")]
fn own_way_into_the_pipe() -> Option<std::fs::File> {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    const STDERR: &str = "/proc/self/fd/2";
    std::fs::metadata(STDERR).ok().filter(|file| file.file_type().is_fifo())?;
    std::fs::OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(STDERR).ok()
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

/// The beginning of a text that another program wrote, on one line: at most 200 characters, control characters escaped.
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
    use super::{count, excerpt};

    #[test]
    fn an_excerpt_is_one_short_line_without_control_characters() {
        assert_eq!(excerpt("550 no\r\n\u{1b}[31mred\u{7}"), r"550 no\r\n\u{1b}[31mred\u{7}");
        assert_eq!(excerpt("Grüße 📨"), "Grüße 📨");
        assert_eq!(excerpt(&"ü".repeat(200)), "ü".repeat(200));
        assert_eq!(excerpt(&"ü".repeat(1_000_000)), "ü".repeat(200) + "…");
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|number| count(number, "mail")), ["0 mails", "1 mail", "2 mails"]);
    }
}
