//! Speaking SMTP without blocking. This part is given. The lesson is in `main.rs`.

mod smtp;

pub use smtp::{SmtpError, SmtpSession};
