//! The sending code, with a bug in it. This part is already written: leave the bug where it is.

use mail::{Mail, SmtpServer};

/// A mail with this subject makes the sending code panic. A real bug hides better, but it does the same.
pub const PANIC_SUBJECT: &str = "panic";

/// Blocks until the server has accepted or refused this mail.
///
/// # Errors
/// One line of text that says why the mail was not accepted.
///
/// # Panics
/// When the subject is [`PANIC_SUBJECT`].
pub fn send(server: &SmtpServer, mail: &Mail) -> Result<(), String> {
    assert!(mail.subject != PANIC_SUBJECT, "the bug in the sending code");
    web::send(server, mail)
}
