//! Requests to the program under observation.

use crate::wait::Wait;
use crate::{Check, Transcript, limit};
pub use observe::http::Answer;
use observe::http::{exchange, request};
use serde_json::Value;
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

/// A client of one server. Each request uses a connection of its own.
#[derive(Clone)]
pub struct Http {
    base: String,
    pub(crate) transcript: Transcript,
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
        let bytes = request(self.address(), method, path, headers, body);
        self.begin_bytes(&format!("{method} {path}"), &String::from_utf8_lossy(body), bytes)
    }

    /// `what` and `detail` are for the transcript.
    fn begin_bytes(&self, what: &str, detail: &str, bytes: Vec<u8>) -> PendingAnswer {
        let (address, name) = (self.address().to_owned(), what.to_owned());
        let transcript = self.transcript.clone();
        transcript.note("spec", format!("{what} {detail}").trim_end());
        let (sender, answer) = mpsc::channel();
        // Longer than any wait, so that the wait's own report comes first. A spec may wait for other things meanwhile.
        let patience = limit::limit() * 10;
        thread::spawn(move || {
            let answer = exchange(&address, &bytes, patience).map_err(|error| error.to_string());
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

    /// Waits for the answer. `None` when there is none: another step answers for that. See [`Check::comes`].
    pub fn comes(self, check: &Check) -> Option<Answer> {
        let answer = check.comes(|| self.answer.try_recv().ok()).and_then(Result::ok);
        if answer.is_none() {
            check.end_at_todo();
        }
        answer
    }

    /// Waits until one of these answers comes, whichever it is. See [`Check::comes`].
    pub fn any_comes<const N: usize>(check: &Check, pending: [Self; N]) -> bool {
        let has_come = |one: &Self| matches!(one.answer.try_recv(), Ok(Ok(_)));
        check.comes(|| pending.iter().any(has_come).then_some(())).is_some()
    }

    /// Waits for the answer, or for what happened to the connection instead.
    fn outcome(self, check: &Check) -> Result<Answer, String> {
        let mut wait = Wait::begin(check.spec());
        loop {
            if let Ok(outcome) = self.answer.recv_timeout(limit::A_MOMENT) {
                return outcome;
            }
            if let Some(waited) = wait.watch() {
                check.time_out(&self.expected(), waited);
            }
        }
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
