//! What the server and its workers say to each other. This part is given.

use mail::Mail;
use serde::{Deserialize, Serialize};

/// A mail with a Message-ID (RFC 5322, section 3.6.4) that its parent has chosen.
///
/// Whoever sends the mail again sends it with the same one. Then everybody can see that it is the same mail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct NumberedMail {
    /// The mail.
    #[serde(flatten)]
    pub mail: Mail,
    /// Nodemailer's name for it. Empty where an article-style parent gives none.
    #[serde(rename = "messageId", default, skip_serializing_if = "String::is_empty")]
    pub message_id: String,
}

/// A job as a worker gets it: `{"mails": [mail, …], "reports": true}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Task {
    /// The mails, in the order in which they are to be sent.
    pub mails: Vec<NumberedMail>,
    /// Whether the parent wants to hear of each mail. An article-style parent does not: it takes the first
    /// message for the answer.
    #[serde(default)]
    pub reports: bool,
}

/// What a worker says while it works, and at last.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// The last message about a task: `{"counter": N, "failed": M}`.
    Answer(Answer),
    /// From now until the next report, nobody but the worker knows about this mail: `{"begun": ID}`.
    Begun {
        /// The Message-ID.
        begun: String,
    },
    /// The mail server has accepted the mail: `{"sent": ID}`.
    Sent {
        /// The Message-ID.
        sent: String,
    },
    /// The mail was not accepted, and the worker knows it: `{"failed": ID, "why": "…"}`.
    Failed {
        /// The Message-ID.
        failed: String,
        /// One line of text.
        #[serde(default)]
        why: String,
    },
    /// The mail server got the letter and said nothing: `{"unknown": ID, "why": "…"}`.
    Unknown {
        /// The Message-ID.
        unknown: String,
        /// One line of text.
        #[serde(default)]
        why: String,
    },
}

/// The counts of a task. An article-style worker gives the first one only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Answer {
    /// The mails that the SMTP server accepted.
    pub counter: usize,
    /// The mails that it did not accept.
    #[serde(default)]
    pub failed: usize,
    /// The mails of which nobody knows.
    #[serde(default)]
    pub unknown: usize,
}
