//! The task of lesson 13: the same job over a broker, NATS JetStream, with workers on any number of hosts.
//!
//! 1. Make the stream of mails: a work queue on disk that recognizes an id, and refuses new mails when it is full.
//! 2. Publish each mail, and wait until the broker has acknowledged it.
//! 3. Pull one message at a time, by a name that all workers share.
//! 4. Send, report, acknowledge: in this order.
//! 5. While a mail takes long, say that you are still at it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use support::figures::{self, Holdings};
use support::jobs::{JobServer, message_ids, nothing_grew};
use support::predicates::str::contains;
use support::site::{self, Site};
use support::{Check, ClosedPort, Mail, Mailbox, Point, Proxy, Reply, Running, Signal};
use support::{counted, json, limit, mail, not_utf8};

const STREAM: &str = "1. The stream of mails";
const PUBLISH: &str = "2. Publish, and wait for the acknowledgement";
const PULL: &str = "3. Pull one at a time";
const HANDLE: &str = "4. Send, report, acknowledge";
const AT_IT: &str = "5. Still at it";
const GIVEN: &str = "What the spec checks";

/// Long enough that nothing is delivered a second time while a check runs.
const LONG: &str = "60000";
/// Short enough to wait for a second delivery.
const SHORT: &str = "1000";

/// A check, and a broker for it that waits so long for an acknowledgement. `None` when nats-server is not installed.
fn begin(section: &str, did: impl Into<String>, ack_wait_ms: &str) -> Option<(Check, Site)> {
    let site = Site::start(support::spec!("13-broker"), ack_wait_ms, (STREAM, |_| PUBLISH))?;
    Some((site.spec.check(section, did), site))
}

/// Waits until a worker has a mail in hand. What the check has done comes after that.
fn wait_in_hand(check: &Check, mailbox: &Mailbox) {
    let check = check.spec().check(PULL, "posted to a worker whose mailbox holds what comes");
    let expected = "a worker pulls a mail (step 3) and begins to send it (step 4)";
    check.eventually(expected, || (mailbox.conversations() > 0).then_some(()));
    mailbox.wait_held(&check.about(HANDLE), 1);
}

/// Nothing of the job is left in the broker. What the workers have acknowledged, a work queue deletes.
fn wait_until_gone(check: &Check, site: &Site, mails: usize) {
    let Err(left) = site.broker.wait_empty(check) else { return };
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    // Reports are deleted when their job is done, and that is given. More messages than mails were published twice.
    let (section, expected) = if left > mails {
        (STREAM, "no message left in the broker: a work queue deletes what is acknowledged")
    } else {
        (HANDLE, "no message left in the broker: each mail that is done is acknowledged")
    };
    check.about(section).fail(expected, &format!("{} in its streams", counted(left, "message")));
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
    check.about(HANDLE).holds(&expected, logged == [number], format!("{logged:?}"));
}

/// Waits for the line about a job, which comes when every mail of it was reported.
fn wait_logged(check: &Check, server: &Running, number: usize) {
    let line = format!("Number of mails sent {number}");
    let expected = format!("the server logs `{line}`, when a report about each mail of the job has come");
    check.about(HANDLE).eventually_gives(&expected, || {
        if logged(server).contains(&number) {
            Ok(())
        } else {
            Err(format!("the log is\n{}", server.stderr()))
        }
    });
}

/// Each of the mails has arrived in one mailbox or another, and no other one. One that was in hand when somebody died
/// may have come twice.
fn arrived(check: &Check, mailboxes: &[&Mailbox], mails: &[Mail]) {
    let got: BTreeSet<String> = mailboxes.iter().flat_map(|mailbox| mailbox.recipients()).collect();
    let expected = mail::recipients(mails).into_iter().collect();
    let list = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect::<Vec<_>>().join(", ");
    let (missing, foreign) = (list(&expected, &got), list(&got, &expected));
    let came = format!("missing: {missing}; nobody has posted: {foreign}");
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
    check.about(GIVEN).holds(&expected, holds, format!("{ids:?}"));
}

#[test]
fn the_stream_of_mails_is_a_work_queue_on_disk() {
    let did = "started the server, and asked the broker about the stream \"mails\"";
    let Some((check, mut site)) = begin(STREAM, did, LONG) else { return };
    let room = site.spec.number(100_000..1_000_000);
    site.set("QUEUE_BYTES", room);
    let _server = site.server();
    let expected = "a stream with the name \"mails\"";
    let stream = check.eventually(expected, || site.broker.stream(&check, "mails"));
    for (what, name, value) in [
        ("its subjects", "subjects", json!(["mails"])),
        ("its retention: what is acknowledged is deleted", "retention", json!("workqueue")),
        ("its storage", "storage", json!("file")),
        ("its limit in bytes, QUEUE_BYTES", "max_bytes", json!(room)),
        ("whom a full stream refuses", "discard", json!("new")),
        ("how long an id is remembered, in nanoseconds", "duplicate_window", json!(120_000_000_000_u64)),
    ] {
        check.json(what, &stream["config"][name], &value);
    }
}

#[test]
fn what_is_accepted_is_in_the_broker() {
    let Some((check, site)) = begin(PUBLISH, "posted mails; there is no worker", LONG) else { return };
    let mails = site.spec.mails(site.spec.number(2..9));
    let server = site.server();
    server.post(&check, &mails);
    let messages = site.broker.messages(&check);
    check.equal("the number of messages in the broker", &messages, &Some(mails.len() as u64));
    check_nothing_logged(&check, &server);
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_has() {
    let did = "posted mails of 1 kB each while there is no worker, with QUEUE_BYTES=10000";
    let Some((check, mut site)) = begin(PUBLISH, did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    site.set("QUEUE_BYTES", 10_000);
    let server = site.server();
    let large = |mail: Mail| [Mail { text: "x".repeat(1000), ..mail }];
    let mails: Vec<_> = site.spec.mails(20).into_iter().map(large).collect();
    let answers: Vec<_> = mails.iter().map(|mail| server.offer(&check, mail)).collect();
    let accepted = answers.iter().take_while(|answer| answer.status == 202).count();
    let refused = &answers[accepted.min(19)];
    check.equal("the status of the answer when the queue is full", &refused.status, &503);
    check.holds("a header Retry-After", refused.header("retry-after").is_some(), refused.describe_headers());
    check.holds("some mails are accepted before that", accepted > 1, accepted);
    let held = site.broker.messages(&check);
    check.equal("the number of messages in the broker", &held, &Some(accepted as u64));
    let lines = server.stderr().lines().count();
    check.holds("about a line in the log for each refusal", lines <= 25, counted(lines, "line"));
    // The queue has room again as soon as a worker has done something.
    let did = format!("started a worker when the queue was full with {}", counted(accepted, "mail"));
    let check = site.spec.check(HANDLE, did);
    let _worker = site.worker(&mailbox);
    mailbox.wait_letters(&check.about(PULL), accepted);
    wait_until_gone(&check, &site, accepted);
    server.post(&check, &mails[19]);
    mailbox.wait_letters(&check, accepted + 1);
}

#[test]
fn a_worker_takes_one_mail_and_leaves_the_others() {
    let did = "posted mails, and started a worker whose mailbox holds the first";
    let Some((check, site)) = begin(PULL, did, LONG) else { return };
    let (mailbox, mails) = (site.spec.mailbox(), site.spec.mails(site.spec.number(3..9)));
    let server = site.server();
    server.post(&check, &mails);
    mailbox.hold(Point::Connect);
    let _worker = site.worker(&mailbox);
    let left = mails.len() - 1;
    let expected = format!("the broker has delivered 1 mail, and {left} wait for any worker");
    check.eventually_gives(&expected, || {
        let stream = site.broker.stream(&check, "mails").unwrap_or_default();
        let consumer = &stream["consumer_detail"][0];
        let (delivered, waiting) = (&consumer["num_ack_pending"], &consumer["num_pending"]);
        let found = format!("delivered {delivered}, waiting {waiting}");
        if *delivered == json!(1) && *waiting == json!(left) { Ok(()) } else { Err(found) }
    });
}

#[test]
fn a_job_is_accepted_sent_reported_and_gone() {
    let Some((check, site)) = begin(HANDLE, "posted mails to a server with one worker", LONG) else { return };
    let (mailbox, mails) = (site.spec.mailbox(), site.spec.mails(site.spec.number(3..9)));
    let server = site.server();
    let _worker = site.worker(&mailbox);
    server.post(&check, &mails);
    mailbox.wait_letters(&check.about(PULL), mails.len());
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&mailbox], &mails);
    for letter in mailbox.letters() {
        let mail = mails.iter().find(|mail| letter.recipients == [mail.to.as_str()]);
        let subject = mail.map(|mail| mail.subject.clone()).unwrap_or_default();
        check.equal("the subject", &letter.header("Subject"), &subject);
    }
    check_message_ids(&check, &[&mailbox], mails.len());
    let did = format!("looked into the broker when {} were sent and reported", counted(mails.len(), "mail"));
    wait_until_gone(&site.spec.check(HANDLE, did), &site, mails.len());
}

#[test]
fn what_is_accepted_waits_for_a_worker() {
    let did = "posted 2 mails and 3 mails while there is no worker, then started one";
    let Some((check, site)) = begin(PUBLISH, did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    let (first, second) = (site.spec.mails(2), site.spec.mails(3));
    let server = site.server();
    let jobs = [server.post(&check, &first), server.post(&check, &second)];
    check.holds("each job has an id of its own", jobs[0] != jobs[1], &jobs[0]);
    check_nothing_logged(&check, &server);
    let _worker = site.worker(&mailbox);
    for number in [2, 3] {
        wait_logged(&check, &server, number);
    }
    arrived_once(&check, &[&mailbox], &[first, second].concat());
}

/// A proxy's address for `NATS_URL`.
fn url(proxy: &Proxy) -> String {
    format!("nats://127.0.0.1:{}", proxy.port())
}

#[test]
fn a_client_is_answered_when_the_broker_has_stored_the_job() {
    let did = "posted mails; the last one does not reach the broker";
    let Some((check, site)) = begin(PUBLISH, did, LONG) else { return };
    let mails = site.spec.mails(site.spec.number(2..6));
    let last = &mails[mails.len() - 1];
    let proxy = Proxy::cut_before(site.broker.port(), last.to.as_bytes()).expect("a free port");
    let server = site.server_of(site.program().env("NATS_URL", url(&proxy)));
    let pending = server.http.begin_post("/endpoint", &mail::request(&mails));
    check.eventually("the server publishes each mail", || proxy.was_cut().then_some(()));
    for _ in 0..5 {
        pending.stays_open(&check, "the broker has not acknowledged the last mail");
    }
}

#[test]
fn a_job_that_is_posted_twice_with_one_key_is_done_once() {
    let did = "posted mails twice with one Idempotency-Key";
    let Some((check, mut site)) = begin(PUBLISH, did, LONG) else { return };
    let (mailbox, mails) = (site.spec.mailbox(), site.spec.mails(site.spec.number(2..6)));
    let key = format!("{}-{}", site.spec.word(), site.spec.number(0..1000));
    let server = site.server();
    let post_with = |check: &Check, key: &str, mails: &[Mail]| {
        let headers = [("idempotency-key", key)];
        server.http.post_with(check, "/endpoint", &headers, &mail::request(mails))
    };
    let post_it = |check: &Check| {
        let job = server.accepted(check, &post_with(check, &key, &mails));
        check.json("the job's id", &job, &json!(key));
    };
    post_it(&check);
    post_it(&check);
    let (held, all) = (messages(&check, &site), counted(mails.len(), "message"));
    check.holds(&format!("{all} in the broker: it recognizes the ids"), held == all, held);
    let given = check.about(GIVEN);
    let other = post_with(&given, &key, &site.spec.mails(1)).status;
    given.equal("the status of the answer to the same key with other mails", &other, &422);
    let bad = post_with(&given, "two words", &[]).status;
    given.equal("the status of the answer to an invalid key", &bad, &400);

    let _worker = site.worker(&mailbox);
    logs_number(&check, &server, mails.len());
    wait_until_gone(&check, &site, mails.len());
    // A broker forgets ids when it is restarted and their messages are gone. The ledger does not.
    site.broker.stop(&check, Signal::SIGTERM);
    site.broker.restart(&check);
    let lines = || server.logged("broker: connected").len();
    check.eventually("a second line `broker: connected` in the log", || (lines() == 2).then_some(()));
    let did = "posted mails, restarted the broker when they were sent, and posted them again";
    let check = site.spec.check(GIVEN, did);
    post_it(&check);
    // What comes after it in the queue shows that nothing of the first job is in it.
    let last = site.spec.mails(mails.len() + 1);
    server.post(&check, &last);
    wait_logged(&check, &server, last.len());
    arrived_once(&check, &[&mailbox], &[mails.clone(), last].concat());
    check.equal("the number of lines about jobs in the log", &logged(&server).len(), &2);
}

#[test]
fn hosts_share_the_work() {
    let did = "posted mails to two hosts; the mailbox of the first one holds its mail";
    let Some((check, site)) = begin(PULL, did, LONG) else { return };
    let (here, there) = (site.spec.mailbox(), site.other_mailbox());
    let mails = site.spec.mails(site.spec.number(4..9));
    here.hold(Point::Rcpt);
    let server = site.server();
    let _first = site.worker(&here);
    server.post(&check, &mails);
    wait_in_hand(&check, &here);
    let _second = site.worker(&there);
    // All but the one that the first host has in hand.
    there.wait_letters(&check, mails.len() - 1);
    check.equal("the number of mails that the first host has in hand", &here.held(), &1);
    here.release_all();
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&here, &there], &mails);
}

#[test]
fn the_mail_of_a_killed_worker_is_delivered_to_another_host() {
    let did = "posted mails, killed the worker that has the first in hand, started another";
    let Some((check, site)) = begin(HANDLE, did, SHORT) else { return };
    let (here, there) = (site.spec.mailbox(), site.other_mailbox());
    let mails = site.spec.mails(site.spec.number(2..5));
    here.hold(Point::Data);
    let server = site.server();
    let mut first = site.worker(&here);
    server.post(&check, &mails);
    wait_in_hand(&check, &here);
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let _second = site.worker(&there);
    there.wait_letters(&check, mails.len() - 1);
    let expected = "the mail that the killed worker had in hand comes again: it was not acknowledged";
    check.eventually_gives(expected, || {
        let count = there.letters().len();
        let came = format!("{} at the other host of {} posted", counted(count, "mail"), mails.len());
        if count >= mails.len() { Ok(()) } else { Err(came) }
    });
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&here, &there], &mails);
    wait_until_gone(&check, &site, mails.len());
}

#[test]
fn a_worker_that_is_cut_off_after_its_acknowledgement_has_reported() {
    let did = "posted a mail; after its acknowledgement, nothing of what the worker says reaches the broker";
    let Some((check, site)) = begin(HANDLE, did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    let proxy = Proxy::cut_after(site.broker.port(), b"PUB $JS.ACK.").expect("a free port");
    let server = site.server();
    let mut worker = site.worker_program(mailbox.url()).env("NATS_URL", url(&proxy)).start();
    server.post(&check, &site.spec.mails(1));
    let expected = "an acknowledgement, +ACK, on the worker's connection";
    check.eventually(expected, || proxy.was_cut().then_some(()));
    worker.signal(Signal::SIGKILL);
    worker.wait(&check);
    // The mail is gone from the queue. If it was not reported before, it never will be.
    logs_number(&check, &server, 1);
    wait_until_gone(&check, &site, 1);
}

#[test]
fn a_mail_that_takes_long_is_not_given_to_another() {
    let did = format!("posted a mail and held it for 2.5 times ACK_WAIT_MS={SHORT}");
    let Some((check, site)) = begin(AT_IT, did, SHORT) else { return };
    let (here, there, mails) = (site.spec.mailbox(), site.other_mailbox(), site.spec.mails(1));
    here.hold(Point::Rcpt);
    let server = site.server();
    let _first = site.worker(&here);
    server.post(&check, &mails);
    wait_in_hand(&check, &here);
    let _second = site.worker(&there);
    // Whether something does not happen only time can tell.
    let watched = Duration::from_millis(2500);
    limit::poll(watched, || (!there.letters().is_empty()).then_some(()));
    let given = counted(there.letters().len(), "mail");
    check.holds("no mail at another host meanwhile", there.letters().is_empty(), given);
    here.release_all();
    logs_number(&check, &server, 1);
    arrived_once(&check, &[&here, &there], &mails);
}

#[test]
fn a_mail_that_goes_out_twice_has_one_name_and_counts_once() {
    let did = "stopped a worker in the middle of a mail, let another send it, then went on";
    let Some((check, site)) = begin(GIVEN, did, SHORT) else { return };
    let (here, there) = (site.spec.mailbox(), site.other_mailbox());
    here.hold(Point::Rcpt);
    let server = site.server();
    let first = site.worker(&here);
    server.post(&check, &site.spec.mails(1));
    wait_in_hand(&check, &here);
    first.signal(Signal::SIGSTOP);
    let _second = site.worker(&there);
    there.wait_letters(&check, 1);
    here.release_all();
    first.signal(Signal::SIGCONT);
    here.wait_letters(&check, 1);
    check_message_ids(&check, &[&here, &there], 1);
    wait_logged(&check, &server, 1);
    wait_until_gone(&check, &site, 1);
    let logged = logged(&server);
    let expected = "one line in the log: the job was done when the second report came";
    check.about(GIVEN).holds(expected, logged.len() == 1, format!("{logged:?}"));
}

#[test]
fn nothing_is_lost_when_the_broker_is_restarted() {
    let did = "posted mails, ended the broker while a worker had one in hand, and started it again";
    let Some((check, mut site)) = begin(STREAM, did, SHORT) else { return };
    let (spec, mailbox) = (site.spec.clone(), site.spec.mailbox());
    let (before, after) = (spec.mails(spec.number(5..20)), spec.mails(spec.number(2..5)));
    let signal = [Signal::SIGTERM, Signal::SIGKILL][spec.number(0..2)];
    mailbox.hold(Point::Rcpt);
    let server = site.server();
    let _worker = site.worker(&mailbox);
    server.post(&check, &before);
    wait_in_hand(&check, &mailbox);
    let held_before = Holdings::of(&server);
    site.broker.stop(&check, signal);

    let away = spec.check(PUBLISH, "posted a mail while the broker is away");
    server.log_line(&away, &contains("broker: disconnected"));
    let unwanted = spec.mails(1);
    let refused = server.offer(&away, &unwanted);
    away.equal("the status of the answer", &refused.status, &503);
    let come_again = refused.header("retry-after").is_some();
    away.holds("a header Retry-After", come_again, refused.describe_headers());
    server.is_healthy(&away);

    site.broker.restart(&check);
    check.eventually_gives("the mails are in the broker again: its streams are on disk", || {
        let count = site.broker.messages(&check).unwrap_or_default();
        if count > 0 { Ok(()) } else { Err("no message in its streams".into()) }
    });
    mailbox.release_all();
    wait_logged(&check, &server, before.len());
    server.post(&check, &after);
    wait_logged(&check, &server, after.len());
    let all = [before.clone(), after].concat();
    wait_until_gone(&check, &site, all.len());
    let sent_though = mailbox.recipients().contains(&unwanted[0].to);
    let expected = "the mail that was answered with 503 is not sent when the broker is back";
    away.about(GIVEN).holds(expected, !sent_though, format!("a mail to {}", unwanted[0].to));
    arrived(&check, &[&mailbox], &all);
    let what = format!("the broker got {signal} with 1 mail in hand and {} in the queue", before.len() - 1);
    let account = account(&check, &site, &server, &[&mailbox], &all, held_before);
    figures::publish("13-restart", &format!("{what}\n{account}"));
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
        check.about(GIVEN).holds("one Message-ID for each mail", ids.len() == 1, format!("{ids:?}"));
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

#[test]
fn every_mail_arrives_however_many_workers_are_killed() {
    // At the last one the mail is accepted already, so it comes twice.
    const POINTS: [Point; 8] = [
        Point::Connect,
        Point::Rcpt,
        Point::Data,
        Point::Answer,
        Point::Accept,
        Point::Rcpt,
        Point::Data,
        Point::Answer,
    ];
    let did = format!("posted mails to two hosts, and killed {} workers at work", POINTS.len());
    let Some((check, site)) = begin(HANDLE, did, SHORT) else { return };
    let (here, there) = (site.spec.mailbox(), site.other_mailbox());
    // Each job has another number of mails, by which its line in the log is known.
    let least = site.spec.number(10..15);
    let jobs: Vec<_> = (least..least + POINTS.len()).map(|count| site.spec.mails(count)).collect();
    let server = site.server();
    let before = Holdings::of(&server);
    let hosts = [&here, &there];
    let mut workers = hosts.map(|mailbox| site.worker(mailbox));
    let mut posted = 0;
    for (kill, (point, job)) in POINTS.into_iter().zip(&jobs).enumerate() {
        // Both hosts, or the other one might do all of the job before this one gets a mail.
        hosts.iter().for_each(|host| host.hold(point));
        server.post(&check, job);
        posted += job.len();
        let victim = kill % 2;
        hosts[victim].wait_held(&check, 1);
        workers[victim].signal(Signal::SIGKILL);
        workers[victim].wait(&check);
        hosts.iter().for_each(|host| host.release_all());
        workers[victim] = site.worker(hosts[victim]);
        // What a killed worker had in hand comes again later.
        let goal = posted - kill - 1;
        check.eventually_gives(&format!("{goal} mails in the mailboxes"), || {
            let count = here.letters().len() + there.letters().len();
            if count >= goal { Ok(()) } else { Err(counted(count, "mail")) }
        });
    }
    jobs.iter().for_each(|job| wait_logged(&check, &server, job.len()));
    check.equal("the number of lines about jobs in the log", &logged(&server).len(), &jobs.len());
    let mails = jobs.concat();
    arrived(&check, &hosts, &mails);
    wait_until_gone(&check, &site, mails.len());
    let kills = format!(
        "{} workers killed, each with a mail in hand, three of them when the mail server had all of it",
        POINTS.len()
    );
    let account = account(&check, &site, &server, &hosts, &mails, before);
    figures::publish("13-kills", &format!("{kills}\n{account}"));
}

/// A port on which there is no mail server, and its address.
fn no_mail_server() -> (ClosedPort, String) {
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    (port, url)
}

#[test]
fn a_refused_mail_is_not_counted_and_a_mail_server_that_is_down_is_no_refusal() {
    let did = "posted 6 mails; the first host has no mail server; the second one's refuses a mail, and the others are bad mails";
    let Some((check, site)) = begin(HANDLE, did, SHORT) else { return };
    let (mailbox, mut mails) = (site.other_mailbox(), site.spec.mails(6));
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    mails[2].to = format!("no address {}", site.spec.word());
    // The mailbox does not offer SMTPUTF8.
    mails[4].to = "grüße@example.org".into();
    mails[5].subject = "two\nlines".into();
    let (_port, url) = no_mail_server();
    let server = site.server();
    let mut first = site.worker_program(url).start();
    server.post(&check, &mails);
    first.log_line(&check, &contains("has to wait"));
    first.stops(&check);
    let second = site.worker(&mailbox);
    for to in [&mails[1].to, &mails[2].to, &mails[4].to, &mails[5].to] {
        let line =
            |line: &str| line.starts_with("error: cannot send the mail to") && line.contains(to.as_str());
        let waits = || second.stderr().contains("has to wait");
        check.eventually(&format!("a line `error: cannot send the mail to {to:?}…`"), || {
            let seen = format!("{}{}", first.stderr(), second.stderr());
            (waits() || seen.lines().any(line)).then_some(())
        });
        check.holds("no line with `has to wait` about a refused mail", !waits(), second.stderr());
    }
    logs_number(&check, &server, 2);
    arrived_once(&check, &[&mailbox], &[mails[0].clone(), mails[3].clone()]);
    wait_until_gone(&check, &site, mails.len());
}

#[test]
fn a_mail_that_cannot_be_sent_is_given_up_after_five_deliveries() {
    let did = "posted a mail to a worker whose mail server is down";
    let Some((check, site)) = begin(HANDLE, did, "300") else { return };
    let (_port, url) = no_mail_server();
    let server = site.server();
    let worker = site.worker_program(url).start();
    let began = Instant::now();
    server.post(&check, &site.spec.mails(1));
    logs_number(&check, &server, 0);
    let took = began.elapsed();
    // Not how long it takes at most, which a busy machine would decide: the broker keeps the mail for so long.
    let expected = "between two deliveries a pause of ACK_WAIT_MS=300: 1.2 s before the mail is given up";
    check.holds(expected, took >= Duration::from_millis(1000), format!("{} ms", took.as_millis()));
    worker.log_line(&check, &contains("error: cannot send the mail to"));
    let waits = worker.logged("has to wait").len();
    check.holds("4 lines with `has to wait` at most", waits <= 4, counted(waits, "line"));
    wait_until_gone(&check, &site, 1);
}

#[test]
fn a_server_that_is_killed_still_says_what_was_sent() {
    let did = "posted 3 mails, killed the server when one was sent, started another server";
    let Some((check, site)) = begin(GIVEN, did, SHORT) else { return };
    let (mailbox, mails) = (site.spec.mailbox(), site.spec.mails(3));
    mailbox.hold_recipient(Point::Rcpt, &mails[1].to);
    let mut first = site.server();
    let _worker = site.worker(&mailbox);
    first.post(&check, &mails);
    wait_in_hand(&check, &mailbox);
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let second = site.server();
    mailbox.release_all();
    logs_number(&check, &second, 3);
    arrived_once(&check, &[&mailbox], &mails);
}

#[test]
fn a_worker_finishes_the_mail_in_hand_when_it_is_told_to_end() {
    let did = "sent SIGTERM to a worker with a mail in hand and one in the queue";
    let Some((check, site)) = begin(GIVEN, did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    mailbox.hold(Point::Data);
    let mut server = site.server();
    let mut worker = site.worker(&mailbox);
    server.post(&check, &site.spec.mails(2));
    wait_in_hand(&check, &mailbox);
    worker.signal(Signal::SIGTERM);
    mailbox.release_all();
    worker.ends_well(&check);
    check.holds("a mail in the mailbox", !mailbox.letters().is_empty(), "none");
    server.stops(&check);
}

#[test]
fn big_jobs_and_empty_ones() {
    let did =
        "posted a job without mails, one of 6000 small mails, one of a big mail, and one that is too big";
    let Some((check, site)) = begin(PUBLISH, did, LONG) else { return };
    let server = site.server();
    server.post(&check, &[]);
    logs_number(&check, &server, 0);
    let mails = |count, size| {
        let [from, to, subject] = ["a@b.test", "c@d.test", "x"].map(str::to_owned);
        vec![Mail { from, to, subject, text: "x".repeat(size) }; count]
    };
    // More than the client lets wait for an acknowledgement at once, which is 5000.
    let many = server.http.begin_post("/endpoint", &mail::request(&mails(6000, 1)));
    site.broker.wait_messages(&check, 6000);
    check.equal("the status of the answer", &many.wait(&check).status, &202);
    server.post(&check, &mails(1, 900_000));
    let overhead = mail::request(&mails(1, 0)).to_string().len();
    let answer = server.offer(&check, &mails(1, 1024 * 1024 - overhead));
    check.equal("the status for a mail larger than the broker's limit", &answer.status, &413);
    let bad = server.http.post_bytes(&check, "/endpoint", b"{\"emails\": [");
    check.equal("the status for malformed JSON", &bad.status, &400);
}

#[test]
fn bad_configuration_and_a_missing_broker_are_told_at_the_start() {
    let spec = support::spec!("13-broker");
    let closed = ClosedPort::new().expect("a free port");
    let port = closed.number().to_string();
    let nobody = format!("nats://127.0.0.1:{port}");
    let cases = [
        ("NATS_URL", nobody.clone().into(), 1, port.as_str()),
        ("NATS_URL", "http://127.0.0.1:4222".into(), 2, "NATS_URL"),
        ("NATS_URL", "not a url".into(), 2, "NATS_URL"),
        ("NATS_URL", "".into(), 2, "NATS_URL"),
        ("NATS_URL", not_utf8("nats://", ""), 2, "UTF-8"),
        ("ACK_WAIT_MS", "soon".into(), 2, "ACK_WAIT_MS"),
        ("ACK_WAIT_MS", "0".into(), 2, "ACK_WAIT_MS"),
    ];
    for role in [None, Some("send-mail")] {
        for (name, value, code, word) in &cases {
            let did = format!("started {} with {name}={value:?}", role.unwrap_or("the server"));
            let program = spec.program().args(role).env("PORT", "0").env("NATS_URL", &nobody);
            let check = spec.check(GIVEN, did);
            program.env(name, value).run(&check).code(*code).reports_error(&[word]);
        }
    }
    let check = spec.check(GIVEN, "started it in a role whose name is not UTF-8");
    spec.program().arg(not_utf8("send", "mail")).run(&check).code(2).reports_error(&["unknown role"]);
}
