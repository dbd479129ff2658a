//! Mails as the programs take them.

use crate::Spec;
use serde_json::{Value, json};

/// A mail in nodemailer's field names, as all programs of the workshop take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The sender's address.
    pub from: String,
    /// The recipient's address.
    pub to: String,
    /// The subject, one line.
    pub subject: String,
    /// The body.
    pub text: String,
}

impl Mail {
    /// The mail as a JSON object.
    pub fn json(&self) -> Value {
        json!({"from": self.from, "to": self.to, "subject": self.subject, "text": self.text})
    }
}

/// A job, `{"mails": […]}`, as `send_mail` takes it.
pub fn job(mails: &[Mail]) -> Value {
    json!({"mails": mails.iter().map(Mail::json).collect::<Vec<_>>()})
}

/// A request's body, `{"emails": […]}`, as the endpoint takes it.
pub fn request(mails: &[Mail]) -> Value {
    json!({"emails": mails.iter().map(Mail::json).collect::<Vec<_>>()})
}

/// The recipients, in order.
pub fn recipients(mails: &[Mail]) -> Vec<String> {
    mails.iter().map(|mail| mail.to.clone()).collect()
}

/// Mails whose words are commands for a shell: each would make a file in the folder in which the shell runs.
pub fn bait(spec: &Spec) -> Vec<Mail> {
    let commands = [
        "$(touch made)",
        "`touch made`",
        "; touch made #",
        "| touch made",
        "& touch made &",
        "'; touch made; '",
        "\"; touch made; \"",
        "\\\"; touch made; \\\"",
    ];
    let with_bait = |command: &str| {
        let Mail { from, to, subject, text } = random(spec);
        let (to, subject) = (format!("`touch${{IFS}}made`{to}"), format!("{subject} {command}"));
        Mail { from, to, subject, text: format!("{command}\n{text}") }
    };
    commands.map(with_bait).to_vec()
}

pub(crate) fn random(spec: &Spec) -> Mail {
    let word = || spec.word();
    // A number in the address, since two random words can be the same.
    let number = spec.number(0..1_000_000_000);
    Mail {
        from: format!("{}@sender.test", word()),
        to: format!("{}.{number}@{}.test", word(), word()),
        subject: format!("About {} and {}", word(), word()),
        text: format!("Dear {},\n{} {}.\n\nYours, {}\n", word(), word(), word(), word()),
    }
}
