//! The spec of lesson 04: many mails in flight on one thread, with a limit.

mod step_1_endpoint;
mod step_2_limit;
mod step_3_count;
mod step_4_goodbye;
mod step_5_converse;

use support::predicates::prelude::PredicateBooleanExt;
use support::predicates::str::{contains, starts_with};
use support::{
    Check, ClosedPort, Http, Mail, Mailbox, Point, Quirk, Reader, Reply, ReplyTo, Running, Spec, json, limit,
    sorted,
};

/// The subject at which the given sending code panics.
const PANIC_SUBJECT: &str = "panic";

/// What stands in the place of an address in mails that have none.
const NO_ADDRESS: &str = "no address at all";

fn start(spec: &Spec, smtp_url: &str, connections: usize, check: &Check) -> (Running, Http) {
    let program = spec.program().env("PORT", "0").env("SMTP_URL", smtp_url);
    program.env("SMTP_CONNECTIONS", connections.to_string()).serve(check)
}

/// Mails that fail before their conversation begins, one after the other: the first has no address, at the second the given
/// sending code panics. So steps 4 and 5 have no part in them.
fn failing_mails(spec: &Spec, count: usize) -> Vec<Mail> {
    let fail = |(number, mail): (usize, Mail)| match number % 2 {
        0 => Mail { to: format!("{NO_ADDRESS}, number {number}"), ..mail },
        _ => Mail { subject: PANIC_SUBJECT.into(), ..mail },
    };
    spec.mails(count).into_iter().enumerate().map(fail).collect()
}

/// Those of `failing_mails` that have no address.
fn without_address(mails: &[Mail]) -> Vec<&Mail> {
    mails.iter().filter(|mail| mail.subject != PANIC_SUBJECT).collect()
}

fn post(check: &Check, http: &Http, mails: &[Mail]) {
    check.is_sent(&http.post_mails(check, mails));
}

/// Whether mails come to be held by the mailbox, and the event loop goes on meanwhile. If not, steps 4 and 5 answer for it.
fn are_held(check: &Check, http: &Http, mailbox: &Mailbox) -> bool {
    let some_are = check.comes(|| (mailbox.held() > 0).then_some(())).is_some();
    some_are && http.begin_get("/health").comes(check).is_some()
}

/// Whether the program has given up a mail that has an address. If so, steps 4 and 5 answer for it.
fn gave_up(server: &Running) -> bool {
    server.logged("error: cannot send the mail").iter().any(|line| !line.contains(NO_ADDRESS))
}

/// The log line of one request.
fn check_logged(check: &Check, server: &Running, mails_sent: usize) {
    server.log_line(check, &contains("Number of mails sent "));
    let expected = vec![format!("Number of mails sent {mails_sent}")];
    check.equal("the list of log lines", &server.numbers_logged(), &expected);
}

fn check_not_logged(check: &Check, server: &Running) {
    let what = "the list of log lines `Number of mails sent N` before the work is done";
    let logged = server.numbers_logged();
    if !gave_up(server) {
        check.equal(what, &logged, &vec![]);
    }
}
