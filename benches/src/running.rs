//! A server program that is being measured, and an HTTP client that keeps its connection.

use crate::mail;
use crate::sink::Sink;
use std::io;
use std::process::Stdio;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

/// What the log says when a job is done.
const DONE: &str = "Number of mails sent ";

/// A running server. It is killed when this is dropped; its workers end with it.
pub struct Running {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    port: u16,
}

impl Running {
    /// Starts a server, on a port that the system chooses, and waits until it listens.
    pub async fn start(mut command: Command, sink: &Sink) -> io::Result<Self> {
        command.env("SMTP_URL", sink.url()).env("PORT", "0").kill_on_drop(true);
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(stdout), Some(stderr)) = (process.stdout.take(), process.stderr.take()) else {
            return Err(io::Error::other("no output"));
        };
        let line = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| io::Error::other(format!("it says {line:?} and no port")))?;
        Ok(Self { process, log: BufReader::new(stderr).lines(), port })
    }

    /// A connection to it.
    pub async fn connect(&self) -> io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(Client(BufReader::new(stream)))
    }

    /// Waits until the log says that a job is done, and gives the number of its mails.
    pub async fn job_done(&mut self) -> io::Result<usize> {
        while let Some(line) = self.log.next_line().await? {
            if let Some(number) = line.strip_prefix(DONE) {
                return Ok(number.trim().parse().unwrap_or(0));
            }
        }
        Err(io::Error::other("the server has ended"))
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// Ends it, and waits for its end.
    pub async fn end(mut self) {
        let _ = self.process.kill().await;
    }
}

/// A connection to a server. It reads nothing but what the servers of this bench send.
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Asks for `/health`.
    pub async fn health(&mut self) -> io::Result<()> {
        self.ask("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.map(drop)
    }

    /// Posts so many mails, and gives the milliseconds until the server took them.
    pub async fn post(&mut self, mails: usize, text_bytes: usize) -> io::Result<f64> {
        let request = post(mails, text_bytes);
        let begin = Instant::now();
        match self.ask(&request).await? {
            200 | 202 => Ok(begin.elapsed().as_secs_f64() * 1e3),
            status => Err(io::Error::other(format!("POST /endpoint says {status}"))),
        }
    }

    /// Sends a request, and gives the status of the answer.
    pub async fn ask(&mut self, request: &str) -> io::Result<u16> {
        self.0.get_mut().write_all(request.as_bytes()).await?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).await? == 0 {
                return Err(io::Error::other(format!("no HTTP answer: {head:?}")));
            }
        }
        let head = head.to_ascii_lowercase();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length = header("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
        self.0.read_exact(&mut vec![0; length]).await?;
        header("http/1.1 ")
            .and_then(|status| status.split(' ').next()?.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no HTTP answer: {head:?}")))
    }
}

/// A request that posts so many mails, each with a text of so many bytes.
pub fn post(mails: usize, text_bytes: usize) -> String {
    let body = serde_json::json!({"emails": mail::mails(mails, text_bytes)}).to_string();
    format!(
        "POST /endpoint HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
