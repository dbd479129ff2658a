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
use support::mailbox::Letter;
use support::predicates::str::contains;
use support::{
    Broker, Check, ClosedPort, Http, Mail, Mailbox, Point, Program, Proxy, Reply, Running, Signal, Spec,
};
use support::{counted, json, limit, mail};

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

fn program(spec: &Spec, broker: &Broker, ack_wait_ms: &str) -> Program {
    spec.program().env("NATS_URL", broker.url()).env("ACK_WAIT_MS", ack_wait_ms)
}

fn server(check: &Check, broker: &Broker, ack_wait_ms: &str) -> (Running, Http) {
    let mut server = program(check.spec(), broker, ack_wait_ms).env("PORT", "0").start();
    // It makes the stream before it listens.
    let http = server.listening(&check.spec().check(STREAM, "started the server"));
    (server, http)
}

fn worker(check: &Check, broker: &Broker, ack_wait_ms: &str, mailbox: &Mailbox) -> Running {
    program(check.spec(), broker, ack_wait_ms).arg("send-mail").env("SMTP_URL", mailbox.url()).start()
}

/// A second host's mail server. Linux has the whole of 127.0.0.0/8; elsewhere only the port differs.
fn other_mailbox(spec: &Spec) -> Mailbox {
    spec.mailbox_at(if cfg!(target_os = "linux") { "127.0.0.2" } else { "127.0.0.1" })
}

/// Posts mails; the answer must be 202 with the id of the job.
fn post(check: &Check, http: &Http, mails: &[Mail]) -> String {
    let check = check.about(PUBLISH);
    let answer = http.post(&check, "/endpoint", &mail::request(mails));
    if answer.status != 202 {
        let posted = check.spec().check(PUBLISH, format!("posted {}", counted(mails.len(), "mail")));
        posted.fail("202: the broker has acknowledged all of them", &answer.to_string());
    }
    let job = answer.json()["job"].as_str().unwrap_or_default().to_owned();
    check.holds("an answer {\"status\": true, \"job\": ID}", !job.is_empty(), &answer);
    check.json("the answer's status", &answer.json()["status"], &json!(true));
    job
}

/// Waits until a worker has a mail in hand. What the check has done comes after that.
fn wait_in_hand(check: &Check, mailbox: &Mailbox) {
    let check = check.spec().check(PULL, "posted to a worker whose mailbox holds what comes");
    let expected = "a worker pulls a mail (step 3) and begins to send it (step 4)";
    check.eventually(expected, || (mailbox.conversations() > 0).then_some(()));
    mailbox.wait_held(&check.about(HANDLE), 1);
}

/// Nothing of the job is left in the broker. What the workers have acknowledged, a work queue deletes.
fn wait_gone(check: &Check, broker: &Broker, mails: usize) {
    let Err(left) = broker.wait_empty(check) else { return };
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    // Reports are deleted when their job is done, and that is given. More messages than mails were published twice.
    let (section, expected) = if left > mails {
        (STREAM, "no message left in the broker: a work queue deletes what is acknowledged")
    } else {
        (HANDLE, "no message left in the broker: each mail that is done is acknowledged")
    };
    check.about(section).fail(expected, &format!("{} in its streams", counted(left, "message")));
}

fn logged(server: &Running) -> Vec<String> {
    server
        .stderr()
        .lines()
        .filter(|line| line.starts_with("Number of mails sent"))
        .map(str::to_owned)
        .collect()
}

/// The server adds up what the workers report.
fn logs_number(check: &Check, server: &Running, number: usize) {
    let check = check.about(HANDLE);
    wait_logged(&check, server, number);
    let lines = logged(server).join(", ");
    let alone = lines == format!("Number of mails sent {number}");
    check.holds(&format!("only one line about jobs in the log: Number of mails sent {number}"), alone, lines);
}

/// Waits for the line about a job, which comes when every mail of it was reported.
fn wait_logged(check: &Check, server: &Running, number: usize) {
    let line = format!("Number of mails sent {number}");
    let expected = format!("the server logs `{line}`, when a report about each mail of the job has come");
    check.about(HANDLE).eventually_gives(&expected, || {
        let log = server.stderr();
        if logged(server).contains(&line) { Ok(()) } else { Err(format!("the log is\n{log}")) }
    });
}

fn set(recipients: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    recipients.into_iter().collect()
}

/// Each of the mails has arrived, and no other one. One that was in hand when somebody died may have come twice.
fn arrived(check: &Check, mailboxes: &[&Mailbox], mails: &[Mail]) {
    let got = set(mailboxes.iter().flat_map(|mailbox| mailbox.recipients()));
    let expected = set(mail::recipients(mails));
    let missing: Vec<&str> = expected.difference(&got).map(String::as_str).collect();
    let foreign: Vec<&str> = got.difference(&expected).map(String::as_str).collect();
    let came = format!("missing: {}; nobody has posted: {}", list(&missing), list(&foreign));
    let holds = missing.is_empty() && foreign.is_empty();
    check.holds(&format!("each of {} has arrived", counted(mails.len(), "mail")), holds, came);
}

fn list(recipients: &[&str]) -> String {
    if recipients.is_empty() { "none".into() } else { recipients.join(", ") }
}

/// Each of the mails has arrived once, in one mailbox or another.
fn arrived_once(check: &Check, mailboxes: &[&Mailbox], mails: &[Mail]) {
    let got: Vec<String> = mailboxes.iter().flat_map(|mailbox| mailbox.recipients()).collect();
    let expected = mail::recipients(mails);
    let mut wrong: Vec<String> = Vec::new();
    for to in set(got.iter().chain(&expected).cloned()) {
        let times = |list: &[String]| list.iter().filter(|other| **other == to).count();
        if times(&got) != times(&expected) {
            wrong.push(format!("{} to {to} instead of {}", counted(times(&got), "mail"), times(&expected)));
        }
    }
    let what = if mailboxes.len() == 1 { "the mailbox" } else { "the two mailboxes" };
    let expected = format!("each of {} once in {what}", counted(mails.len(), "mail"));
    check.holds(&expected, wrong.is_empty(), wrong.join(", "));
}

#[test]
fn the_stream_of_mails_is_a_work_queue_on_disk() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let check = spec.check(STREAM, "started the server, and asked the broker about the stream \"mails\"");
    let room = spec.number(100_000..1_000_000);
    let mut server =
        program(&spec, &broker, LONG).env("PORT", "0").env("QUEUE_BYTES", room.to_string()).start();
    server.listening(&check);
    let expected = "a stream with the name \"mails\"";
    let stream = check.eventually(expected, || broker.stream(&check, "mails"));
    let config = &stream["config"];
    check.json("its subjects", &config["subjects"], &json!(["mails"]));
    check.json("its retention: what is acknowledged is deleted", &config["retention"], &json!("workqueue"));
    check.json("its storage", &config["storage"], &json!("file"));
    check.json("its limit in bytes, QUEUE_BYTES", &config["max_bytes"], &json!(room));
    check.json("whom a full stream refuses", &config["discard"], &json!("new"));
    // In nanoseconds.
    check.json("how long an id is remembered", &config["duplicate_window"], &json!(120_000_000_000_u64));
}

#[test]
fn what_is_accepted_is_in_the_broker() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mails = spec.mails(spec.number(2..9));
    let (server, http) = server(&spec.check(STREAM, "started the server"), &broker, LONG);
    let check = spec.check(PUBLISH, format!("posted {} mails; there is no worker", mails.len()));
    post(&check, &http, &mails);
    check.equal("the number of messages in the broker", &broker.messages(&check), &Some(mails.len() as u64));
    let lines = logged(&server);
    check.holds("no line about jobs in the log, since nothing was sent", lines.is_empty(), lines.join(", "));
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_has() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let check =
        spec.check(PUBLISH, "posted mails of 1 kB each while there is no worker, with QUEUE_BYTES=10000");
    let small = |program: Program| program.env("QUEUE_BYTES", "10000");
    let mut server = small(program(&spec, &broker, LONG)).env("PORT", "0").start();
    let http = server.listening(&check.about(STREAM));
    let mails: Vec<Mail> =
        spec.mails(20).into_iter().map(|mail| Mail { text: "x".repeat(1000), ..mail }).collect();
    let answers: Vec<_> = mails
        .iter()
        .map(|mail| http.post(&check, "/endpoint", &mail::request(std::slice::from_ref(mail))))
        .collect();
    let accepted = answers.iter().take_while(|answer| answer.status == 202).count();
    let refused = &answers[accepted.min(19)];
    check.equal("the status of the answer when the queue is full", &refused.status, &503);
    check.holds("a header Retry-After", refused.header("retry-after").is_some(), refused.headers_in_words());
    check.holds("some mails are accepted before that", accepted > 1, accepted);
    let held = broker.messages(&check);
    check.equal("the number of messages in the broker", &held, &Some(accepted as u64));
    let lines = server.stderr().lines().count();
    check.holds("about a line in the log for each refusal", lines <= 25, counted(lines, "line"));
    // The queue has room again as soon as a worker has done something.
    let _worker =
        small(program(&spec, &broker, LONG)).arg("send-mail").env("SMTP_URL", mailbox.url()).start();
    let did = format!("started a worker when the queue was full with {}", counted(accepted, "mail"));
    let check = spec.check(HANDLE, did);
    mailbox.wait_letters(&check.about(PULL), accepted);
    wait_gone(&check, &broker, accepted);
    post(&check, &http, &mails[19..]);
    mailbox.wait_letters(&check, accepted + 1);
}

#[test]
fn a_worker_takes_one_mail_and_leaves_the_others() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(3..9));
    let (_server, http) = server(&spec.check(STREAM, "started the server"), &broker, LONG);
    post(&spec.check(PUBLISH, "posted mails"), &http, &mails);
    let did = format!("posted {} mails, and started a worker whose mailbox holds the first", mails.len());
    let check = spec.check(PULL, did);
    mailbox.hold(Point::Connect);
    let _worker = worker(&check, &broker, LONG, &mailbox);
    let left = mails.len() - 1;
    let expected = format!("the broker has delivered 1 mail, and {left} wait for any worker");
    check.eventually_gives(&expected, || {
        let stream = broker.stream(&check, "mails").unwrap_or_default();
        let consumers = stream["consumer_detail"].as_array().cloned().unwrap_or_default();
        let Some(consumer) = consumers.first() else {
            return Err("nobody has pulled from the stream".into());
        };
        let (delivered, waiting) = (&consumer["num_ack_pending"], &consumer["num_pending"]);
        let found = format!("delivered {delivered}, waiting {waiting}");
        if *delivered == json!(1) && *waiting == json!(left) { Ok(()) } else { Err(found) }
    });
}

#[test]
fn a_job_is_accepted_sent_reported_and_gone() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(3..9));
    let check = spec.check(HANDLE, format!("posted {} mails to a server with one worker", mails.len()));
    let (server, http) = server(&check, &broker, LONG);
    let _worker = worker(&check, &broker, LONG, &mailbox);
    post(&check, &http, &mails);
    mailbox.wait_letters(&check.about(PULL), mails.len());
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&mailbox], &mails);
    for letter in mailbox.letters() {
        let mail = mails.iter().find(|mail| letter.recipients == [mail.to.as_str()]);
        check.equal(
            "the subject",
            &letter.header("Subject"),
            &mail.map(|mail| mail.subject.clone()).unwrap_or_default(),
        );
    }
    let ids = set(mailbox.letters().iter().map(message_id));
    let naming = spec.check(GIVEN, format!("looked at the Message-ID of {} letters", mails.len()));
    naming.equal("the number of different Message-IDs", &ids.len(), &mails.len());
    naming.holds(
        "a Message-ID of the form <NAME@HOST>",
        ids.iter().all(|id| is_message_id(id)),
        in_words(&ids),
    );
    let did = format!("looked into the broker when {} were sent and reported", counted(mails.len(), "mail"));
    wait_gone(&spec.check(HANDLE, did), &broker, mails.len());
}

fn in_words(ids: &BTreeSet<String>) -> String {
    ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn message_id(letter: &Letter) -> String {
    letter.header("Message-ID")
}

fn is_message_id(id: &str) -> bool {
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).and_then(|id| id.split_once('@'));
    inner.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !id.contains(' '))
}

#[test]
fn what_is_accepted_waits_for_a_worker() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let (first, second) = (spec.mails(2), spec.mails(3));
    let check = spec.check(PUBLISH, "posted 2 mails and 3 mails while there is no worker, then started one");
    let (server, http) = server(&check, &broker, LONG);
    let jobs = [post(&check, &http, &first), post(&check, &http, &second)];
    check.holds("each job has an id of its own", jobs[0] != jobs[1], &jobs[0]);
    let lines = logged(&server);
    check.holds("no line about jobs in the log, since nothing was sent", lines.is_empty(), lines.join(", "));
    let _worker = worker(&check, &broker, LONG, &mailbox);
    for number in [2, 3] {
        wait_logged(&check, &server, number);
    }
    arrived_once(&check, &[&mailbox], &[first, second].concat());
}

#[test]
fn a_client_is_answered_when_the_broker_has_stored_the_job() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mails = spec.mails(spec.number(2..6));
    let last = &mails[mails.len() - 1];
    let proxy = Proxy::cut_before(broker.port(), last.to.as_bytes()).expect("a free port");
    let did = format!("posted {} mails; the last one does not reach the broker", mails.len());
    let check = spec.check(PUBLISH, did);
    let url = format!("nats://127.0.0.1:{}", proxy.port());
    let mut server = program(&spec, &broker, LONG).env("NATS_URL", url).env("PORT", "0").start();
    let http = server.listening(&check.about(STREAM));
    let pending = http.begin_post("/endpoint", &mail::request(&mails));
    check.eventually("the server publishes each mail", || proxy.was_cut().then_some(()));
    for _ in 0..5 {
        pending.stays_open(&check, "the broker has not acknowledged the last mail");
    }
}

#[test]
fn a_job_that_is_posted_twice_with_one_key_is_done_once() {
    let spec = support::spec!("13-broker");
    let Some(mut broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(2..6));
    let key = format!("{}-{}", spec.word(), spec.number(0..1000));
    let check =
        spec.check(PUBLISH, format!("posted {} mails twice with Idempotency-Key: {key}", mails.len()));
    let (server, http) = server(&check, &broker, LONG);
    let headers = [("idempotency-key", key.as_str())];
    let post_it = |check: &Check| {
        let answer = http.post_with(check, "/endpoint", &headers, &mail::request(&mails));
        check.equal("the status of the answer", &answer.status, &202);
        check.json("the job's id", &answer.json()["job"], &json!(key));
    };
    post_it(&check);
    post_it(&check);
    let held = broker.messages(&check);
    let expected = format!("{} in the broker: it recognizes the ids", counted(mails.len(), "message"));
    check.holds(
        &expected,
        held == Some(mails.len() as u64),
        counted(held.unwrap_or_default() as usize, "message"),
    );
    let other = http.post_with(&check, "/endpoint", &headers, &mail::request(&spec.mails(1)));
    check.about(GIVEN).equal(
        "the status of the answer to the same key with other mails",
        &other.status,
        &422,
    );
    let bad = http.post_with(&check, "/endpoint", &[("idempotency-key", "two words")], &mail::request(&[]));
    check.about(GIVEN).equal("the status of the answer to an invalid key", &bad.status, &400);

    let worker = worker(&check, &broker, LONG, &mailbox);
    logs_number(&check, &server, mails.len());
    wait_gone(&check, &broker, mails.len());
    // A broker forgets ids when it is restarted and their messages are gone. The ledger does not.
    broker.stop(&check, Signal::SIGTERM);
    broker.restart(&check);
    let lines = || server.stderr().matches("broker: connected").count();
    check.eventually("a second line `broker: connected` in the log", || (lines() == 2).then_some(()));
    let did =
        format!("posted {} mails, restarted the broker when they were sent, posted them again", mails.len());
    let check = spec.check(GIVEN, did);
    post_it(&check);
    // What comes after it in the queue shows that nothing of the first job is in it.
    let last = spec.mails(mails.len() + 1);
    post(&check, &http, &last);
    wait_logged(&check, &server, last.len());
    arrived_once(&check, &[&mailbox], &[mails.clone(), last].concat());
    check.equal("the number of lines about jobs in the log", &logged(&server).len(), &2);
    drop(worker);
}

#[test]
fn hosts_share_the_work() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let (here, there) = (spec.mailbox(), other_mailbox(&spec));
    let mails = spec.mails(spec.number(4..9));
    let did =
        format!("posted {} mails to two hosts; the mailbox of the first one holds its mail", mails.len());
    let check = spec.check(PULL, did);
    here.hold(Point::Rcpt);
    let (server, http) = server(&check, &broker, LONG);
    let _first = worker(&check, &broker, LONG, &here);
    post(&check, &http, &mails);
    wait_in_hand(&check, &here);
    let _second = worker(&check, &broker, LONG, &there);
    // All but the one that the first host has in hand.
    there.wait_letters(&check, mails.len() - 1);
    check.equal("the number of mails that the first host has in hand", &here.held(), &1);
    here.release_all();
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&here, &there], &mails);
}

#[test]
fn the_mail_of_a_killed_worker_is_delivered_to_another_host() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let (here, there) = (spec.mailbox(), other_mailbox(&spec));
    let mails = spec.mails(spec.number(2..5));
    let did = format!(
        "posted {} mails, killed the worker that has the first in hand, started another",
        mails.len()
    );
    let check = spec.check(HANDLE, did);
    here.hold(Point::Data);
    let (server, http) = server(&check, &broker, SHORT);
    let mut first = worker(&check, &broker, SHORT, &here);
    post(&check, &http, &mails);
    wait_in_hand(&check, &here);
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let _second = worker(&check, &broker, SHORT, &there);
    there.wait_letters(&check, mails.len() - 1);
    let expected = "the mail that the killed worker had in hand comes again: it was not acknowledged";
    check.eventually_gives(expected, || {
        let count = there.letters().len();
        let came = format!("{} at the other host of {} posted", counted(count, "mail"), mails.len());
        if count >= mails.len() { Ok(()) } else { Err(came) }
    });
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&here, &there], &mails);
    wait_gone(&check, &broker, mails.len());
}

#[test]
fn a_worker_that_is_cut_off_after_its_acknowledgement_has_reported() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let did = "posted a mail; after its acknowledgement, nothing of what the worker says reaches the broker";
    let check = spec.check(HANDLE, did);
    let proxy = Proxy::cut_after(broker.port(), b"PUB $JS.ACK.").expect("a free port");
    let (server, http) = server(&check, &broker, LONG);
    let url = format!("nats://127.0.0.1:{}", proxy.port());
    let worker = program(&spec, &broker, LONG).arg("send-mail").env("SMTP_URL", mailbox.url());
    let mut worker = worker.env("NATS_URL", url).start();
    post(&check, &http, &spec.mails(1));
    check
        .eventually("an acknowledgement, +ACK, on the worker's connection", || proxy.was_cut().then_some(()));
    worker.signal(Signal::SIGKILL);
    worker.wait(&check);
    // The mail is gone from the queue. If it was not reported before, it never will be.
    logs_number(&check, &server, 1);
    wait_gone(&check, &broker, 1);
}

#[test]
fn a_mail_that_takes_long_is_not_given_to_another() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let (here, there) = (spec.mailbox(), other_mailbox(&spec));
    let mails = spec.mails(1);
    let check = spec.check(AT_IT, format!("posted a mail and held it for 2.5 times ACK_WAIT_MS={SHORT}"));
    here.hold(Point::Rcpt);
    let (server, http) = server(&check, &broker, SHORT);
    let _first = worker(&check, &broker, SHORT, &here);
    post(&check, &http, &mails);
    wait_in_hand(&check, &here);
    let _second = worker(&check, &broker, SHORT, &there);
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
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let (here, there) = (spec.mailbox(), other_mailbox(&spec));
    let mails = spec.mails(1);
    let check =
        spec.check(GIVEN, "stopped a worker in the middle of a mail, let another send it, then went on");
    here.hold(Point::Rcpt);
    let (server, http) = server(&check, &broker, SHORT);
    let first = worker(&check, &broker, SHORT, &here);
    post(&check, &http, &mails);
    wait_in_hand(&check, &here);
    first.signal(Signal::SIGSTOP);
    let _second = worker(&check, &broker, SHORT, &there);
    there.wait_letters(&check, 1);
    here.release_all();
    first.signal(Signal::SIGCONT);
    here.wait_letters(&check, 1);
    let ids =
        set([&here, &there].iter().flat_map(|mailbox| mailbox.letters()).map(|letter| message_id(&letter)));
    check.holds(
        "the same Message-ID on both",
        ids.len() == 1 && ids.iter().all(|id| is_message_id(id)),
        in_words(&ids),
    );
    wait_logged(&check, &server, 1);
    wait_gone(&check, &broker, mails.len());
    let lines = logged(&server);
    let expected = "one line in the log: the job was done when the second report came";
    check.about(GIVEN).holds(expected, lines.len() == 1, lines.join(", "));
}

#[test]
fn nothing_is_lost_when_the_broker_is_restarted() {
    let spec = support::spec!("13-broker");
    let Some(mut broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let (before, after) = (spec.mails(spec.number(5..20)), spec.mails(spec.number(2..5)));
    let signal = [Signal::SIGTERM, Signal::SIGKILL][spec.number(0..2)];
    let did = format!(
        "posted {} mails, sent {signal} to the broker while a worker had one in hand, and started it again",
        before.len()
    );
    let check = spec.check(STREAM, did);
    mailbox.hold(Point::Rcpt);
    let (server, http) = server(&check, &broker, SHORT);
    let worker = worker(&check, &broker, SHORT, &mailbox);
    post(&check, &http, &before);
    wait_in_hand(&check, &mailbox);
    let held_before = Holdings::of(&server);
    broker.stop(&check, signal);

    let away = spec.check(PUBLISH, "posted a mail while the broker is away");
    server.log_line(&away, &contains("broker: disconnected"));
    let unwanted = spec.mails(1);
    let refused = http.post(&away, "/endpoint", &mail::request(&unwanted));
    away.equal("the status of the answer", &refused.status, &503);
    let come_again = refused.header("retry-after").is_some();
    away.holds("a header Retry-After", come_again, refused.headers_in_words());
    away.equal("the answer to GET /health", &http.get(&away, "/health").status, &200);

    broker.restart(&check);
    check.eventually_gives("the mails are in the broker again: its streams are on disk", || {
        let count = broker.messages(&check).unwrap_or_default();
        if count > 0 { Ok(()) } else { Err("no message in its streams".into()) }
    });
    mailbox.release_all();
    wait_logged(&check, &server, before.len());
    post(&check, &http, &after);
    wait_logged(&check, &server, after.len());
    wait_gone(&check, &broker, before.len() + after.len());
    let sent_though = mailbox.recipients().contains(&unwanted[0].to);
    let expected = "the mail that was answered with 503 is not sent when the broker is back";
    away.about(GIVEN).holds(expected, !sent_though, format!("a mail to {}", unwanted[0].to));
    let all = [before.clone(), after.clone()].concat();
    arrived(&check, &[&mailbox], &all);
    let held_after = check.eventually("no more open descriptors than before", || {
        Some(Holdings::of(&server)).filter(|after| after.descriptors <= held_before.descriptors)
    });
    let account = account(&check, &broker, &all, &[&mailbox], &server);
    let what = format!("the broker got {signal} with 1 mail in hand and {} in the queue", before.len() - 1);
    let holdings = format!("the server before: {held_before}\nthe server after:  {held_after}");
    figures::publish("13-restart", &format!("{what}\n{account}\n{holdings}"));
    drop(worker);
}

/// What became of the mails, in a line. Every duplicate must be told by its Message-ID.
fn account(check: &Check, broker: &Broker, mails: &[Mail], at: &[&Mailbox], server: &Running) -> String {
    let letters: Vec<Letter> = at.iter().flat_map(|mailbox| mailbox.letters()).collect();
    let mut by_recipient: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for letter in &letters {
        by_recipient.entry(letter.recipients.concat()).or_default().push(message_id(letter));
    }
    for ids in by_recipient.values() {
        let one = ids.iter().all(|id| *id == ids[0]);
        check.about(GIVEN).holds("one Message-ID for each mail", one, ids.join(", "));
    }
    let (asked, arrived) = (mails.len(), by_recipient.len());
    let lines = logged(server);
    let numbers = lines.iter().filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    let sent: usize = numbers.sum();
    // What nobody has acknowledged is in the broker still.
    let unknown = broker.messages(check).unwrap_or_default();
    format!(
        "asked {asked}, sent {sent}, failed {}, unknown {unknown}; in the mailboxes {arrived}, lost {}, duplicated {}; log: {}",
        asked - sent,
        asked - arrived,
        letters.len() - arrived,
        lines.join(", ").replace(", Number of mails sent", ","),
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
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let (here, there) = (spec.mailbox(), other_mailbox(&spec));
    // Each job has another number of mails, by which its line in the log is known.
    let least = spec.number(10..15);
    let jobs: Vec<_> = (least..least + POINTS.len()).map(|count| spec.mails(count)).collect();
    let mails = jobs.concat();
    let did =
        format!("posted {} mails to two hosts, and killed {} workers at work", mails.len(), POINTS.len());
    let check = spec.check(HANDLE, did);
    let (server, http) = server(&check, &broker, SHORT);
    let before = Holdings::of(&server);
    let hosts = [&here, &there];
    let mut workers = hosts.map(|mailbox| worker(&check, &broker, SHORT, mailbox));
    let mut posted = 0;
    for (kill, (point, job)) in POINTS.into_iter().zip(&jobs).enumerate() {
        // Both hosts, or the other one might do all of the job before this one gets a mail.
        hosts.iter().for_each(|host| host.hold(point));
        post(&check, &http, job);
        posted += job.len();
        let victim = kill % 2;
        hosts[victim].wait_held(&check, 1);
        workers[victim].signal(Signal::SIGKILL);
        workers[victim].wait(&check);
        hosts.iter().for_each(|host| host.release_all());
        workers[victim] = worker(&check, &broker, SHORT, hosts[victim]);
        // What a killed worker had in hand comes again later.
        let goal = posted - kill - 1;
        check.eventually_gives(&format!("{goal} mails in the mailboxes"), || {
            let count = here.letters().len() + there.letters().len();
            if count >= goal { Ok(()) } else { Err(counted(count, "mail")) }
        });
    }
    jobs.iter().for_each(|job| wait_logged(&check, &server, job.len()));
    check.equal("the number of lines about jobs in the log", &logged(&server).len(), &jobs.len());
    arrived(&check, &hosts, &mails);
    wait_gone(&check, &broker, mails.len());
    let after = Holdings::of(&server);
    check.holds("no more open descriptors than before", after.descriptors <= before.descriptors, after);
    let account = account(&check, &broker, &mails, &hosts, &server);
    let kills = format!(
        "{} workers killed, each with a mail in hand, three of them when the mail server had all of it",
        POINTS.len()
    );
    let holdings = format!("the server before: {before}\nthe server after:  {after}");
    figures::publish("13-kills", &format!("{kills}\n{account}\n{holdings}"));
}

#[test]
fn a_refused_mail_is_not_counted_and_a_mail_server_that_is_down_is_no_refusal() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = other_mailbox(&spec);
    let mut mails = spec.mails(4);
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    mails[2].to = format!("no address {}", spec.word());
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let did = "posted 4 mails; the first host has no mail server; the second one's refuses a mail, one address is bad";
    let check = spec.check(HANDLE, did);
    let (server, http) = server(&check, &broker, SHORT);
    let mut first = program(&spec, &broker, SHORT).arg("send-mail").env("SMTP_URL", url).start();
    post(&check, &http, &mails);
    first.log_line(&check, &contains("has to wait"));
    first.signal(Signal::SIGTERM);
    first.ends_well(&check);
    let second = worker(&check, &broker, SHORT, &mailbox);
    for mail in [&mails[1], &mails[2]] {
        let line = |line: &str| line.starts_with("error: cannot send the mail to") && line.contains(&mail.to);
        let waits = || second.stderr().contains("has to wait");
        check.eventually(&format!("a line `error: cannot send the mail to {:?}…`", mail.to), || {
            let seen = format!("{}{}", first.stderr(), second.stderr());
            (waits() || seen.lines().any(line)).then_some(())
        });
        check.holds("no line with `has to wait` about a refused mail", !waits(), second.stderr());
    }
    logs_number(&check, &server, 2);
    arrived_once(&check, &[&mailbox], &[mails[0].clone(), mails[3].clone()]);
    wait_gone(&check, &broker, mails.len());
}

#[test]
fn a_mail_that_cannot_be_sent_is_given_up_after_five_deliveries() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let check = spec.check(HANDLE, format!("posted a mail to a worker whose mail server {url} is down"));
    let (server, http) = server(&check, &broker, "300");
    let worker = program(&spec, &broker, "300").arg("send-mail").env("SMTP_URL", url).start();
    let began = Instant::now();
    post(&check, &http, &spec.mails(1));
    logs_number(&check, &server, 0);
    let took = began.elapsed();
    // Not how long it takes at most, which a busy machine would decide: the broker keeps the mail for so long.
    let expected = "between two deliveries a pause of ACK_WAIT_MS=300: 1.2 s before the mail is given up";
    check.holds(expected, took >= Duration::from_millis(1000), format!("{} ms", took.as_millis()));
    worker.log_line(&check, &contains("error: cannot send the mail to"));
    let waits = worker.stderr().lines().filter(|line| line.contains("has to wait")).count();
    check.holds("4 lines with `has to wait` at most", waits <= 4, counted(waits, "line"));
    wait_gone(&check, &broker, 1);
}

#[test]
fn a_server_that_is_killed_still_says_what_was_sent() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(3);
    let check =
        spec.check(GIVEN, "posted 3 mails, killed the server when one was sent, started another server");
    mailbox.hold_recipient(Point::Rcpt, &mails[1].to);
    let (mut first, http) = server(&check, &broker, SHORT);
    let _worker = worker(&check, &broker, SHORT, &mailbox);
    post(&check, &http, &mails);
    wait_in_hand(&check, &mailbox);
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let (second, _http) = server(&check, &broker, SHORT);
    mailbox.release_all();
    logs_number(&check, &second, 3);
    arrived_once(&check, &[&mailbox], &mails);
}

#[test]
fn a_worker_finishes_the_mail_in_hand_when_it_is_told_to_end() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(2);
    let check = spec.check(GIVEN, "sent SIGTERM to a worker with a mail in hand and one in the queue");
    mailbox.hold(Point::Data);
    let (mut server, http) = server(&check, &broker, LONG);
    let mut worker = worker(&check, &broker, LONG, &mailbox);
    post(&check, &http, &mails);
    wait_in_hand(&check, &mailbox);
    worker.signal(Signal::SIGTERM);
    mailbox.release_all();
    worker.ends_well(&check);
    check.holds("a mail in the mailbox", !mailbox.letters().is_empty(), "none");
    server.signal(Signal::SIGTERM);
    server.ends_well(&check);
}

#[test]
fn big_jobs_and_empty_ones() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let check = spec.check(
        PUBLISH,
        "posted a job without mails, one of 6000 small mails, one of a big mail, and one that is too big",
    );
    let (server, http) = server(&check, &broker, LONG);
    post(&check, &http, &[]);
    logs_number(&check, &server, 0);
    let small =
        Mail { from: "a@b.test".into(), to: "c@d.test".into(), subject: "x".into(), text: "y".into() };
    // More than the client lets wait for an acknowledgement at once, which is 5000.
    let many = http.begin_post("/endpoint", &mail::request(&vec![small.clone(); 6000]));
    broker.wait_messages(&check, 6000);
    check.equal("the status of the answer", &many.wait(&check).status, &202);
    post(&check, &http, &[Mail { text: "x".repeat(900_000), ..small.clone() }]);
    let overhead = mail::request(&[Mail { text: String::new(), ..small.clone() }]).to_string().len();
    let big = Mail { text: "x".repeat(1024 * 1024 - overhead), ..small };
    let answer = http.post(&check, "/endpoint", &mail::request(&[big]));
    check.equal("the status for a mail larger than the broker's limit", &answer.status, &413);
    let bad = http.post_bytes(&check, "/endpoint", b"{\"emails\": [");
    check.equal("the status for malformed JSON", &bad.status, &400);
}

#[test]
fn bad_configuration_and_a_missing_broker_are_told_at_the_start() {
    let spec = support::spec!("13-broker");
    let port = ClosedPort::new().expect("a free port");
    let nobody = format!("nats://127.0.0.1:{}", port.number());
    let number = port.number().to_string();
    for role in [None, Some("send-mail")] {
        let cases = [
            ("NATS_URL", nobody.as_str(), 1, number.as_str()),
            ("NATS_URL", "http://127.0.0.1:4222", 2, "NATS_URL"),
            ("NATS_URL", "not a url", 2, "NATS_URL"),
            ("NATS_URL", "", 2, "NATS_URL"),
            ("ACK_WAIT_MS", "soon", 2, "ACK_WAIT_MS"),
            ("ACK_WAIT_MS", "0", 2, "ACK_WAIT_MS"),
        ];
        for (name, value, code, word) in cases {
            let check =
                spec.check(GIVEN, format!("started {} with {name}={value:?}", role.unwrap_or("the server")));
            let mut program = spec.program().args(role).env("PORT", "0").env("NATS_URL", &nobody);
            program = program.env(name, value);
            program.run(&check).code(code).reports_error(&[word]);
        }
    }
}
