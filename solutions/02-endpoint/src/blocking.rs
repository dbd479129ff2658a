//! Lesson 01 once more: the blocking call that sends a mail.

use lettre::{SmtpTransport, Transport};
use mail::{Mail, SmtpServer};
use std::time::Duration;

/// How long the SMTP server may take for one step of the conversation.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Blocks until the server has accepted or refused this mail.
///
/// # Errors
/// One line of text that says why the mail was not accepted.
pub fn send(server: &SmtpServer, mail: &Mail) -> Result<(), String> {
    let transport =
        SmtpTransport::builder_dangerous(&server.host).port(server.port).timeout(Some(SMTP_TIMEOUT)).build();
    let message = mail.to_message()?;
    transport.send(&message).map_err(|error| error.to_string())?;
    Ok(())
}
