//! What became of each mail of a job. Lessons 11 and 12 use it; it is given.
//!
//! - `messages.rs`: what a server and its workers say to each other. An [`Assignment`] goes to the worker, a [`Report`]
//!   about each mail comes back, and at last a reply.
//! - `account.rs`: what the server knows about each mail ([`State`]), and the [`Numbers`] of a job.
//! - `list.rs`: all [`Jobs`] of a server, and what `GET /jobs/ID` answers ([`Status`]).
//! - `progress.rs`: what one worker was given and has said about it so far ([`Progress`]).
//! - `size.rs`: how much some mails are ([`Size`]), for limits.
//! - `answers.rs`: what the server answers to requests about jobs ([`Accepted`], [`status`](status())).

mod account;
mod answers;
mod list;
mod messages;
mod progress;
mod size;

pub use account::{Numbers, Problem, State, Why};
pub use answers::{Accepted, status};
pub use list::{Jobs, RetryError, Status};
pub use messages::{Assignment, NumberedMail, Report};
pub use progress::Progress;
pub use size::Size;
