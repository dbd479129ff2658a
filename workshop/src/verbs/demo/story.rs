//! The story on the terminal: when, who, what.

use crate::ui::terminal::{bar, columns, print, say, wrap};
use console::Term;
use observe::text::counted;
use std::io::{self, IsTerminal};
use std::time::Instant;

/// Where the third column begins: `    12 ms  mailbox  `.
const INDENT: usize = 20;

/// Tells what happens, with the milliseconds since it began.
pub struct Story {
    began: Instant,
    columns: usize,
    on_terminal: bool,
    /// Where the bar is shown: not on stdout, which somebody may have sent elsewhere.
    bar: Term,
}

impl Story {
    /// The clock starts now.
    pub fn begin() -> Self {
        let on_terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { began: Instant::now(), columns: columns(), on_terminal, bar: Term::stderr() }
    }

    /// Tells that `who` did `what`.
    pub fn tell(&self, who: &str, what: impl AsRef<str>) {
        let milliseconds = self.began.elapsed().as_millis();
        let what = wrap(what.as_ref(), INDENT, self.columns);
        self.clear_bar();
        say(format!("{milliseconds:>6} ms  {who:<7}  {what}"));
    }

    /// Tells of a mail that has arrived: with a bar on a terminal, with a line elsewhere.
    pub fn tell_mail(&self, number: usize, count: usize, what: &str) {
        if !self.on_terminal {
            self.tell("mailbox", format!("mail {number} of {count} arrives: {what}"));
            return;
        }
        if number == count {
            self.tell("mailbox", format!("all have arrived: {}", counted(count, "mail")));
            return;
        }
        self.clear_bar();
        let bar = bar(number, count, self.columns.saturating_sub(INDENT + 25).clamp(5, 40));
        // A terminal that has gone away misses nothing but the bar.
        let _ = self.bar.write_str(&format!("{:INDENT$}[{bar}] {number} of {}", "", counted(count, "mail")));
    }

    /// Takes away the bar, when it is there.
    fn clear_bar(&self) {
        if self.on_terminal {
            let _ = self.bar.clear_line();
        }
    }

    /// Shows the line that sends the request again.
    pub fn show_curl(&self, url: &str, body: &str) {
        print(format!("\nSend another request from a second terminal:\n\n{}\n", curl(url, body)));
    }

    /// Shows how to do all this by hand.
    pub fn show_commands(&self, start: &str, body: &str) {
        say("\nThe same by hand, in three terminals:\n");
        say("  cargo workshop mailbox\n");
        print(format!("  {start}\n"));
        print(curl("http://127.0.0.1:3000/endpoint", body));
    }
}

/// One line, to be copied as it is. The body holds no quote that the shell would end the argument at.
fn curl(url: &str, body: &str) -> String {
    format!("  curl -H 'content-type: application/json' -d '{body}' {url}")
}
