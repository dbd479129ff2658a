//! Speaking SMTP without blocking, and what the server's requests share. This part is already written. The lesson is in `main.rs`.
//!
//! - [`App`] has what all requests share, and [`stats`] answers `GET /stats`. They are in `app.rs`.
//! - [`to_message`] has the bug of lesson 03. It is in `buggy.rs`.
//! - [`SmtpSession`] is a conversation with the SMTP server; [`SmtpError`] says why a mail was not accepted. They are in
//!   `smtp.rs`.
//! - [`SmtpClient`] is for lesson 09: it sends many mails over one session. It is in `client.rs`.

mod app;
mod buggy;
mod client;
mod smtp;

pub use app::{App, Stats, stats};
pub use buggy::{PANIC_SUBJECT, to_message};
pub use client::SmtpClient;
pub use smtp::{SmtpError, SmtpSession};
