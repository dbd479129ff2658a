//! A small HTTP client. It is written here, since a client from a library costs a learner's first build some seconds,
//! and more than these lines do is not needed.

use crate::{Check, Transcript, limit};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

/// A client of one server. Each request uses a connection of its own.
#[derive(Clone)]
pub struct Http {
    base: String,
    pub(crate) transcript: Transcript,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, in order, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The value of a header, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The status and the headers, for a report.
    pub fn headers_in_words(&self) -> String {
        let lines = self.headers.iter().map(|(name, value)| format!("{name}: {value}"));
        format!("{} with {}", self.status, lines.collect::<Vec<_>>().join(", "))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

/// An answer that may not have come yet.
pub struct PendingAnswer {
    what: String,
    answer: Receiver<Result<Answer, String>>,
}

impl Http {
    /// What is asked and answered is noted in `transcript`.
    pub(crate) fn new(transcript: &Transcript, base: &str) -> Self {
        Self { base: base.to_owned(), transcript: transcript.clone() }
    }

    /// The server's address, `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether nobody listens on the server's port (any more).
    pub fn is_refused(&self) -> bool {
        TcpStream::connect(self.address()).is_err()
    }

    /// Sends a GET request and waits for the answer.
    pub fn get(&self, check: &Check, path: &str) -> Answer {
        self.begin_get(path).wait(check)
    }

    /// Posts JSON and waits for the answer.
    pub fn post(&self, check: &Check, path: &str, body: &Value) -> Answer {
        self.begin_post(path, body).wait(check)
    }

    /// Posts a body as it is, said to be JSON, and waits for the answer.
    pub fn post_bytes(&self, check: &Check, path: &str, body: &[u8]) -> Answer {
        self.begin("POST", path, &[], body).wait(check)
    }

    /// Posts JSON with these headers besides, their names in lower case, and waits for the answer.
    pub fn post_with(&self, check: &Check, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.begin("POST", path, headers, body.to_string().as_bytes()).wait(check)
    }

    /// Sends bytes as they are, and waits for what comes of them: an answer, or what happened to the connection
    /// instead. `what` says in words what they are.
    pub fn send_bytes(&self, check: &Check, what: &str, bytes: Vec<u8>) -> Result<Answer, String> {
        self.begin_bytes(what, "", bytes).outcome(check)
    }

    /// Sends a GET request without waiting for the answer.
    pub fn begin_get(&self, path: &str) -> PendingAnswer {
        self.begin("GET", path, &[], b"")
    }

    /// Posts JSON without waiting for the answer.
    pub fn begin_post(&self, path: &str, body: &Value) -> PendingAnswer {
        self.begin("POST", path, &[], body.to_string().as_bytes())
    }

    fn begin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> PendingAnswer {
        let address = self.address();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        if method == "POST" {
            head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        let bytes = [head.as_bytes(), b"\r\n", body].concat();
        self.begin_bytes(&format!("{method} {path}"), &String::from_utf8_lossy(body), bytes)
    }

    /// `what` and `detail` are for the transcript.
    fn begin_bytes(&self, what: &str, detail: &str, bytes: Vec<u8>) -> PendingAnswer {
        let (address, name) = (self.address().to_owned(), what.to_owned());
        let transcript = self.transcript.clone();
        transcript.note("spec", format!("{what} {detail}").trim_end());
        let (sender, answer) = mpsc::channel();
        thread::spawn(move || {
            let answer = exchange(&address, &bytes).map_err(|error| error.to_string());
            match &answer {
                Ok(answer) => transcript.note("spec", format!("{name} was answered: {answer}")),
                Err(error) => transcript.note("spec", format!("{name} failed: {error}")),
            }
            // The spec may have ended without waiting for the answer.
            let _ = sender.send(answer);
        });
        PendingAnswer { what: what.to_owned(), answer }
    }

    pub(crate) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }
}

impl PendingAnswer {
    /// Waits for the answer.
    pub fn wait(self, check: &Check) -> Answer {
        let expected = self.expected();
        self.outcome(check).unwrap_or_else(|error| check.fail(&expected, &error))
    }

    /// Waits for the answer, or for what happened to the connection instead.
    fn outcome(self, check: &Check) -> Result<Answer, String> {
        self.answer.recv_timeout(limit::limit()).unwrap_or_else(|_| check.time_out(&self.expected()))
    }

    fn expected(&self) -> String {
        format!("an HTTP answer to {}", self.what)
    }

    /// Fails when the answer comes now or within a moment. `why` says what it has to wait for.
    pub fn stays_open(&self, check: &Check, why: &str) {
        let expected = format!("no answer to {} yet: {why}", self.what);
        let came = match self.answer.recv_timeout(limit::BRIEFLY) {
            Err(RecvTimeoutError::Timeout) => return,
            Ok(Ok(answer)) => answer.to_string(),
            Ok(Err(error)) => error,
            Err(RecvTimeoutError::Disconnected) => "the request was given up".to_owned(),
        };
        check.fail(&expected, &came);
    }
}

/// Sends a request over a connection of its own, and reads all of the answer.
fn exchange(address: &str, request: &[u8]) -> io::Result<Answer> {
    // Longer than any wait, so that the wait's own report comes first. A spec may wait for other things meanwhile.
    let patience = limit::limit() * 10;
    let mut stream = TcpStream::connect(address)?;
    // macOS says EINVAL where the server has closed already; then nothing waits, and an answer may lie there.
    let _ = stream.set_read_timeout(Some(patience)).and_then(|()| stream.set_write_timeout(Some(patience)));
    // A server may answer and close before it has read everything: then the answer is what counts.
    let written = stream.write_all(request);
    match read_answer(&mut BufReader::new(stream)) {
        Err(error) => Err(written.err().unwrap_or(error)),
        answer => answer,
    }
}

/// Reads an answer (RFC 9112): its status, its headers, and its body in one of the three forms that there are.
pub(crate) fn read_answer(stream: &mut impl BufRead) -> io::Result<Answer> {
    let mut answer = read_head(stream)?;
    while (100..200).contains(&answer.status) {
        // "Go on": the answer itself follows.
        answer = read_head(stream)?;
    }
    let mut body = Vec::new();
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        read_chunks(stream, &mut body)?;
    } else if let Some(length) = length {
        read_exactly(stream, length, &mut body)?;
    } else {
        stream.read_to_end(&mut body)?;
    }
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

fn read_head(stream: &mut impl BufRead) -> io::Result<Answer> {
    let first = read_line(stream)?;
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    let no_answer = || io::Error::other(format!("{first:?} is no beginning of an HTTP answer"));
    let mut answer =
        Answer { status: status.ok_or_else(no_answer)?, headers: Vec::new(), body: String::new() };
    while let Some((name, value)) = read_line(stream)?.split_once(':') {
        answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(answer)
}

/// Chunks, each between a line with its length in hexadecimal and an empty one; one of length 0 is the last.
fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let line = read_line(stream)?;
        let length = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| io::Error::other(format!("{line:?} is no length of a chunk")))?;
        read_exactly(stream, length, body)?;
        read_line(stream)?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn read_exactly(stream: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if stream.take(length).read_to_end(body)? as u64 == length { Ok(()) } else { Err(ended()) }
}

/// A line without its end.
fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(ended());
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

fn ended() -> io::Error {
    let why = "the server closed the connection before the end of its answer";
    io::Error::new(io::ErrorKind::UnexpectedEof, why)
}

#[cfg(test)]
mod tests {
    use super::read_answer;

    #[test]
    fn an_answer_is_read_in_each_of_its_forms_if_it_is_whole() {
        let forms: [&[u8]; 4] = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
            b"HTTP/1.0 200 OK\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n1;x=y\r\no\r\n0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        ];
        for mut form in forms {
            let answer = read_answer(&mut form).expect("an answer");
            assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
        }
        for mut form in
            [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", b"SMTP"]
        {
            assert!(read_answer(&mut form).is_err());
        }
    }
}
