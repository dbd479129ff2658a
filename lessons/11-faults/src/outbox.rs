//! One SMTP connection, with its one dangerous moment in sight. This part is given.
//!
//! Until the final dot, a mail server has accepted nothing (RFC 5321, section 4.2.5). After it has answered, both
//! sides know. In between only the server knows. So sending has two steps here: [`Outbox::offer`] is safe at any
//! point, [`Outbox::hand_over`] is not.

use crate::NumberedMail;
use lettre::Message;
use lettre::message::header::MessageId;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use mail::SmtpServer;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long each of the two steps may take.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends mails over one connection, which it opens when there is none.
pub struct Outbox {
    server: SmtpServer,
    connection: Option<AsyncSmtpConnection>,
    /// What was offered and not handed over yet.
    offered: Option<(AsyncSmtpConnection, Message)>,
}

/// Why a mail that was handed over does not count as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The server said no.
    Refused(String),
    /// The server got the letter and said nothing. It may have accepted it.
    NoAnswer(String),
}

impl Outbox {
    /// An outbox for this server. Nothing is opened yet.
    pub fn new(server: SmtpServer) -> Self {
        Self { server, connection: None, offered: None }
    }

    /// Names the sender and the recipient to the server. The letter itself is not sent.
    ///
    /// # Errors
    /// One line of text. The mail is not accepted, for certain.
    pub async fn offer(&mut self, mail: &NumberedMail) -> Result<(), String> {
        let mut message = mail.mail.to_message()?;
        if !mail.message_id.is_empty() {
            message.headers_mut().set(MessageId::from(mail.message_id.clone()));
        }
        let envelope = message.envelope();
        let offering = async {
            // Taken out, so that a connection is used again only after everything went well.
            let mut open = match self.connection.take() {
                Some(open) => open,
                None => connect(&self.server).await?,
            };
            open.command(Mail::new(envelope.from().cloned(), vec![])).await.map_err(in_words)?;
            for to in envelope.to() {
                open.command(Rcpt::new(to.clone(), vec![])).await.map_err(in_words)?;
            }
            Ok(open)
        };
        let open = timeout(SMTP_TIMEOUT, offering).await.unwrap_or_else(|_| Err(late()))?;
        self.offered = Some((open, message));
        Ok(())
    }

    /// Sends the letter that was offered, and waits until the server has accepted or refused it.
    ///
    /// # Errors
    /// Why it does not count as sent.
    pub async fn hand_over(&mut self) -> Result<(), NotAccepted> {
        let (mut open, message) =
            self.offered.take().ok_or(NotAccepted::Refused("nothing was offered".into()))?;
        // The server answers DATA with "go on". Until then it has not seen the letter.
        let start = timeout(SMTP_TIMEOUT, open.command(Data)).await;
        start
            .map_or_else(|_| Err(late()), |answer| answer.map_err(in_words))
            .map_err(NotAccepted::Refused)?;
        match timeout(SMTP_TIMEOUT, open.message(&message.formatted())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.status().is_some() => return Err(NotAccepted::Refused(in_words(error))),
            Ok(Err(error)) => return Err(NotAccepted::NoAnswer(in_words(error))),
            Err(_) => return Err(NotAccepted::NoAnswer(late())),
        }
        self.connection = Some(open);
        Ok(())
    }

    /// Closes the connection, if one is open, with a good-bye.
    pub async fn close(&mut self) {
        if let Some(mut open) = self.connection.take() {
            // The mails are accepted already; a server that does not answer QUIT changes nothing.
            let _ = timeout(SMTP_TIMEOUT, open.quit()).await;
        }
    }
}

fn in_words(error: Error) -> String {
    error.to_string()
}

fn late() -> String {
    format!("no answer within {} seconds", SMTP_TIMEOUT.as_secs())
}

async fn connect(server: &SmtpServer) -> Result<AsyncSmtpConnection, String> {
    let stream = TcpStream::connect((server.host.as_str(), server.port))
        .await
        .map_err(|error| format!("cannot connect to {}:{}: {error}", server.host, server.port))?;
    // Without this option the final dot waits for an acknowledgement (see lesson 09).
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &ClientId::default())
        .await
        .map_err(in_words)
}
