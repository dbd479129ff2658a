//! The story on the terminal: when, who, what.

use crate::ui::terminal::{columns, print, say, wrap};
use std::time::Instant;

/// Where the third column begins: `    12 ms  mailbox  `.
const INDENT: usize = 20;

/// Tells what happens, with the milliseconds since it began.
pub struct Story {
    began: Instant,
}

impl Story {
    /// The clock starts now.
    pub fn begin() -> Self {
        Self { began: Instant::now() }
    }

    /// Tells that `who` did `what`.
    pub fn tell(&self, who: &str, what: impl AsRef<str>) {
        let milliseconds = self.began.elapsed().as_millis();
        say(format!("{milliseconds:>6} ms  {who:<7}  {}", wrap(what.as_ref(), INDENT, columns())));
    }
}

/// Shows the line that sends a request: one line, to be copied as it is. The body holds no quote that the shell would end
/// the argument at.
pub fn show_curl(url: &str, body: &str) {
    print(format!("  curl -H 'content-type: application/json' -d '{body}' {url}"));
}
