//! The mailbox, with what a failing check says.

pub use observe::mailbox::{Event, Letter, Point, Quirk, Reply, ReplyTo};

use crate::wait::in_vain;
use crate::{Check, Spec, counted};
use std::io;
use std::ops::Deref;

/// An SMTP server that accepts every mail, unless it is told to hold, refuse or drop.
///
/// It is [`observe::Mailbox`], and has all its methods. The ones here wait for something, and fail a check when
/// it does not come.
///
/// ```
/// use support::{Mailbox, Point};
///
/// let mailbox = Mailbox::start("127.0.0.1:0", |_event| {})?;
/// mailbox.hold(Point::Rcpt);
/// assert_eq!(mailbox.held(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Mailbox {
    observed: observe::Mailbox,
    /// `mailbox`, or `mailbox at ADDRESS` for another host's.
    name: String,
}

impl Deref for Mailbox {
    type Target = observe::Mailbox;

    fn deref(&self) -> &observe::Mailbox {
        &self.observed
    }
}

impl Mailbox {
    /// Listens on `address` (port 0: the system chooses) and calls `observer` for everything that happens.
    /// The observer is called from the middle of things: it must not call the mailbox itself.
    ///
    /// # Errors
    /// When the address cannot be bound, for example because the port is in use.
    pub fn start(address: &str, observer: impl Fn(&Event) + Send + Sync + 'static) -> io::Result<Self> {
        Ok(Self { observed: observe::Mailbox::start(address, observer)?, name: "mailbox".to_owned() })
    }

    pub(crate) fn for_spec_at(spec: &Spec, address: &str) -> Self {
        let transcript = spec.transcript().clone();
        let name =
            if address == "127.0.0.1" { "mailbox".to_owned() } else { format!("mailbox at {address}") };
        let who = name.clone();
        let observer = move |event: &Event| transcript.note(who.as_str(), event.to_string());
        match Self::start(&format!("{address}:0"), observer) {
            Ok(mailbox) => Self { name, ..mailbox },
            Err(error) => {
                spec.check("started a mailbox").fail(&format!("a free port on {address}"), &error.to_string())
            }
        }
    }

    /// Waits until `count` conversations or more are held at once.
    pub fn wait_held(&self, check: &Check, count: usize) {
        let came = self.observed.wait_held(count, &in_vain(check.spec()));
        let expected = format!("{} held by the {} at once", counted(count, "SMTP conversation"), self.name);
        check.holds(&expected, came, self.describe(self.held(), "held"));
    }

    /// Waits until `count` letters or more were accepted, and gives them all. The limit is for the next letter, not
    /// for all of them: a program that goes on, however slowly, is waited for.
    pub fn wait_letters(&self, check: &Check, count: usize) -> Vec<Letter> {
        loop {
            let letters = self.letters();
            if letters.len() >= count {
                return letters;
            }
            let came = self.observed.wait_letters(letters.len() + 1, &in_vain(check.spec()));
            let expected = format!("{} accepted by the {}", counted(count, "mail"), self.name);
            check.holds(&expected, came, self.describe(letters.len(), "accepted"));
        }
    }

    /// Waits until no conversation is open.
    pub fn wait_all_closed(&self, check: &Check) {
        let closed = self.observed.wait_all_closed(&in_vain(check.spec()));
        let open = self.open_conversations();
        let expected = "every SMTP conversation closed by the program";
        check.holds(expected, closed, format_args!("{open} still open at the end of the wait"));
    }

    /// What there is instead of what was waited for.
    fn describe(&self, count: usize, what: &str) -> String {
        match self.conversations() {
            0 => format!("{count} {what}: no client has connected to the {}", self.name),
            opened => format!("{count} {what}, in {} so far", counted(opened, "conversation")),
        }
    }
}
