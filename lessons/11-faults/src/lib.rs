//! What a server and its workers need when workers may die half way.
//!
//! - `messages.rs` (given): what the two say to each other. A [`Task`] goes there, [`Report`]s come back.
//! - `worker.rs`: the worker, [`send_mail`]. It reports each mail as it goes.
//! - `outbox.rs` (given): one SMTP connection, with its one dangerous moment in sight.
//! - `account.rs`: what became of each mail of a job.
//! - `jobs.rs` (given): all jobs of a server, and what `GET /jobs/ID` says of them.
//! - `server.rs` (given): the configuration and the signals of a server.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

pub mod account;
pub mod jobs;
pub mod messages;
pub mod outbox;
pub mod server;
pub mod worker;

pub use account::{Account, Numbers, State};
pub use jobs::{Errand, Jobs, RetryError};
pub use messages::{Answer, NumberedMail, Report, Task};
pub use outbox::{NotAccepted, Outbox};
pub use server::{EndSignals, Patience, WorkerCommand};
pub use worker::send_mail;
