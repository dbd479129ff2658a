//! Mails, jobs and the address of the SMTP server: what every lesson that sends mail needs.
//!
//! This part is given. The lesson is in `main.rs`.

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use serde::{Deserialize, Serialize};
use std::env;
use url::Url;

/// Where mail goes when `SMTP_URL` is not set.
pub const DEFAULT_SMTP_URL: &str = "smtp://127.0.0.1:2525";

/// The port of SMTP (RFC 5321), for a URL that names none.
const SMTP_PORT: u16 = 25;

/// A mail, with the field names of Node's nodemailer. All fields are required, others are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
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
pub struct Job {
    /// The mails, in the order in which they are to be sent.
    pub mails: Vec<Mail>,
}

/// What `send_mail` answers: `{"counter": N}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Answer {
    /// The number of mails that the SMTP server accepted.
    pub counter: usize,
}

impl Mail {
    /// The mail in the form in which it travels (RFC 5322).
    ///
    /// # Errors
    /// One line of text when an address cannot be parsed, or when the subject has more than one line. A line
    /// end in a header would let the sender of a request add headers of his own ("header injection").
    pub fn to_message(&self) -> Result<Message, String> {
        if self.subject.contains(['\r', '\n']) {
            return Err("the subject has more than one line".into());
        }
        Message::builder()
            .from(address("from", &self.from)?)
            .to(address("to", &self.to)?)
            .subject(&self.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(self.text.clone())
            .map_err(|error| error.to_string())
    }
}

fn address(field: &str, text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|error| format!("\"{field}\" is no mail address: {error}"))
}

/// The host and port of an SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer {
    /// The name or the IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl SmtpServer {
    /// The server that the environment variable `SMTP_URL` names, or the one of [`DEFAULT_SMTP_URL`].
    ///
    /// # Errors
    /// One line of text when the value is not `smtp://HOST[:PORT]`. A password is refused, since it would
    /// travel in clear text.
    pub fn from_env() -> Result<Self, String> {
        let text = env::var("SMTP_URL").unwrap_or_else(|_| DEFAULT_SMTP_URL.into());
        Self::parse(&text).map_err(|why| format!("cannot use SMTP_URL \"{text}\": {why}"))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        match url.scheme() {
            "smtp" => {}
            "smtps" => return Err("this workshop speaks no TLS, use smtp://HOST:PORT".into()),
            other => return Err(format!("unknown scheme \"{other}\", use smtp://HOST:PORT")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("this workshop does not log in, use smtp://HOST:PORT".into());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        // An IPv6 address stands in brackets in a URL, and without them everywhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port().unwrap_or(SMTP_PORT) })
    }
}
