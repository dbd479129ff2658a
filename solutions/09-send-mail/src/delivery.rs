//! Sending mails over a bounded number of SMTP connections.

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use mail::{Mail, SmtpServer};
use std::env;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How many SMTP connections are open at once when `SMTP_CONNECTIONS` is not set.
pub const DEFAULT_SMTP_CONNECTIONS: usize = 4;

/// How long a connection may take to open, and then for each mail. lettre itself has no limit on a stream
/// that it did not open.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends mails to one SMTP server, over at most so many connections at once.
#[derive(Clone, Debug)]
pub struct Delivery {
    server: SmtpServer,
    connections: usize,
}

/// The mails that no connection has taken yet.
type Queue = Arc<Mutex<std::vec::IntoIter<Mail>>>;

impl Delivery {
    /// As `SMTP_URL` and `SMTP_CONNECTIONS` say.
    ///
    /// # Errors
    /// One line of text when a variable cannot be used.
    pub fn from_env() -> Result<Self, String> {
        let server = SmtpServer::from_env()?;
        let connections = match env::var("SMTP_CONNECTIONS") {
            Ok(text) => text.parse().ok().filter(|number| *number > 0).ok_or(format!(
                "cannot use SMTP_CONNECTIONS \"{text}\": it must be a whole number from 1 up"
            ))?,
            Err(_) => DEFAULT_SMTP_CONNECTIONS,
        };
        Ok(Self { server, connections })
    }

    // ANCHOR: send_all
    /// Sends all mails and counts those that the server accepted. Each of the others is reported on stderr.
    pub async fn send_all(&self, mails: Vec<Mail>) -> usize {
        // ANCHOR: step_5 todo!("5: start as many tasks as there may be connections, and add up what they count")
        let connections = self.connections.min(mails.len());
        let queue: Queue = Arc::new(Mutex::new(mails.into_iter()));
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            tasks.spawn(send_from_queue(self.server.clone(), Arc::clone(&queue)));
        }
        tasks.join_all().await.into_iter().sum()
        // ANCHOR_END: step_5
    }
    // ANCHOR_END: send_all
}

// ANCHOR: send_from_queue
/// One connection's work: takes mails from the queue until it is empty.
async fn send_from_queue(server: SmtpServer, queue: Queue) -> usize {
    // ANCHOR: step_4 todo!("4: take mails from the queue until it is empty, and count")
    let mut connection = None;
    let mut counter = 0;
    while let Some(mail) = take(&queue) {
        match send(&server, &mut connection, &mail).await {
            Ok(()) => counter += 1,
            Err(why) => eprintln!("error: cannot send the mail to {:?}: {why}", mail.to),
        }
    }
    if let Some(mut connection) = connection {
        // The mails are accepted already; a server that does not answer QUIT changes nothing.
        let _ = timeout(SMTP_TIMEOUT, connection.quit()).await;
    }
    counter
    // ANCHOR_END: step_4
}

fn take(queue: &Queue) -> Option<Mail> {
    // The lock is held for this line only, never across an await.
    queue.lock().expect("nobody panics with the lock held").next()
}
// ANCHOR_END: send_from_queue

// ANCHOR: send
/// Sends one mail over the connection, which is opened when there is none.
async fn send(
    server: &SmtpServer,
    connection: &mut Option<AsyncSmtpConnection>,
    mail: &Mail,
) -> Result<(), String> {
    let message = mail.to_message()?;
    // Taken out, so that a connection is used again only after a mail went well.
    let mut open = match connection.take() {
        Some(open) => open,
        None => within_limit(connect(server)).await?,
    };
    let sending = async {
        open.send(message.envelope(), &message.formatted()).await.map_err(|error| error.to_string())
    };
    within_limit(sending).await?;
    *connection = Some(open);
    Ok(())
}

async fn within_limit<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| format!("no answer within {} seconds", SMTP_TIMEOUT.as_secs());
    timeout(SMTP_TIMEOUT, work).await.map_err(late)?
}
// ANCHOR_END: send

// ANCHOR: connect
async fn connect(server: &SmtpServer) -> Result<AsyncSmtpConnection, String> {
    let stream = TcpStream::connect((server.host.as_str(), server.port))
        .await
        .map_err(|error| format!("cannot connect to {}:{}: {error}", server.host, server.port))?;
    // ANCHOR: step_3 todo!("3: make the stream send at once, and let lettre speak SMTP over it")
    // lettre writes a letter and its final dot with two writes. Without this option, the second one waits for
    // an acknowledgement of the first, which the other side delays by 40 ms (tcp(7): TCP_NODELAY).
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &ClientId::default())
        .await
        .map_err(|error| error.to_string())
    // ANCHOR_END: step_3
}
// ANCHOR_END: connect
