//! The spec of lesson 03: the work of lesson 02 on threads, its result over a channel, a number that all share.

mod step_1_endpoint;
mod step_2_thread;
mod step_3_send;
mod step_4_log;
mod step_5_stats;

use support::predicates::prelude::PredicateBooleanExt;
use support::predicates::str::{contains, starts_with};
use support::{
    Check, Connection, Http, Mail, Mailbox, PendingAnswer, Point, Reader, Reply, Running, json, limit, mail,
    process, sorted,
};

/// The subject at which the given sending code panics.
const PANIC_SUBJECT: &str = "panic";
/// What the given sending code says then.
const PANIC_MESSAGE: &str = "the bug in the sending code";

/// Whether the mailbox comes to hold a mail. If it never does, step 3 answers for that.
fn holds_a_mail(check: &Check, mailbox: &Mailbox) -> bool {
    check.comes(|| (mailbox.held() > 0).then_some(())).is_some()
}

/// Waits until the mailbox holds a mail of each request. One thread for all of them is right too, and holds one. It must not
/// be held for so long that the server gives the mail up.
fn all_held(check: &Check, mailbox: &Mailbox, requests: usize) {
    limit::poll(limit::limit() / 10, || (mailbox.held() == requests).then_some(()));
    check.holds("at least one mail held by the mailbox", mailbox.held() > 0, "none is held");
}

/// Posts all these requests in one go. The task of their connection handles one after another, and no other task runs before
/// a handler waits or the last one has answered.
fn post_in_one_go(check: &Check, http: &Http, requests: &[Vec<Mail>]) -> Connection {
    let post = |mails: &Vec<Mail>| {
        let body = mail::request(mails).to_string();
        let head = "POST /endpoint HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
        format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let mut client = http.connect(check);
    let written = client.write(requests.iter().map(post).collect::<String>());
    written.unwrap_or_else(|error| check.fail("a server that reads", &error.to_string()));
    client
}

/// What a server has said of its requests. Rust's own lines about a panic are none of its words.
fn said_of_requests(server: &Running) -> Vec<String> {
    let mut said: Vec<String> = server.stdout().lines().skip(1).map(str::to_owned).collect();
    let stderr = server.stderr();
    let mut lines = stderr.lines();
    while let Some(line) = lines.next() {
        if line.contains("panicked at ") {
            // The next line says why. The bug in the sending code and a `todo!` are no words about a request.
            let why =
                lines.next().filter(|why| *why != PANIC_MESSAGE && !why.starts_with("not yet implemented"));
            said.extend(why.map(str::to_owned));
        } else if !line.is_empty() && !line.starts_with("note: ") {
            said.push(line.to_owned());
        }
    }
    said
}
