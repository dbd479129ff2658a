//! Sending many mails over one SMTP session.

use crate::{SmtpError, SmtpSession};
use lettre::Message;
use mail::SmtpServer;
use std::time::Duration;
use tokio::time::timeout;

/// How long connecting and offering a mail may take, and then handing it over.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that opens its session at the first mail, and again when the server has closed it.
pub struct SmtpClient {
    server: SmtpServer,
    session: Option<SmtpSession>,
}

impl SmtpClient {
    /// A client of this server. Nothing is opened yet.
    pub fn new(server: SmtpServer) -> Self {
        Self { server, session: None }
    }

    /// Sends a mail and waits until the server has accepted it.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn send(&mut self, message: &Message) -> Result<(), SmtpError> {
        self.offer(message).await?;
        self.hand_over(message).await
    }

    /// The first half of [`send`](Self::send), after which the server hasn't seen the letter: see
    /// [`SmtpSession::offer`].
    ///
    /// # Errors
    /// Why the mail is not accepted.
    pub async fn offer(&mut self, message: &Message) -> Result<(), SmtpError> {
        // Taken out, so that a session is used again only after everything went well.
        let session = self.session.take();
        self.session = Some(within_limit(offered(&self.server, session, message)).await?);
        Ok(())
    }

    /// The second half of [`send`](Self::send), for the message
    /// that was offered: see [`SmtpSession::hand_over`].
    ///
    /// # Errors
    /// Why the mail does not count as sent. After [`SmtpError::NoAnswer`] it may have been accepted.
    pub async fn hand_over(&mut self, message: &Message) -> Result<(), SmtpError> {
        let mut session =
            self.session.take().ok_or_else(|| SmtpError::NotNow("nothing was offered".into()))?;
        within_limit(session.hand_over(message)).await?;
        self.session = Some(session);
        Ok(())
    }

    /// A client with the open session. What stays behind opens a new one when it needs one.
    pub fn take(&mut self) -> Self {
        Self { server: self.server.clone(), session: self.session.take() }
    }

    /// Says goodbye, if a session is open.
    pub async fn quit(self) {
        if let Some(session) = self.session {
            session.quit().await;
        }
    }
}

/// A session that has offered the message. A server may close a session after
/// some mails; a new one does no harm, since it has not seen the letter.
async fn offered(
    server: &SmtpServer,
    session: Option<SmtpSession>,
    message: &Message,
) -> Result<SmtpSession, SmtpError> {
    if let Some(mut session) = session {
        match session.offer(message).await {
            Ok(()) => return Ok(session),
            Err(error) if error.is_about_session() => {}
            Err(error) => return Err(error),
        }
    }
    let mut session = SmtpSession::connect(server).await?;
    session.offer(message).await?;
    Ok(session)
}

async fn within_limit<T>(work: impl Future<Output = Result<T, SmtpError>>) -> Result<T, SmtpError> {
    let late = |_| SmtpError::NoAnswer(format!("no answer within {} seconds", SMTP_TIMEOUT.as_secs()));
    timeout(SMTP_TIMEOUT, work).await.map_err(late)?
}
