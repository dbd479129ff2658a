//! Mails and jobs, as programs tell them to each other, and the message that lettre sends.

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
    /// The mail as the message that lettre sends (RFC 5322), with a `Message-ID` that no other mail has.
    ///
    /// # Errors
    /// One line of text when an address cannot be parsed, or when a header would have a control character or a line
    /// that is too long. A line break in a header would let the author of the mail add headers of their own ("header
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
    let is_raw = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    // A line may end with CR LF or with LF alone.
    if !text.replace("\r\n", "\n").contains(is_raw) {
        return SinglePart::plain(text.to_owned());
    }
    let body = Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::Base64);
    SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body.expect("base64 takes every text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        let text = "Hello Bob\n".to_owned();
        Mail { from: "ann@example.org".into(), to: "bob@example.org".into(), subject: "Hello".into(), text }
    }

    /// The headers, each unfolded on a line of its own, and the body.
    fn sent(mail: &Mail) -> (Vec<String>, Vec<u8>) {
        let message = mail.to_message().expect("a message").formatted();
        let end = message.windows(4).position(|four| four == b"\r\n\r\n").expect("an empty line");
        let headers = String::from_utf8(message[..end].to_vec()).expect("text").replace("\r\n ", " ");
        (headers.split("\r\n").map(str::to_owned).collect(), message[end + 4..].to_vec())
    }

    fn header(mail: &Mail, name: &str) -> Vec<String> {
        let named = |line: &String| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned);
        sent(mail).0.iter().filter_map(named).collect()
    }

    #[test]
    fn a_message_has_the_headers_that_every_mail_needs() {
        let mail = mail();
        assert_eq!(header(&mail, "MIME-Version"), ["1.0"]);
        assert_eq!(header(&mail, "Content-Type"), ["text/plain; charset=utf-8"]);
        assert_eq!(header(&mail, "From"), ["ann@example.org"]);
        assert_eq!(header(&mail, "To"), ["bob@example.org"]);
        assert_eq!(header(&mail, "Subject"), ["Hello"]);
        assert_eq!(header(&mail, "Date").len(), 1);
        let ids = [header(&mail, "Message-ID"), header(&mail, "Message-ID")];
        assert!(ids.iter().all(|id| id.len() == 1 && id[0].starts_with('<') && id[0].ends_with('>')));
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn lines_end_with_cr_lf_and_no_others_travel_raw() {
        for text in ["one\ntwo\n", "one\r\ntwo\r\n", "one\r\ntwo\n"] {
            assert_eq!(sent(&Mail { text: text.into(), ..mail() }).1.trim_ascii_end(), b"one\r\ntwo");
        }
        // Base64, whose alphabet is harmless: `echo YQ1i | base64 -d | od -c`
        for (text, body) in
            [("a\rb", "YQ1i"), ("a\0b", "YQBi"), ("a\r\r\nb", "YQ0NCmI="), ("a\u{1b}\nb", "YRsNCmI=")]
        {
            let mail = Mail { text: text.into(), ..mail() };
            assert_eq!(String::from_utf8(sent(&mail).1).unwrap().trim_end(), body, "{text:?}");
            assert_eq!(header(&mail, "Content-Transfer-Encoding"), ["base64"]);
        }
    }

    #[test]
    fn a_long_line_of_text_is_cut() {
        for text in ["x".repeat(5000), "ü".repeat(5000)] {
            let (_, body) = sent(&Mail { text, ..mail() });
            assert!(body.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
        }
    }

    #[test]
    fn a_subject_is_one_line_without_control_characters() {
        for bad in
            ["\n", "\r", "\r\nBcc: eve@example.org", "\0", "\u{b}", "\u{c}", "\u{1b}[31m", "\u{7f}", "\u{85}"]
        {
            let error = Mail { subject: format!("Hello{bad}"), ..mail() }.to_message().unwrap_err();
            assert!(error.starts_with("the subject has"), "{error}");
        }
        let subject = Mail { subject: "Grüße 📨".into(), ..mail() };
        assert!(header(&subject, "Subject")[0].starts_with("=?utf-8?b?"));
    }

    #[test]
    fn no_header_has_a_line_of_more_than_998_bytes() {
        let long = Mail { subject: "x".repeat(2000), ..mail() };
        assert_eq!(long.to_message().unwrap_err(), "a header has a line of more than 998 bytes");
        // Where there are spaces, or where the subject is encoded anyway, a long header is folded.
        for subject in ["word ".repeat(400), "ü".repeat(2000)] {
            let message = Mail { subject, ..mail() }.to_message().expect("a message").formatted();
            assert!(message.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
        }
        let name = Mail { from: format!("{} <ann@example.org>", "x".repeat(2000)), ..mail() };
        assert!(name.to_message().is_err());
    }

    #[test]
    fn a_domain_travels_in_ascii() {
        let mail = Mail { to: "Bob <bob@bücher.example>".into(), ..mail() };
        assert_eq!(header(&mail, "To"), ["Bob <bob@xn--bcher-kva.example>"]);
        let message = mail.to_message().unwrap();
        assert_eq!(message.envelope().to()[0].to_string(), "bob@xn--bcher-kva.example");
    }

    #[test]
    fn an_address_cannot_bring_headers_or_commands() {
        for bad in [
            "",
            "bob",
            "bob@",
            "bob@exa mple.org",
            "bob@example.org, eve@example.org",
            "bob@example.org\r\nBcc: eve@example.org",
            "bob@example.org>\r\nRCPT TO:<eve@example.org",
            "Bob\r\nBcc: eve@example.org <bob@example.org>",
            "Bob\u{1b} <bob\0@example.org>",
        ] {
            for mail in [Mail { to: bad.into(), ..mail() }, Mail { from: bad.into(), ..mail() }] {
                let error = mail.to_message().unwrap_err();
                assert!(error.contains("is not a valid mail address"), "{bad:?}: {error}");
                assert!(!error.contains(char::is_control), "{error:?}");
            }
        }
    }

    #[test]
    fn only_objects_are_mails_and_jobs() {
        let job = r#"{"mails": [{"from": "a@x", "to": "b@x", "subject": "s", "text": "t", "more": 1}]}"#;
        let parsed: Job = serde_json::from_str(job).unwrap();
        assert_eq!(parsed.mails[0].to, "b@x");
        assert_eq!(serde_json::from_str::<Job>(&serde_json::to_string(&parsed).unwrap()).unwrap(), parsed);
        for bad in
            [r#"[[]]"#, r#"[[["a@x","b@x","s","t"]]]"#, r#"{"mails":[["a@x","b@x","s","t"]]}"#, "null", "7"]
        {
            let error = serde_json::from_str::<Job>(bad).unwrap_err().to_string();
            assert!(error.contains("expected an object"), "{bad}: {error}");
        }
        assert!(serde_json::from_str::<Reply>("[1]").is_err());
    }
}
