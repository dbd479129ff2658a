//! What several specs share: refusals that every program owes, and what every web server answers.

use crate::{
    Answer, Check, Http, Mail, Mailbox, PendingAnswer, Program, Reader, Running, Spec, mail, not_utf8,
};
use serde_json::json;

impl Spec {
    /// The lesson's server, on a port that the system chooses, with the mailbox as its SMTP server.
    pub fn server(&self, mailbox: &Mailbox) -> Program {
        self.program().env("PORT", "0").env("SMTP_URL", mailbox.url())
    }

    /// A program whose stdout takes nothing must say so, in these words, and end with exit status 1 and without a child.
    pub fn cannot_print(&self, did: &str, words: &[&str], program: impl Fn() -> Program) {
        for (reader, what) in [(Reader::DiskFull, "is a full disk"), (Reader::Left, "has no reader")] {
            let check = self.check(format!("{did}; its stdout {what}"));
            let mut program = program().stdout(reader).start();
            program.finish(&check).code(1).reports_error(words);
            program.leaves_nothing_behind(&check);
        }
    }

    /// The program must refuse each of these values of an environment variable, and `good` with a byte behind it that
    /// makes it no UTF-8: it ends with exit status 2 and names the variable.
    pub fn refuses_values(&self, name: &str, bad: &[&str], good: &str) {
        for value in bad.iter().map(Into::into).chain([not_utf8(good, "")]) {
            let check = self.check(format!("ran the program with {name}={value:?}"));
            let program = self.program().env("PORT", "0").env(name, value).stdin(mail::job(&[]).to_string());
            program.run(&check).code(2).reports_error(&[name]);
        }
    }
}

impl Program {
    /// Starts a server and waits until it listens.
    pub fn serve(self, check: &Check) -> (Running, Http) {
        let mut server = self.start();
        let http = server.listening(check);
        (server, http)
    }
}

impl Http {
    /// Posts mails to the endpoint, and waits for the answer.
    pub fn post_mails(&self, check: &Check, mails: &[Mail]) -> Answer {
        self.post(check, "/endpoint", &mail::request(mails))
    }

    /// Posts mails to the endpoint, and does not wait for the answer.
    pub fn begin_post_mails(&self, mails: &[Mail]) -> PendingAnswer {
        self.begin_post("/endpoint", &mail::request(mails))
    }

    /// The server must answer `GET /health`.
    pub fn is_healthy(&self, check: &Check) {
        check.equal("the body of GET /health", self.get(check, "/health").body.trim_end(), "ok");
    }
}

impl Check {
    /// The answer to a request whose mails are sent, or will be.
    pub fn is_sent(&self, answer: &Answer) {
        self.json("the body of POST /endpoint", &answer.json(), &json!({"status": true, "sent": true}));
    }
}

impl Running {
    /// The log lines `Number of mails sent N` so far, sorted.
    pub fn numbers_logged(&self) -> Vec<String> {
        sorted(self.logged("Number of mails sent "))
    }
}

/// The list in alphabetical order, for what may come in any order.
pub fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

/// Begins a spec with a mailbox: see [`spec!`](crate::spec!).
#[macro_export]
macro_rules! spec_with_mailbox {
    () => {{
        let spec = $crate::spec!();
        let mailbox = spec.mailbox();
        (spec, mailbox)
    }};
}
