//! A broker, and the programs of lesson 13 around it.

use crate::{Broker, Check, JobServer, Mail, Mailbox, Program, Running, Spec, limit, mail};
use std::time::Duration;

/// A broker of the test's own, and how its programs are started.
pub struct Site {
    /// The test.
    pub spec: Spec,
    /// The broker.
    pub broker: Broker,
    /// Variables that all programs have.
    settings: Vec<(&'static str, String)>,
}

impl Site {
    /// Starts a broker; `None` when nats-server is not installed. It waits so long for an acknowledgement.
    pub fn start(spec: Spec, ack_wait_ms: &str) -> Option<Self> {
        Self::start_with(spec, ack_wait_ms, "")
    }

    /// As [`start`](Self::start), with a limit for all that is stored; see [`Broker::start_with`].
    pub fn start_with(spec: Spec, ack_wait_ms: &str, jetstream: &str) -> Option<Self> {
        let broker = Broker::start_with(&spec, jetstream)?;
        let settings = vec![("ACK_WAIT_MS", ack_wait_ms.to_owned())];
        Some(Self { spec, broker, settings })
    }

    /// Sets a variable for all programs that are started from now on.
    pub fn set(&mut self, name: &'static str, value: impl ToString) {
        self.settings.push((name, value.to_string()));
    }

    /// The server, and with another argument the worker.
    pub fn program(&self) -> Program {
        let program = self.spec.program().env("PORT", "0").env("NATS_URL", self.broker.url());
        self.settings.iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    /// Starts the server. It makes the streams before it listens.
    pub fn server(&self) -> JobServer {
        self.server_of(self.program())
    }

    /// Starts the server from this program.
    pub fn server_of(&self, program: Program) -> JobServer {
        JobServer::start(&self.spec.check("started the server"), program)
    }

    /// A worker that is not started yet.
    pub fn worker_program(&self, smtp_url: impl AsRef<str>) -> Program {
        self.program().arg("send-mail").env("SMTP_URL", smtp_url.as_ref())
    }

    /// Starts a worker.
    pub fn worker(&self, mailbox: &Mailbox) -> Running {
        self.worker_program(mailbox.url()).start()
    }

    /// The mail server of a second host. Linux has the whole of 127.0.0.0/8; elsewhere only the port differs.
    pub fn other_mailbox(&self) -> Mailbox {
        self.spec.mailbox_at(if cfg!(target_os = "linux") { "127.0.0.2" } else { "127.0.0.1" })
    }

    /// Posts mails until they are accepted, as a client does that got a 503.
    pub fn post(&self, check: &Check, server: &JobServer, mails: &[Mail]) {
        check.eventually_gives("the job is accepted in the end", || {
            let answer = server.http.post(check, "/endpoint", &mail::request(mails));
            if answer.status == 202 { Ok(()) } else { Err(answer.to_string()) }
        });
    }

    /// Waits until no stream holds a message: no mail is to be sent, and no report is to be counted.
    pub fn wait_empty(&self, check: &Check, patience: Duration) {
        let empty = limit::poll(patience, || (self.broker.messages(check) == Some(0)).then_some(()));
        let left = self.broker.messages(check).unwrap_or_default();
        check.holds("empty streams in the end", empty.is_some(), format!("{left} messages"));
    }
}

/// The numbers in a log's lines `Number of mails sent N`.
pub fn logged(log: &str) -> Vec<usize> {
    log.lines().filter_map(|line| line.strip_prefix("Number of mails sent ")?.parse().ok()).collect()
}
