//! Mails and jobs, as programs tell them to each other, and the form in which a mail travels.

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, Message, SinglePart};
use serde::{Deserialize, Serialize};

/// The longest line that a header may have (RFC 5322, section 2.1.1).
const MAX_HEADER_LINE: usize = 998;

/// A mail, with the field names of Node's nodemailer. All fields are required, others are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Mail {
    /// The sender's address, such as `Ann <ann@example.org>`.
    pub from: String,
    /// The recipient's address.
    pub to: String,
    /// The subject, on one line.
    pub subject: String,
    /// The body, as plain text.
    pub text: String,
}

/// What `send_mail` is asked to do: `{"mails": [mail, …]}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Job {
    /// The mails, in the order in which they are to be sent.
    pub mails: Vec<Mail>,
}

/// What `send_mail` replies: `{"counter": N}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Reply {
    /// The number of mails that the SMTP server accepted.
    pub counter: usize,
}

crate::objects_only!(Mail, Job, Reply);

impl Mail {
    /// The mail in the form in which it travels (RFC 5322), with a `Message-ID` that no other mail has.
    ///
    /// # Errors
    /// One line of text when an address cannot be parsed, or when a header would have a control character or a line
    /// that is too long. A line end in a header would let whoever wrote the mail add headers of their own ("header
    /// injection").
    pub fn to_message(&self) -> Result<Message, String> {
        if self.subject.contains(char::is_control) {
            return Err("the subject has a line end or another control character".into());
        }
        let message = Message::builder()
            .from(address("from", &self.from)?)
            .to(address("to", &self.to)?)
            .subject(&self.subject)
            .message_id(None)
            // A part writes MIME-Version too, without which the other headers mean nothing (RFC 2045, section 4).
            .singlepart(text_part(&self.text))
            .map_err(|error| error.to_string())?;
        match message.headers().to_string().lines().any(|line| line.len() > MAX_HEADER_LINE) {
            true => Err(format!("a header has a line of more than {MAX_HEADER_LINE} bytes")),
            false => Ok(message),
        }
    }
}

/// The address, with the domain in ASCII: every mail server understands `xn--bcher-kva.example` (RFC 5891).
fn address(field: &str, text: &str) -> Result<Mailbox, String> {
    let bad = |error: &dyn std::fmt::Display| format!("\"{field}\" is not a valid mail address: {error}");
    let mailbox: Mailbox = text.parse().map_err(|error| bad(&error))?;
    if mailbox.email.domain().is_ascii() {
        return Ok(mailbox);
    }
    let domain = url::Host::parse(mailbox.email.domain()).map_err(|error| bad(&error))?;
    let email = Address::new(mailbox.email.user(), domain.to_string()).map_err(|error| bad(&error))?;
    Ok(Mailbox { email, ..mailbox })
}

/// The text as the body of the mail. Bytes that must not travel as they are, such as NUL or a CR without LF (RFC 5321,
/// section 2.3.8), are encoded.
fn text_part(text: &str) -> SinglePart {
    let lines = text.replace("\r\n", "\n");
    if !lines.contains(|character: char| character.is_control() && !matches!(character, '\n' | '\t')) {
        return SinglePart::plain(lines);
    }
    let body = Body::new_with_encoding(lines, ContentTransferEncoding::Base64);
    let body = body.expect("base64 takes every text");
    SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body)
}
