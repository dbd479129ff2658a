//! Sending one mail, as in lesson 09: over a stream of our own, without Nagle's delay. This part is given.
//!
//! New are the header `Message-ID`, and that "no" and "not now" are told apart.

use lettre::message::header::MessageId;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use mail::{Mail, SmtpServer};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a mail may take.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// What became of a mail.
pub enum Outcome {
    /// The SMTP server has accepted it.
    Accepted,
    /// It will never be accepted, for this reason.
    Refused(String),
    /// It was not accepted now. Another time, or from another host, it may be.
    Later(String),
}

/// Sends one mail over a connection of its own.
pub async fn send(server: &SmtpServer, mail: &Mail, message_id: String) -> Outcome {
    match timeout(SMTP_TIMEOUT, try_send(server, mail, message_id)).await {
        Ok(Ok(())) => Outcome::Accepted,
        Ok(Err(outcome)) => outcome,
        Err(_) => Outcome::Later(format!("no answer within {} seconds", SMTP_TIMEOUT.as_secs())),
    }
}

async fn try_send(server: &SmtpServer, mail: &Mail, message_id: String) -> Result<(), Outcome> {
    let mut message = mail.to_message().map_err(Outcome::Refused)?;
    message.headers_mut().set(MessageId::from(message_id));
    let mut connection = connect(server).await.map_err(Outcome::Later)?;
    connection.send(message.envelope(), &message.formatted()).await.map_err(|error| {
        if error.is_permanent() {
            Outcome::Refused(error.to_string())
        } else {
            Outcome::Later(error.to_string())
        }
    })?;
    // The mail is accepted already; a server that does not answer QUIT changes nothing.
    let _ = timeout(Duration::from_secs(1), connection.quit()).await;
    Ok(())
}

async fn connect(server: &SmtpServer) -> Result<AsyncSmtpConnection, String> {
    let stream = TcpStream::connect((server.host.as_str(), server.port))
        .await
        .map_err(|error| format!("cannot connect to {}:{}: {error}", server.host, server.port))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &ClientId::default())
        .await
        .map_err(|error| error.to_string())
}
