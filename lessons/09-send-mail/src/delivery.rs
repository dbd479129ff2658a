//! Sending mails over a bounded number of SMTP connections.

use mail::{Mail, SmtpServer, env, log};
use smtp::SmtpClient;
use std::sync::{Arc, Mutex};
use std::vec;
use tokio::task::JoinSet;

/// How many SMTP connections are open at once when `SMTP_CONNECTIONS` is not set.
pub const DEFAULT_SMTP_CONNECTIONS: usize = 4;

/// Sends mails to one SMTP server, over a limited number of connections.
#[derive(Clone, Debug)]
pub struct Delivery {
    server: SmtpServer,
    connections: usize,
}

/// The mails that no connection has taken yet.
type Queue = Arc<Mutex<vec::IntoIter<Mail>>>;

impl Delivery {
    /// As `SMTP_URL` and `SMTP_CONNECTIONS` say.
    ///
    /// # Errors
    /// One line of text when a variable cannot be used.
    pub fn from_env() -> Result<Self, String> {
        let server = SmtpServer::from_env()?;
        let connections = env::number("SMTP_CONNECTIONS", DEFAULT_SMTP_CONNECTIONS, 1..=65535)?;
        Ok(Self { server, connections })
    }

    /// Sends all mails and counts those that the server accepted.
    /// Each of the others is reported on stderr.
    pub async fn send_all(&self, mails: Vec<Mail>) -> usize {
        todo!("3: start as many tasks as there may be connections, and add up what they return")
    }
}

/// One connection's work: takes mails from the queue until it
/// is empty. Returns how many the server has accepted.
async fn send_from_queue(server: SmtpServer, queue: Queue) -> usize {
    let mut client = SmtpClient::new(server);
    let mut counter = 0;
    todo!("4: take mails from the queue until it is empty, send each, and count; then say goodbye");
    counter
}

/// Sends a mail in its own task, so a panic costs only this mail and the connection keeps working.
async fn send(client: &mut SmtpClient, mail: &Mail) -> Result<(), String> {
    let (mut used, mail) = (client.take(), mail.clone());
    let sending = tokio::spawn(async move {
        let sent = match mail.to_message() {
            Ok(message) => used.send(&message).await.map_err(|error| error.to_string()),
            Err(why) => Err(why),
        };
        (used, sent)
    });
    let (used, sent) = sending.await.map_err(|panic| panic.to_string())?;
    *client = used;
    sent
}

fn take(queue: &Queue) -> Option<Mail> {
    // The lock is held for this line only, never across an await.
    queue.lock().expect("no panic while the lock is held").next()
}
