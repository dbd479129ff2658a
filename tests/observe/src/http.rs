//! A small HTTP client. It is written here, since a client from a library costs a learner's first build some seconds,
//! and more than these lines do is not needed.

use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

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
    pub fn describe_headers(&self) -> String {
        let lines = self.headers.iter().map(|(name, value)| format!("{name}: {value}"));
        format!("{} with {}", self.status, lines.collect::<Vec<_>>().join(", "))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

/// The bytes of a request over a connection of its own. A body is said to be JSON.
///
/// ```
/// let request = observe::http::request("127.0.0.1:80", "GET", "/health", &[], b"");
/// assert!(request.starts_with(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1:80\r\n"));
/// ```
pub fn request(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    if method == "POST" {
        head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    [head.as_bytes(), b"\r\n", body].concat()
}

/// Sends a request to `HOST:PORT`, and reads all of the answer.
///
/// # Errors
/// When nobody listens there, when `patience` passes without a byte, or when the answer ends too early.
pub fn exchange(address: &str, request: &[u8], patience: Duration) -> io::Result<Answer> {
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
///
/// # Errors
/// When the stream ends before the answer does, or when it isn't HTTP.
pub fn read_answer(stream: &mut impl BufRead) -> io::Result<Answer> {
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
    let no_answer = || io::Error::other(format!("{first:?} isn't the first line of an HTTP answer"));
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
            .map_err(|_| io::Error::other(format!("{line:?} isn't the length of a chunk")))?;
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
