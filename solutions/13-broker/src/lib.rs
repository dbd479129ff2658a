//! What lesson 13 has around its work: messages, settings, and the account of the jobs.
//!
//! This part is already written. The lesson is in `main.rs`, `broker.rs` and `worker.rs`.
//!
//! - [`Assignment`] is a mail on its way through the broker, [`Report`] is what became of it, and [`JobId`] names the job
//!   that both belong to. They are in `messages.rs`.
//! - [`Ledger`] is the account, kept in the broker: which jobs there are, what was reported about each, and which are
//!   done. It is in `ledger.rs`. [`add_up`], in `tally.rs`, logs a line for each job that is complete.
//! - [`Refusal`] is why a job was not accepted. It is in `refusal.rs`.
//! - [`next_message`] and [`until_ok`] try again until the broker is there. They are in `retry.rs`.
//! - [`watch_mails`], in `watch.rs`, helps a broker that has lost track of its mails.
//! - [`Settings`] come from the environment. They are in `settings.rs`.

mod ledger;
mod messages;
mod refusal;
mod retry;
mod settings;
mod tally;
mod watch;

pub use ledger::Ledger;
pub use messages::{Assignment, JobId, Report, digest};
pub use refusal::Refusal;
pub use retry::{next_message, until_ok};
pub use settings::Settings;
pub use tally::add_up;
pub use watch::watch_mails;

/// The stream of mails that are to be sent. Its one subject has
/// the same name, and so has what all workers pull from.
pub const MAILS: &str = "mails";
/// How long a pull request stays open. The client sends a new one then.
pub const PULL_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);
/// How often the broker says meanwhile that it is still there.
pub const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(2);

/// An error as text. The broker may have written a part of it.
pub fn text(error: impl ToString) -> String {
    mail::excerpt(&error.to_string())
}
