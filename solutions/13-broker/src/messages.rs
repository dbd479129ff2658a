//! What travels through the broker: a mail on its way, and the report about it.

use mail::Mail;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a job: 1 to 64 letters, digits, `-` and `_`. It becomes
/// a part of subjects, headers and keys, so nothing else may be in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct JobId(String);

impl JobId {
    /// A name that no other job has.
    pub fn random() -> Self {
        Self(format!("{:032x}", fastrand::u128(..)))
    }
}

impl TryFrom<String> for JobId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            true => Ok(Self(text)),
            false => Err("it must have 1 to 64 letters, digits, - and _"),
        }
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One mail of a job, as a message of the stream of mails.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Assignment {
    /// The job's name.
    pub job: JobId,
    /// Which mail of the job this is, from 1 on.
    pub number: usize,
    /// How many mails the job has.
    pub of: usize,
    /// The mail.
    pub mail: Mail,
}

impl Assignment {
    /// The name of this mail: no other mail has it. The same name
    /// means the same mail, however often it comes.
    pub fn id(&self) -> String {
        format!("{}-{}", self.job, self.number)
    }

    /// What stands in the header `Message-ID`, on each delivery of this mail and on no other mail.
    pub fn message_id(&self) -> String {
        format!("<{}@workshop.test>", self.id())
    }

    /// What a worker says about this mail in the end.
    pub fn report(&self, sent: bool) -> Report {
        Report { job: self.job.clone(), number: self.number, of: self.of, sent }
    }
}

/// What became of one mail, as a message of the stream of reports.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Report {
    /// The job's name.
    pub job: JobId,
    /// Which mail of the job this is about.
    pub number: usize,
    /// How many mails the job has.
    pub of: usize,
    /// Whether the SMTP server accepted it.
    pub sent: bool,
}

mail::objects_only!(Assignment, Report);

impl Assignment {
    /// The message as it travels.
    pub fn to_json(&self) -> Vec<u8> {
        json(self)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// One line of text when it isn't a mail of a job.
    pub fn from_json(message: &[u8]) -> Result<Self, String> {
        read(message, |mail: &Self| (mail.number, mail.of))
    }
}

impl Report {
    /// The message as it travels.
    pub fn to_json(&self) -> Vec<u8> {
        json(self)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// One line of text when it isn't a report about a mail of a job.
    pub fn from_json(message: &[u8]) -> Result<Self, String> {
        read(message, |report: &Self| (report.number, report.of))
    }
}

/// What can't be true would never be complete: it is refused where it is read.
fn read<T: DeserializeOwned>(message: &[u8], place: impl Fn(&T) -> (usize, usize)) -> Result<T, String> {
    let value = serde_json::from_slice(message).map_err(|error| error.to_string())?;
    match place(&value) {
        (number, of) if (1..=of).contains(&number) => Ok(value),
        (number, of) => Err(format!("mail {number} of {of}")),
    }
}

fn json(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("strings and numbers can be written as JSON")
}

/// A short text by which other mails are recognized (FNV-1a). It protects a client
/// from mixing up its keys, not from an attacker: that one would only harm itself.
pub fn digest(mails: &[Mail]) -> String {
    let hash = json(&mails).iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
