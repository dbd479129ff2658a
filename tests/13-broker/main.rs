//! The task of lesson 13: the same job over a broker, NATS JetStream, with workers on any number of hosts. The
//! checks of each step are in a file of their own.

mod step_1_stream;
mod step_2_publish;
mod step_3_pull;
mod step_4_handle;
mod step_5_at_it;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use support::figures::{self, Holdings};
use support::jobs::{self, JobServer, message_ids, nothing_grew};
use support::predicates::str::contains;
use support::site::{self, Site};
use support::{Check, ClosedPort, Mail, Mailbox, Point, Proxy, Reply, Running, Signal, Spec, Value};
use support::{counted, json, limit, mail, not_utf8};

/// Long enough that nothing is delivered a second time while a check runs.
const LONG: &str = "60000";
/// Short enough to wait for a second delivery.
const SHORT: &str = "1000";

/// A check, and a broker for it that waits so long for an acknowledgement. `None` when nats-server is not installed.
fn begin(spec: Spec, did: impl Into<String>, ack_wait_ms: &str) -> Option<(Check, Site)> {
    let site = Site::start(spec, ack_wait_ms)?;
    Some((site.spec.check(did), site))
}

/// Waits for what comes after a pause: after a second delivery, or when a client connects again. Until then no process of the
/// program does anything, and yet nothing is stuck. So the check looks for a stuck program only when what comes is overdue.
fn eventually_again<T>(check: &Check, expected: &str, attempt: impl Fn() -> Result<T, String>) -> T {
    const OVERDUE: Duration = Duration::from_millis(2500);
    let came = limit::poll(OVERDUE, || attempt().ok());
    came.unwrap_or_else(|| check.eventually_gives(expected, attempt))
}

/// Waits until a worker has a mail in hand.
fn wait_in_hand(check: &Check, mailbox: &Mailbox) {
    let check = check.spec().check("posted to a worker whose mailbox holds what comes");
    let expected = "a worker pulls a mail (step 3) and begins to send it (step 4)";
    check.eventually(expected, || (mailbox.held() > 0).then_some(()));
}

/// Nothing of the job is left in the broker. What the workers have acknowledged, a work queue deletes.
fn wait_until_gone(check: &Check, site: &Site) {
    let expected = "no message left in the broker: each mail that is done is acknowledged";
    eventually_again(check, expected, || match site.broker.messages(check) {
        Some(0) => Ok(()),
        _ => Err(format!("{} in its streams", messages(check, site))),
    });
}

fn messages(check: &Check, site: &Site) -> String {
    let count = site.broker.messages(check).unwrap_or_default();
    counted(usize::try_from(count).unwrap_or(usize::MAX), "message")
}

fn logged(server: &Running) -> Vec<usize> {
    site::logged(&server.stderr())
}

fn check_nothing_logged(check: &Check, server: &Running) {
    let logged = logged(server);
    let expected = "no line about jobs in the log, since nothing was sent";
    check.holds(expected, logged.is_empty(), format!("Number of mails sent {logged:?}"));
}

/// The server adds up what the workers report.
fn logs_number(check: &Check, server: &Running, number: usize) {
    wait_logged(check, server, number);
    let logged = logged(server);
    let expected = format!("only one line about jobs in the log: Number of mails sent {number}");
    check.holds(&expected, logged == [number], format!("{logged:?}"));
}

/// Waits for the line about a job, which comes when every mail of it was reported.
fn wait_logged(check: &Check, server: &Running, number: usize) {
    let line = format!("Number of mails sent {number}");
    let expected = format!("the server logs `{line}`, when a report about each mail of the job has come");
    eventually_again(check, &expected, || {
        if logged(server).contains(&number) {
            Ok(())
        } else {
            Err(format!("the log is\n{}", server.stderr()))
        }
    });
}

/// Waits until so many mails are in a mailbox, perhaps after a second delivery.
fn wait_letters_again(check: &Check, mailbox: &Mailbox, count: usize) {
    let expected = format!("{} accepted by the mailbox", counted(count, "mail"));
    eventually_again(check, &expected, || {
        let came = mailbox.letters().len();
        if came >= count { Ok(()) } else { Err(counted(came, "mail")) }
    });
}

/// Each of the mails has arrived in one mailbox or another, and no other one. One that was in hand when its worker died
/// may have come twice.
fn arrived(check: &Check, mailboxes: &[&Mailbox], mails: &[Mail]) {
    let got: BTreeSet<String> = mailboxes.iter().flat_map(|mailbox| mailbox.recipients()).collect();
    let expected = mail::recipients(mails).into_iter().collect();
    let list = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect::<Vec<_>>().join(", ");
    let (missing, foreign) = (list(&expected, &got), list(&got, &expected));
    let came = format!("missing: {missing}; not posted: {foreign}");
    check.holds(&format!("each of {} has arrived", counted(mails.len(), "mail")), got == expected, came);
}

/// Each of the mails has arrived once, in one mailbox or another.
fn arrived_once(check: &Check, mailboxes: &[&Mailbox], mails: &[Mail]) {
    arrived(check, mailboxes, mails);
    let letters: usize = mailboxes.iter().map(|mailbox| mailbox.letters().len()).sum();
    let expected = format!("each of {} once", counted(mails.len(), "mail"));
    check.holds(&expected, letters == mails.len(), counted(letters, "letter"));
}

fn check_message_ids(check: &Check, mailboxes: &[&Mailbox], different: usize) {
    let ids: BTreeSet<String> = mailboxes.iter().flat_map(|mailbox| message_ids(mailbox)).collect();
    let is_message_id = |id: &String| {
        let inner =
            id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).and_then(|id| id.split_once('@'));
        inner.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !id.contains(' '))
    };
    let holds = ids.len() == different && ids.iter().all(is_message_id);
    let expected = format!("{} of the form <NAME@HOST>", counted(different, "different Message-ID"));
    check.holds(&expected, holds, format!("{ids:?}"));
}

/// A proxy's address for `NATS_URL`.
fn url(proxy: &Proxy) -> String {
    format!("nats://127.0.0.1:{}", proxy.port())
}

/// What became of the mails, and what the server holds. Every duplicate must be told by its Message-ID.
fn account(
    check: &Check,
    site: &Site,
    server: &JobServer,
    at: &[&Mailbox],
    mails: &[Mail],
    before: Holdings,
) -> String {
    let after = nothing_grew(check, server, before, 16);
    let mut by_recipient: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let letters: Vec<_> = at.iter().flat_map(|mailbox| mailbox.letters()).collect();
    for letter in &letters {
        by_recipient.entry(letter.recipients.concat()).or_default().insert(letter.header("Message-ID"));
    }
    for ids in by_recipient.values() {
        check.holds("one Message-ID for each mail", ids.len() == 1, format!("{ids:?}"));
    }
    let (asked, arrived) = (mails.len(), by_recipient.len());
    let logged = logged(server);
    let sent: usize = logged.iter().sum();
    let lines: Vec<_> = logged.iter().map(usize::to_string).collect();
    // What nobody has acknowledged is in the broker still.
    let unknown = site.broker.messages(check).unwrap_or_default();
    format!(
        "asked {asked}, sent {sent}, failed {}, unknown {unknown}; in the mailboxes {arrived}, lost {}, duplicated {}; \
         log: Number of mails sent {}\nthe server before: {before}\nthe server after:  {after}",
        asked - sent,
        asked - arrived,
        letters.len() - arrived,
        lines.join(", "),
    )
}

/// A port on which there is no mail server, and its address.
fn no_mail_server() -> (ClosedPort, String) {
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    (port, url)
}
