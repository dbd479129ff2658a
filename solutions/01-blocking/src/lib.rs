//! What the programs of the workshop share: mails and jobs, where mail goes, settings, and lines for people to read.
//!
//! This part is already written. The lesson is in `main.rs`.
//!
//! - [`Mail`], [`Job`] and [`Reply`] are what programs tell each other. They are in `mail.rs`.
//! - [`SmtpServer`] is where mail goes. It is in `smtp_server.rs`.
//! - [`env`] reads settings from the environment.
//! - [`exit_code`] makes an exit status of what became of a program's work. It is in `exit.rs`.
//! - [`log!`] writes a line to stderr, [`print_line`] one to stdout. They are in `lines.rs`.
//! - [`objects_only!`] is for types that come from outside as JSON. It is in `objects.rs`.

pub mod env;
mod exit;
mod lines;
mod mail;
mod objects;
mod smtp_server;

pub use exit::exit_code;
pub use lines::{count, excerpt, let_no_panic_wait, print_line, write_log_line};
pub use mail::{Job, Mail, Reply};
pub use smtp_server::{DEFAULT_SMTP_URL, SmtpServer};
