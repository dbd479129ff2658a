//! Speaking SMTP without blocking, on top of lettre's `AsyncSmtpConnection`.

use lettre::Message;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use mail::SmtpServer;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the server may take to answer QUIT. The mails are accepted by then.
const QUIT_LIMIT: Duration = Duration::from_secs(1);
/// The longest reply that is read. RFC 5321 has 512 bytes a line, but some servers are talkative.
const MAX_REPLY_BYTES: usize = 100_000;
/// The most lines of a reply. The one to EHLO has ten or
/// twenty, and lettre parses all of them again after each line.
const MAX_REPLY_LINES: usize = 100;

/// An open conversation with an SMTP server.
pub struct SmtpSession {
    connection: AsyncSmtpConnection,
}

/// Why a mail was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpError {
    /// The server said no, or would if it were asked: the same mail will never be accepted (5xx).
    Refused(String),
    /// The server said "not now" (4xx). Another time, or from another host, it may accept the mail.
    NotNow(String),
    /// The server said 421: it closes the connection, whatever we want (RFC 5321, section 3.8).
    Closing(String),
    /// There was no answer, or one that makes no sense. The session is over.
    NoAnswer(String),
}

impl SmtpSession {
    /// Connects and says hello.
    ///
    /// # Errors
    /// When the server cannot be reached or doesn't speak SMTP.
    pub async fn connect(server: &SmtpServer) -> Result<Self, SmtpError> {
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(|error| {
            SmtpError::NoAnswer(format!("cannot connect to {}:{}: {error}", server.host, server.port))
        })?;
        // lettre writes a letter and its final dot with two writes. Without
        // this option, the second one waits for an acknowledgment of the
        // first, which the other side delays by 40 ms (tcp(7): TCP_NODELAY).
        stream.set_nodelay(true).map_err(|error| SmtpError::NoAnswer(error.to_string()))?;
        let stream = Box::new(ShortReplies { stream, bytes: 0, lines: 0 });
        let connection = AsyncSmtpConnection::connect_with_transport(stream, &ClientId::default()).await?;
        Ok(Self { connection })
    }

    /// Sends a mail and waits until the server has accepted it.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn send(&mut self, message: &Message) -> Result<(), SmtpError> {
        self.offer(message).await?;
        self.hand_over(message).await
    }

    /// The first half of [`send`](Self::send): names the sender and the recipients to the
    /// server. The letter itself stays here, so whatever goes wrong, the mail is not accepted.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn offer(&mut self, message: &Message) -> Result<(), SmtpError> {
        let envelope = message.envelope();
        let mut options = vec![MailParameter::Body(MailBodyParameter::EightBitMime)];
        options.retain(|_| self.connection.server_info().supports_feature(Extension::EightBitMime));
        let mut addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
            if !self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let why = "the server takes only ASCII addresses (it does not offer SMTPUTF8, RFC 6531)";
                return Err(SmtpError::Refused(why.into()));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        let reply = self.connection.command(Mail::new(envelope.from().cloned(), options)).await?;
        expect(&reply, &[250])?;
        for to in envelope.to() {
            // 251: the server forwards the mail.
            let reply = self.connection.command(Rcpt::new(to.clone(), vec![])).await?;
            expect(&reply, &[250, 251])?;
        }
        Ok(())
    }

    /// The second half of [`send`](Self::send): sends the letter that was
    /// offered. Only the final dot makes the server accept it (RFC 5321,
    /// section 4.2.5). Between the dot and the answer, only the server knows.
    ///
    /// # Errors
    /// Why the mail does not count as sent. After [`SmtpError::NoAnswer`] it may have been accepted.
    pub async fn hand_over(&mut self, message: &Message) -> Result<(), SmtpError> {
        match self.connection.command(Data).await {
            Ok(reply) if reply.has_code(354) => {}
            // The letter was not sent: whatever went wrong, the mail is not accepted.
            Ok(reply) => return Err(SmtpError::NotNow(unexpected(&reply))),
            Err(error) => {
                return Err(match SmtpError::from(error) {
                    SmtpError::NoAnswer(why) => SmtpError::NotNow(why),
                    refusal => refusal,
                });
            }
        }
        let reply = self.connection.message(&message.formatted()).await?;
        expect(&reply, &[250])
    }

    /// Says goodbye. What the server answers changes nothing.
    pub async fn quit(mut self) {
        let _ = timeout(QUIT_LIMIT, self.connection.quit()).await;
    }
}

/// A server that answers once too often is a step ahead: its replies are about other commands than ours.
fn expect(reply: &Response, codes: &[u16]) -> Result<(), SmtpError> {
    match codes.iter().any(|code| reply.has_code(*code)) {
        true => Ok(()),
        false => Err(SmtpError::NoAnswer(unexpected(reply))),
    }
}

fn unexpected(reply: &Response) -> String {
    format!("unexpected reply: {} {}", reply.code(), mail::excerpt(reply.first_line().unwrap_or_default()))
}

impl SmtpError {
    /// Whether the server ended the session instead of saying anything
    /// about the mail. Before DATA, another session may do better.
    pub fn is_about_session(&self) -> bool {
        matches!(self, Self::Closing(_) | Self::NoAnswer(_))
    }
}

impl From<lettre::transport::smtp::Error> for SmtpError {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        let why = mail::excerpt(&error.to_string());
        match error.status().map(u16::from) {
            Some(421) => Self::Closing(why),
            Some(400..500) => Self::NotNow(why),
            Some(_) => Self::Refused(why),
            None => Self::NoAnswer(why),
        }
    }
}

impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(why) | Self::NotNow(why) | Self::Closing(why) | Self::NoAnswer(why)) = self;
        f.write_str(why)
    }
}

/// The connection to a server whose replies have a limit. lettre
/// reads a line to its end, however far that is, and line after line.
#[derive(Debug)]
struct ShortReplies {
    stream: TcpStream,
    /// What came since we wrote last.
    bytes: usize,
    lines: usize,
}

impl AsyncTokioStream for ShortReplies {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for ShortReplies {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let came = &buf.filled()[before..];
        self.bytes += came.len();
        self.lines += came.iter().filter(|byte| **byte == b'\n').count();
        if self.bytes > MAX_REPLY_BYTES || self.lines > MAX_REPLY_LINES {
            let limit = format!("{MAX_REPLY_BYTES} bytes or {MAX_REPLY_LINES} lines");
            return Poll::Ready(Err(io::Error::other(format!("a reply of more than {limit}"))));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ShortReplies {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        (self.bytes, self.lines) = (0, 0);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
