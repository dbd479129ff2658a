//! The worker `send_mail`: jobs come as messages, mails go out over SMTP, replies go back as messages.
//!
//! - [`send_mail`] is the whole worker, from its start to its exit status. It is in `worker.rs`.
//! - [`Delivery`] sends the mails of a job over a limited number of SMTP connections. It is in `delivery.rs`.
//! - [`SmtpClient`] (given) sends many mails over one session. It is in the library of lesson 04.
//! - [`run_worker`] (given) is what a worker does before its first job and after its last. It is in `worker.rs`.

mod delivery;
mod worker;

pub use delivery::{DEFAULT_SMTP_CONNECTIONS, Delivery};
pub use smtp::SmtpClient;
pub use worker::{run_worker, send_mail};
