//! One request, by hand: an HTTP library would double the time in which this command compiles.

use observe::limit::limit;
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// What a server answered.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Sends a request to `http://HOST:PORT`, with a body of JSON if it is not empty, and waits for the answer.
///
/// # Errors
/// When no answer comes: why not, in words.
pub fn request(base: &str, method: &str, path: &str, body: &str) -> Result<Answer, String> {
    let answer = exchange(base.trim_start_matches("http://"), method, path, body);
    let answer = answer.map_err(|error| error.to_string())?;
    let status = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    match (status, answer.split_once("\r\n\r\n")) {
        (Some(status), Some((_, body))) => Ok(Answer { status, body: body.trim().to_owned() }),
        _ => Err(format!("what came is no HTTP answer: {answer:?}")),
    }
}

fn exchange(host: &str, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(limit()))?;
    // In version 1.0, the end of the answer is the end of the stream, and nothing stands between its parts.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
