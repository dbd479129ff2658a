//! The sending code, with the bug of lesson 03 in it. Leave the bug where it is.

use lettre::Message;
use mail::Mail;

/// A mail with this subject makes the sending code panic.
pub const PANIC_SUBJECT: &str = "panic";

/// The mail in the form in which it travels.
///
/// # Errors
/// One line of text that says why it cannot be sent.
///
/// # Panics
/// When the subject is [`PANIC_SUBJECT`].
pub fn to_message(mail: &Mail) -> Result<Message, String> {
    assert!(mail.subject != PANIC_SUBJECT, "the bug in the sending code");
    mail.to_message()
}
