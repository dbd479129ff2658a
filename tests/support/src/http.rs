//! A small HTTP client.

use crate::{Check, Spec, limit};
use serde_json::Value;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// A client of one server. Each request uses a connection of its own.
#[derive(Clone)]
pub struct Http {
    base: String,
    spec: Spec,
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
    pub(crate) fn new(spec: &Spec, base: &str) -> Self {
        Self { base: base.to_owned(), spec: spec.clone() }
    }

    /// The server's address, `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether nobody listens on the server's port (any more).
    pub fn is_refused(&self) -> bool {
        let address = self.base.trim_start_matches("http://");
        std::net::TcpStream::connect(address).is_err()
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
        self.begin("POST", path, Some(body.to_vec())).wait(check)
    }

    /// Posts JSON with these headers besides, their names in lower case, and waits for the answer.
    pub fn post_with(&self, check: &Check, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.begin_with("POST", path, headers, Some(body.to_string().into_bytes())).wait(check)
    }

    /// Sends a GET request without waiting for the answer.
    pub fn begin_get(&self, path: &str) -> PendingAnswer {
        self.begin("GET", path, None)
    }

    /// Posts JSON without waiting for the answer.
    pub fn begin_post(&self, path: &str, body: &Value) -> PendingAnswer {
        self.begin("POST", path, Some(body.to_string().into_bytes()))
    }

    fn begin(&self, method: &'static str, path: &str, body: Option<Vec<u8>>) -> PendingAnswer {
        self.begin_with(method, path, &[], body)
    }

    fn begin_with(
        &self,
        method: &'static str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> PendingAnswer {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let url = format!("{}{path}", self.base);
        let what = format!("{method} {path}");
        let transcript = self.spec.transcript().clone();
        let detail = body.as_ref().map(|body| format!(" {}", String::from_utf8_lossy(body)));
        transcript.note("spec", format!("{what}{}", detail.unwrap_or_default()));
        let (sender, answer) = mpsc::channel();
        let name = what.clone();
        thread::spawn(move || {
            let answer = request(method, &url, &headers, body);
            match &answer {
                Ok(answer) => transcript.note("spec", format!("{name} was answered: {answer}")),
                Err(error) => transcript.note("spec", format!("{name} failed: {error}")),
            }
            // The spec may have ended without waiting for the answer.
            let _ = sender.send(answer);
        });
        PendingAnswer { what, answer }
    }
}

impl PendingAnswer {
    /// Waits for the answer.
    pub fn wait(self, check: &Check) -> Answer {
        let expected = format!("an HTTP answer to {}", self.what);
        match self.answer.recv_timeout(limit::limit()) {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => check.fail(&expected, &error),
            Err(_) => check.time_out(&expected),
        }
    }

    /// Fails when the answer comes now or within a moment. `why` says what it has to wait for.
    pub fn stays_open(&self, check: &Check, why: &str) {
        let expected = format!("no answer to {} yet: {why}", self.what);
        match self.answer.recv_timeout(limit::BRIEFLY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Ok(answer)) => check.fail(&expected, &answer.to_string()),
            Ok(Err(error)) => check.fail(&expected, &error),
            Err(RecvTimeoutError::Disconnected) => check.fail(&expected, "the request was given up"),
        }
    }
}

fn request(
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: Option<Vec<u8>>,
) -> Result<Answer, String> {
    // Longer than any wait, so that the wait's own report comes first.
    let patience = limit::limit() + Duration::from_secs(5);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(patience))
        .max_idle_connections(0)
        .build()
        .into();
    let response = match (method, body) {
        ("GET", _) => agent.get(url).call(),
        (_, body) => {
            let post = agent.post(url).header("content-type", "application/json");
            let post = headers.iter().fold(post, |post, (name, value)| post.header(name, value));
            post.send(body.unwrap_or_default())
        }
    };
    let mut response = response.map_err(|error| error.to_string())?;
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    Ok(Answer { status, headers, body })
}
