//! Lesson 01 once more: one mail after another, each with a blocking call.

use lettre::{SmtpTransport, Transport};
use mail::{Mail, SmtpServer, log};
use std::time::Duration;

/// How long the SMTP server may take for one step of the conversation.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends one mail after another and returns the number that the server accepted. The others are reported
/// on stderr.
pub fn send_all(server: &SmtpServer, mails: &[Mail]) -> usize {
    let mut counter = 0;
    for mail in mails {
        match send(server, mail) {
            Ok(()) => counter += 1,
            Err(why) => log!("error: cannot send the mail to {:?}: {why}", mail.to),
        }
    }
    counter
}

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
