//! What travels through the broker: a mail on its way, and the report about it.

use mail::Mail;
use serde::{Deserialize, Serialize};

/// What has an id of its own. The same id means the same thing, however often it comes.
pub trait Identified: Serialize {
    /// The id: letters, digits, `_` and `-`.
    fn id(&self) -> String;
}

/// One mail of a job, as a message of the stream of mails.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Task {
    /// The job's id.
    pub job: String,
    /// Which mail of the job this is, from 1 on.
    pub number: usize,
    /// How many mails the job has.
    pub of: usize,
    /// The mail.
    pub mail: Mail,
}

impl Identified for Task {
    fn id(&self) -> String {
        format!("{}-{}", self.job, self.number)
    }
}

impl Task {
    // ANCHOR: message_id
    /// What stands in the header `Message-ID`, on each delivery of this mail and on no other mail.
    pub fn message_id(&self) -> String {
        // ANCHOR: step_6 todo!("6: <NAME@HOST>, the same for the same mail, and another for every other")
        format!("<{}@workshop.test>", self.id())
        // ANCHOR_END: step_6
    }
    // ANCHOR_END: message_id

    /// What a worker says about this mail in the end.
    pub fn report(&self, sent: bool) -> Report {
        Report { job: self.job.clone(), number: self.number, of: self.of, sent }
    }
}

/// What became of one mail, as a message of the stream of reports.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// The job's id.
    pub job: String,
    /// Which mail of the job this is about.
    pub number: usize,
    /// How many mails the job has.
    pub of: usize,
    /// Whether the SMTP server accepted it.
    pub sent: bool,
}

impl Identified for Report {
    fn id(&self) -> String {
        format!("{}-{}", self.job, self.number)
    }
}
