//! A connection to a program's server on which a spec says what it likes, as slowly as it likes.

use crate::wait::Waited;
use crate::{Check, Http, Transcript, limit};
use observe::http::{Answer, read_answer};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

/// An answer that is longer than this is a failure.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// A TCP connection for a client that stops in the middle, dawdles, or talks nonsense. It stays open until it is
/// dropped.
///
/// ```ignore
/// let mut slow = http.connect(&check);
/// slow.write("POST /endpoint HTTP/1.1\r\ncontent-length: 100\r\n\r\n{")?;
/// slow.stays_open(&check, "the rest of the body may still come");
/// program.signal(Signal::SIGTERM);
/// slow.read_to_end(&check);
/// ```
pub struct Connection {
    reader: BufReader<TcpStream>,
    transcript: Transcript,
}

impl Http {
    /// Opens a connection and says nothing.
    pub fn connect(&self, check: &Check) -> Connection {
        let stream = TcpStream::connect(self.address())
            .unwrap_or_else(|error| check.fail("a connection to the server", &error.to_string()));
        self.transcript.note("client", "connected");
        // macOS says EINVAL where the server has closed the connection already: then nothing waits for it.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_read_timeout(Some(limit::limit()));
        let _ = stream.set_write_timeout(Some(limit::limit()));
        Connection { reader: BufReader::new(stream), transcript: self.transcript.clone() }
    }

    /// Clients that have stopped in the middle of a request: before it, in its first line, in a header, and in its body.
    pub fn clients_that_stop(&self, check: &Check) -> Vec<Connection> {
        let head =
            "POST /endpoint HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-le";
        let body = format!("{head}ngth: 100\r\n\r\n{{\"emails\":[");
        let stops = |said: &str| {
            let mut client = self.connect(check);
            client.write(said).unwrap_or_else(|error| check.fail("a server that reads", &error.to_string()));
            client
        };
        ["", "POST /end", head, &body].map(stops).into()
    }
}

impl Connection {
    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the server has closed the connection, or does not read within the limit.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.transcript.note("client >", String::from_utf8_lossy(bytes.as_ref()));
        self.reader.get_mut().write_all(bytes.as_ref())
    }

    /// The next HTTP answer. More than one can come on a connection.
    pub fn answer(&mut self, check: &Check) -> Answer {
        match read_answer(&mut self.reader) {
            Ok(answer) => {
                self.transcript.note("client <", answer.to_string());
                answer
            }
            Err(error) if is_time_out(&error) => {
                check.time_out("an HTTP answer", Waited::Long(limit::limit()))
            }
            Err(error) => check.fail("an HTTP answer", &error.to_string()),
        }
    }

    /// Waits until the server closes the connection, and gives what it said before.
    pub fn read_to_end(&mut self, check: &Check) -> Vec<u8> {
        let expected = "the server closes the connection";
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(MAX_ANSWER_BYTES).read_to_end(&mut bytes);
        self.transcript.note("client <", String::from_utf8_lossy(&bytes));
        match read {
            Err(error) if is_time_out(&error) => check.time_out(expected, Waited::Long(limit::limit())),
            // Closed with something of ours unread: that is an end, too.
            Err(error) if error.kind() != ErrorKind::ConnectionReset => {
                check.fail(expected, &error.to_string())
            }
            Ok(count) if count as u64 == MAX_ANSWER_BYTES => {
                check.fail(expected, &format!("{MAX_ANSWER_BYTES} bytes and more"))
            }
            _ => self.transcript.note("client <", "(end)"),
        }
        bytes
    }

    /// Whether the server has not closed the connection yet. What it has said waits to be read.
    pub fn is_open(&self) -> bool {
        match self.peek() {
            Ok(count) => count > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// Whether the connection is open, and nothing has come that waits to be read.
    pub fn is_silent(&self) -> bool {
        self.peek().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// How many bytes wait to be read. With the first answer, the next one may have been taken from the stream already.
    fn peek(&self) -> io::Result<usize> {
        if !self.reader.buffer().is_empty() {
            return Ok(self.reader.buffer().len());
        }
        let stream = self.reader.get_ref();
        stream.set_nonblocking(true)?;
        let seen = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        seen
    }

    /// Fails when the server closes the connection now or within a moment. `why` says why it should not.
    pub fn stays_open(&self, check: &Check, why: &str) {
        if limit::poll(limit::BRIEFLY, || (!self.is_open()).then_some(())).is_some() {
            check.fail(&format!("an open connection: {why}"), "the server closed it");
        }
    }
}

/// What the system says when a read takes longer than its limit differs: EAGAIN here, ETIMEDOUT there.
fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
