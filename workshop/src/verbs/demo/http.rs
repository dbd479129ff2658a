//! One request, by hand: an HTTP library would double the time in which this command compiles.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// What a server answered.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// Sends a request to `http://HOST:PORT`, with a body of JSON if it is not empty, and waits for the answer.
pub fn request(base: &str, method: &str, path: &str, body: &str) -> Result<Answer, String> {
    let host = base.trim_start_matches("http://");
    let answer = exchange(host, method, path, body).map_err(|error| error.to_string())?;
    parse(&answer).ok_or_else(|| format!("what came is no HTTP answer: {answer:?}"))
}

fn exchange(host: &str, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(observe::limit::limit()))?;
    // `close` makes the end of the answer the end of the stream.
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    // A server that sends chunks puts lengths around the document; all answers here are one JSON object.
    let document = body.find('{').zip(body.rfind('}')).map_or(body, |(first, last)| &body[first..=last]);
    Some(Answer { status, body: document.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let answer = parse("HTTP/1.1 200 OK\r\na: b\r\n\r\n{\"sent\":true}").unwrap();
        assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"sent": true})));
        let chunked = parse("HTTP/1.1 200 OK\r\n\r\nd\r\n{\"sent\":true}\r\n0\r\n\r\n").unwrap();
        assert_eq!(chunked.body, "{\"sent\":true}");
        assert!(parse("hello").is_none());
    }
}
