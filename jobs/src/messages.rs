//! What a server and its workers say to each other.

use lettre::Message;
use lettre::message::header::MessageId;
use mail::{Mail, Reply};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A mail with the Message-ID that its server chose (RFC 5322, section 3.6.4).
///
/// A mail that is sent again keeps its Message-ID, so that everyone can see that it is the same mail. A clone shares the
/// mail itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct NumberedMail {
    /// The mail.
    #[serde(flatten)]
    pub mail: Arc<Mail>,
    /// Nodemailer's name for it. Empty when an article-style parent didn't choose any.
    #[serde(rename = "messageId", default, skip_serializing_if = "String::is_empty")]
    pub message_id: String,
    /// Its place in its job, counted from 0.
    #[serde(skip)]
    pub(crate) place: usize,
}

/// What a worker is given to do: `{"mails": [mail, …], "reports": true}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Assignment {
    /// The mails, in the order in which they are to be sent.
    pub mails: Vec<NumberedMail>,
    /// Whether the parent wants a report about each mail. An article-style parent doesn't: it takes the first message for
    /// the reply.
    #[serde(default)]
    pub reports: bool,
}

/// What a worker says about its assignment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(remote = "Self", untagged)]
pub enum Report {
    /// The last message about an assignment: `{"counter": N}`, the number of mails that were sent.
    Reply(Reply),
    /// From now until the next report, only the worker knows about this mail: `{"started": ID}`.
    Started {
        /// The Message-ID.
        started: String,
    },
    /// The mail server accepted the mail: `{"sent": ID}`.
    Sent {
        /// The Message-ID.
        sent: String,
    },
    /// The mail server did not accept the mail, for certain: `{"failed": ID, "why": "…"}`.
    Failed {
        /// The Message-ID.
        failed: String,
        /// One line of text.
        #[serde(default)]
        why: String,
    },
    /// The mail server got the letter and did not answer: `{"unknown": ID, "why": "…"}`.
    Unknown {
        /// The Message-ID.
        unknown: String,
        /// One line of text.
        #[serde(default)]
        why: String,
    },
}

mail::objects_only!(NumberedMail, Assignment, Report);

impl NumberedMail {
    /// The mail in the form in which it travels, under its Message-ID.
    ///
    /// # Errors
    /// See [`Mail::to_message`].
    pub fn to_message(&self) -> Result<Message, String> {
        let mut message = self.mail.to_message()?;
        if self.message_id.contains(char::is_control) {
            return Err("the Message-ID has a line end or another control character".into());
        }
        if !self.message_id.is_empty() {
            message.headers_mut().set(MessageId::from(self.message_id.clone()));
        }
        Ok(message)
    }

    /// How many bytes of text it holds.
    pub fn bytes(&self) -> usize {
        let Mail { from, to, subject, text } = &*self.mail;
        [from, to, subject, text, &self.message_id].iter().map(|text| text.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Assignment, Report};

    #[test]
    fn an_assignment_reads_as_it_was_written() {
        let text = r#"{"mails":[{"from":"a@b","to":"c@d","subject":"s","text":"t","messageId":"<1>"}],"reports":true}"#;
        let assignment: Assignment = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&assignment).unwrap(), text);
        assert_eq!(assignment.mails[0].bytes(), 11);
    }

    #[test]
    fn an_array_is_neither_a_report_nor_a_mail() {
        for text in [r#"["<1>"]"#, r#"[1]"#, r#""ready""#, "{}", r#"{"sent":1}"#] {
            assert!(serde_json::from_str::<Report>(text).is_err(), "{text}");
        }
        for text in [r#"{"mails":[["a@b","c@d","s","t"]]}"#, r#"[[]]"#] {
            assert!(serde_json::from_str::<Assignment>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_message_id_cannot_bring_a_header_of_its_own() {
        let text = r#"{"mails":[{"from":"a@b.test","to":"c@d.test","subject":"s","text":"t","messageId":"<1>\r\nX: y"}]}"#;
        let assignment: Assignment = serde_json::from_str(text).unwrap();
        assert!(assignment.mails[0].to_message().is_err());
    }
}
