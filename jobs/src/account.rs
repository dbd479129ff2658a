//! What a server knows about the mails of one job.

use crate::NumberedMail;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// How many mails that need attention a status names. The numbers say how many there are.
const SHOWN_PROBLEMS: usize = 100;
/// What a mail takes besides its text, in bytes, roughly.
const MAIL_OVERHEAD: usize = 200;

/// One line of text, which many mails can share.
pub type Why = Arc<str>;

/// What the server knows about one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No worker has started it.
    NotStarted,
    /// A worker has started it, and reported nothing since.
    Started,
    /// The mail server accepted it.
    Sent,
    /// The mail server did not accept it, for certain.
    Failed(Why),
    /// The mail server may have accepted it.
    Unknown(Why),
}

/// The numbers of a job. Each mail counts in exactly one of the last five.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// All mails of the job.
    pub asked: usize,
    /// Accepted by the mail server.
    pub sent: usize,
    /// Not accepted by the mail server.
    pub failed: usize,
    /// Accepted or not: no one can say.
    pub unknown: usize,
    /// In a worker's hands at this moment.
    pub started: usize,
    /// Not started.
    pub not_started: usize,
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, failed, unknown, not_started, .. } = self;
        write!(f, "sent {sent}, failed {failed}, unknown {unknown}, not started {not_started}")
    }
}

/// A mail that needs a person's attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The recipient.
    pub to: String,
    /// The Message-ID.
    #[serde(rename = "messageId")]
    pub message_id: String,
    /// `failed` or `unknown`.
    pub state: &'static str,
    /// One line of text.
    pub why: String,
}

/// The mails of one job, in order, and what is known about each.
pub(crate) struct Account {
    entries: Vec<Entry>,
}

struct Entry {
    /// Given up when the mail is sent.
    mail: Option<NumberedMail>,
    state: State,
}

impl Account {
    pub(crate) fn new(mails: &[NumberedMail]) -> Self {
        let entry = |mail: &NumberedMail| Entry { mail: Some(mail.clone()), state: State::NotStarted };
        Self { entries: mails.iter().map(entry).collect() }
    }

    pub(crate) fn state(&self, place: usize) -> &State {
        &self.entries[place].state
    }

    pub(crate) fn set(&mut self, place: usize, state: State) {
        let entry = &mut self.entries[place];
        if state == State::Sent {
            entry.mail = None;
        }
        entry.state = state;
    }

    pub(crate) fn mail(&self, place: usize) -> Option<&NumberedMail> {
        self.entries[place].mail.as_ref()
    }

    /// The mails of which `wanted` is true. For each of them the account starts again.
    pub(crate) fn restart(&mut self, wanted: impl Fn(&State) -> bool) -> Vec<NumberedMail> {
        let mut mails = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| wanted(&entry.state)) {
            // A mail that is sent is not there any more, whatever `wanted` says.
            if let Some(mail) = &entry.mail {
                entry.state = State::NotStarted;
                mails.push(mail.clone());
            }
        }
        mails
    }

    pub(crate) fn numbers(&self) -> Numbers {
        let mut numbers = Numbers { asked: self.entries.len(), ..Numbers::default() };
        for entry in &self.entries {
            *match entry.state {
                State::NotStarted => &mut numbers.not_started,
                State::Started => &mut numbers.started,
                State::Sent => &mut numbers.sent,
                State::Failed(_) => &mut numbers.failed,
                State::Unknown(_) => &mut numbers.unknown,
            } += 1;
        }
        numbers
    }

    /// The first mails that failed or are unknown, in order.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let problem = |entry: &Entry| {
            let (state, why) = match &entry.state {
                State::Failed(why) => ("failed", why.to_string()),
                State::Unknown(why) => ("unknown", why.to_string()),
                State::NotStarted | State::Started | State::Sent => return None,
            };
            let mail = entry.mail.as_ref()?;
            Some(Problem {
                to: mail::excerpt(&mail.mail.to),
                message_id: mail.message_id.clone(),
                state,
                why,
            })
        };
        self.entries.iter().filter_map(problem).take(SHOWN_PROBLEMS).collect()
    }

    /// How much memory it takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let mails: usize =
            self.entries.iter().flat_map(|entry| &entry.mail).map(|mail| mail.bytes() + MAIL_OVERHEAD).sum();
        mails + self.entries.len() * size_of::<Entry>()
    }
}
