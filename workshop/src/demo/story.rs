//! The story on the terminal: when, who, what.

use crate::terminal::{columns, say, wrap};
use indicatif::{ProgressBar, ProgressStyle};
use std::cell::OnceCell;
use std::io::{self, IsTerminal};
use std::time::Instant;

/// Where the third column begins: `    12 ms  mailbox  `.
const INDENT: usize = 20;

/// Tells what happens, with the milliseconds since it began.
pub struct Story {
    began: Instant,
    columns: usize,
    on_terminal: bool,
    bar: OnceCell<ProgressBar>,
}

impl Story {
    /// The clock starts now.
    pub fn begin() -> Self {
        let on_terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { began: Instant::now(), columns: columns(), on_terminal, bar: OnceCell::new() }
    }

    /// Tells that `who` did `what`.
    pub fn tell(&self, who: &str, what: impl AsRef<str>) {
        let milliseconds = self.began.elapsed().as_millis();
        let what = wrap(what.as_ref(), INDENT, self.columns);
        let line = format!("{milliseconds:>6} ms  {who:<7}  {what}");
        match self.bar.get() {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    /// Tells of a mail that has arrived: with a bar on a terminal, with a line elsewhere.
    pub fn tell_mail(&self, number: usize, count: usize, what: &str) {
        if !self.on_terminal {
            self.tell("mailbox", format!("mail {number} of {count} arrives: {what}"));
            return;
        }
        let bar = self.bar.get_or_init(|| new_bar(count, self.columns));
        bar.set_message(format!("{number} of {count} mails"));
        bar.set_position(number as u64);
        if number == count {
            bar.finish_and_clear();
            self.tell("mailbox", format!("{number} of {count} mails have arrived"));
        }
    }

    /// Shows the line that sends the request again.
    pub fn show_curl(&self, url: &str, body: &str) {
        say(format!("\nSend another request from a second terminal:\n\n{}\n", curl(url, body)));
    }

    /// Shows how to do all this by hand.
    pub fn show_commands(&self, start: &str, body: &str) {
        say("\nThe same by hand, in three terminals:\n");
        say("  cargo workshop mailbox\n");
        say(format!("  {start}\n"));
        say(curl("http://127.0.0.1:3000/endpoint", body));
    }
}

/// One line, to be copied as it is. The body holds no quote that the shell would end the argument at.
fn curl(url: &str, body: &str) -> String {
    format!("  curl -H 'content-type: application/json' -d '{body}' {url}")
}

fn new_bar(count: usize, columns: usize) -> ProgressBar {
    let width = columns.saturating_sub(INDENT + 25).clamp(5, 40);
    let template = format!("{:INDENT$}[{{bar:{width}}}] {{msg}}", "");
    let bar = ProgressBar::new(count as u64);
    // The template is ours; if it were wrong, indicatif's own would do.
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
