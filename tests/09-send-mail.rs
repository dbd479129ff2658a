//! The task of lesson 09: the article's `send_mail`, a worker that its parent forks.
//!
//! 1. Take the channel that the parent announced.
//! 2. Receive one job after another, and reply to each with `{"counter": N}`.
//! 3. Start a task for each connection, at most `SMTP_CONNECTIONS` of them (look up: `tokio::task::JoinSet`).
//! 4. Send the mails of the queue over one connection, count, and say goodbye.

use support::ipc::Channel;
use support::predicates::prelude::*;
use support::predicates::str::contains;
use support::program::describe;
use support::{
    Check, ClosedPort, Mail, Mailbox, Point, Program, Quirk, Reader, Reply, Running, Signal, Spec, Value,
    json, mail, not_utf8, sorted,
};

const TAKE: &str = "1. Take the channel";
const REPLY: &str = "2. A job in, a reply out";
const LIMIT: &str = "3. Several connections, up to the limit";
const SEND: &str = "4. Send and count";

const HOLDS_ALL: &str = "the mailbox holds every mail at RCPT";

/// The worker as a child of the spec, with the mailbox as its SMTP server.
fn forked_worker(spec: &Spec, mailbox: &Mailbox) -> (Running, Channel) {
    worker(spec, mailbox).fork()
}

fn worker(spec: &Spec, mailbox: &Mailbox) -> Program {
    spec.program().env("SMTP_URL", mailbox.url())
}

/// The worker with a limit of its own for connections.
fn forked_with_limit(spec: &Spec, mailbox: &Mailbox, connections: usize) -> (Running, Channel) {
    worker(spec, mailbox).env("SMTP_CONNECTIONS", connections.to_string()).fork()
}

/// The next reply's counter.
fn counter(check: &Check, channel: &mut Channel) -> Value {
    channel.recv(check)["counter"].clone()
}

/// Sends a job of these mails. All of them must be counted.
fn sends(check: &Check, channel: &mut Channel, mails: &[Mail]) {
    channel.send(check, &mail::job(mails));
    counts(check, channel, mails.len());
}

fn counts(check: &Check, channel: &mut Channel, number: usize) {
    check.json("the counter", &counter(check, channel), &json!(number));
}

/// A mail that was not sent has a line in the log.
fn reports(check: &Check, worker: &Running, mail: &Mail) {
    worker.log_line(check, &contains("error: cannot send the mail to").and(contains(mail.to.clone())));
}

#[test]
fn a_job_comes_in_and_a_reply_goes_out() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let mut mails = spec.mails(spec.number(3..9));
    mails[1].subject = format!("Grüße an {}", spec.word());
    mails[2].text = format!("Ein Punkt\n.\n..{}\nund Ende 📨", spec.word());
    let check = spec.check(REPLY, format!("forked the worker and sent it a job of {} mails", mails.len()));
    let (worker, mut channel) = forked_worker(&spec, &mailbox);

    sends(&check, &mut channel, &mails);

    check_letters(&check, &mailbox, &mails);
    check_ends(&spec, worker, channel, "its last reply");
}

/// A worker without a parent has nothing to do.
fn check_ends(spec: &Spec, mut worker: Running, mut channel: Channel, after: &str) {
    let check = spec.check(REPLY, format!("disconnected from the worker after {after}"));
    channel.disconnect();
    worker.finish(&check).code(0);
    worker.leaves_nothing_behind(&check);
}

fn check_letters(check: &Check, mailbox: &Mailbox, mails: &[Mail]) {
    let accepted = mailbox.letters().len();
    check.equal("the number of mails in the mailbox when the reply comes", &accepted, &mails.len());
    for mail in mails {
        let letters = mailbox.letters();
        let letter = letters.iter().find(|letter| letter.recipients == [mail.to.as_str()]);
        let Some(letter) = letter else { check.fail(&format!("a mail to {}", mail.to), "none") };
        check.equal("the envelope's sender", &letter.from, &mail.from);
        check.equal("the subject", &letter.header("Subject"), &mail.subject);
        check.equal("the text", letter.text().trim_end(), mail.text.trim_end());
    }
}

#[test]
fn several_jobs_get_their_replies_in_order() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let sizes: Vec<usize> = (0..5).map(|_| spec.number(0..6)).collect();
    let told: Vec<String> = sizes.iter().map(usize::to_string).collect();
    let did = format!("sent five jobs in one write, with {} mails", told.join(", "));
    let check = spec.check(REPLY, did);
    let jobs: String = sizes.iter().map(|size| format!("{}\n", mail::job(&spec.mails(*size)))).collect();
    let (_worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send_bytes(&check, jobs.as_bytes());
    let counters: Vec<Value> = sizes.iter().map(|_| counter(&check, &mut channel)).collect();
    check.json("the list of counters", &json!(counters), &json!(sizes));
}

#[test]
fn the_reply_comes_when_every_mail_is_done() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let mails = spec.mails(3);
    let check = spec.check(REPLY, "sent a job of 3 mails; the mailbox holds the last one");
    mailbox.hold_recipient(Point::Accept, &mails[2].to);
    let (_worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send(&check, &mail::job(&mails));
    mailbox.wait_letters(&check, 2);
    mailbox.wait_held(&check, 1);
    channel.stays_silent(&check, "one mail is not accepted yet");
    let check = spec.check(REPLY, "let the last one of 3 mails go");
    mailbox.release_all();
    counts(&check, &mut channel, 3);
}

#[test]
fn an_invalid_job_is_reported_and_the_next_job_is_done() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let (worker, mut channel) = forked_worker(&spec, &mailbox);
    let lacks_fields = json!({"mails": [{"to": "a@b.test"}]});
    let list = json!([[["ann@sender.test", "bob@example.test", "subject", "text"]]]);
    for message in [json!("hello"), json!({"mail": []}), lacks_fields, list] {
        let check = spec.check(REPLY, format!("sent {message}, which is JSON but not a valid job"));
        channel.send(&check, &message);
        check.json("the counter for an invalid job", &counter(&check, &mut channel), &json!(0));
    }
    let check = spec.check(REPLY, "sent a job of one mail after four invalid jobs");
    channel.send(&check, &mail::job(&spec.mails(1)));
    check.json("the counter for the job", &counter(&check, &mut channel), &json!(1));
    worker.log_line(&check, &contains("error: cannot parse the job"));
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &1);
}

#[test]
fn a_message_that_is_not_json_ends_the_worker() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let check = spec.check(REPLY, "sent a line that isn't valid JSON");
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send_bytes(&check, b"{\"mails\": oops}\n");
    channel.ends(&check);
    worker.finish(&check).code(2).reports_error(&[]);
}

#[test]
fn without_a_channel_it_says_so() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let check = spec.check(TAKE, "ran the worker without NODE_CHANNEL_FD");
    worker(&spec, &mailbox).run(&check).code(2).reports_error(&["NODE_CHANNEL_FD"]);
    for number in ["three", "0"] {
        let check = spec.check(TAKE, format!("ran the worker with NODE_CHANNEL_FD={number}"));
        let worker = worker(&spec, &mailbox).env("NODE_CHANNEL_FD", number);
        worker.run(&check).code(2).reports_error(&["NODE_CHANNEL_FD"]);
    }
    let check = spec.check(TAKE, "forked the worker with NODE_CHANNEL_SERIALIZATION_MODE=advanced");
    let (mut worker, _channel) = worker(&spec, &mailbox).fork_with_mode("advanced");
    worker.finish(&check).code(2).reports_error(&["advanced"]);
}

#[test]
fn bad_configuration_ends_it_at_once() {
    let spec = support::spec!("09-send-mail");
    let bad = [
        ("SMTP_URL", "not a url".into()),
        ("SMTP_URL", "http://127.0.0.1:1".into()),
        ("SMTP_URL", not_utf8("smtp://127.0.0.1:2525", "")),
        ("SMTP_CONNECTIONS", "0".into()),
        ("SMTP_CONNECTIONS", "many".into()),
        ("SMTP_CONNECTIONS", not_utf8("4", "")),
    ];
    for (name, value) in bad {
        let check = spec.check(TAKE, format!("forked the worker with {name}={}", value.display()));
        let (mut worker, _channel) = spec.program().env(name, value).fork();
        worker.finish(&check).code(2).reports_error(&[name]);
    }
}

#[test]
fn a_job_without_mails_gets_a_reply_too() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let check = spec.check(LIMIT, "sent a job without mails");
    let (_worker, mut channel) = forked_worker(&spec, &mailbox);
    sends(&check, &mut channel, &[]);
    check.equal("the number of SMTP conversations", &mailbox.conversations(), &0);
}

#[test]
fn a_server_that_is_down_means_counter_0_and_the_worker_goes_on() {
    let spec = support::spec!("09-send-mail");
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let (worker, mut channel) = spec.program().env("SMTP_URL", &url).fork();
    for which in ["a job", "a second job"] {
        let check = spec.check(SEND, format!("sent {which} of 2 mails; nobody listens on {url}"));
        let mails = spec.mails(2);
        channel.send(&check, &mail::job(&mails));
        counts(&check, &mut channel, 0);
        mails.iter().for_each(|mail| reports(&check, &worker, mail));
    }
}

#[test]
fn what_cannot_be_sent_is_reported_and_the_rest_is_sent() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let mut mails = spec.mails(9);
    mailbox.reply(&mails[0].to, Reply::Refuse(550));
    mailbox.reply(&mails[2].to, Reply::Refuse(450));
    mailbox.reply(&mails[4].to, Reply::Drop);
    mailbox.reply(&mails[6].to, Reply::Unavailable);
    mails[7].to = format!("no address {}", spec.word());
    mails[8].subject = "one\r\nBcc: everybody@example.test".into();
    let check = spec.check(
        SEND,
        "sent 9 mails: two are refused, one is dropped, one gets 421, one address and one subject are bad",
    );
    let (worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send(&check, &mail::job(&mails));
    counts(&check, &mut channel, 3);
    let good = [1, 3, 5].map(|number: usize| mails[number].to.clone());
    let delivered = sorted(mailbox.recipients());
    check.equal("the sorted list of recipients in the mailbox", &delivered, &sorted(good.to_vec()));
    [0, 2, 4, 6, 7, 8].iter().for_each(|number: &usize| reports(&check, &worker, &mails[*number]));
}

#[test]
fn a_server_that_closes_after_some_mails_gets_a_new_connection() {
    let spec = support::spec!("09-send-mail");
    for quirk in [Quirk::ClosesAfter(2), Quirk::UnavailableAfter(2)] {
        let mailbox = spec.mailbox();
        let check = spec.check(SEND, format!("sent 9 mails to a mail server that {quirk}"));
        mailbox.quirk(quirk);
        let (_worker, mut channel) = forked_with_limit(&spec, &mailbox, 1);
        sends(&check, &mut channel, &spec.mails(9));
        check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &9);
    }
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let spec = support::spec!("09-send-mail");
    for (reader, what) in Reader::ALL {
        let mailbox = spec.mailbox();
        let mails = spec.mails(5);
        mailbox.reply(&mails[1].to, Reply::Refuse(550));
        let check = spec.check(SEND, format!("sent a job of 5 mails, one of them refused; stderr {what}"));
        let (worker, mut channel) = worker(&spec, &mailbox).stderr(reader).fork();
        channel.send(&check, &mail::job(&mails));
        counts(&check, &mut channel, 4);
        check_ends(&spec, worker, channel, "a reply while nothing read its log");
    }
}

#[test]
fn each_connection_says_goodbye() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let mails = spec.mails(spec.number(4..9));
    let check = spec.check(SEND, format!("sent a job of {} mails", mails.len()));
    let (_worker, mut channel) = forked_worker(&spec, &mailbox);
    sends(&check, &mut channel, &mails);
    mailbox.wait_all_closed(&check);
    for conversation in 1..=mailbox.conversations() {
        let last = mailbox.commands(conversation).pop().unwrap_or_default();
        let last = String::from_utf8_lossy(&last).into_owned();
        check.equal("the last command of each SMTP conversation", last.trim_end(), "QUIT");
    }
}

#[test]
fn connections_are_bounded_and_used() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    // Never the 4 that is the default.
    let limit = [2, 3, 5, 6][spec.number(0..4)];
    let mails = spec.mails(limit * 3);
    let did = format!("sent {} mails with SMTP_CONNECTIONS={limit}; {HOLDS_ALL}", mails.len());
    let check = spec.check(LIMIT, did);
    mailbox.hold(Point::Rcpt);
    let (_worker, mut channel) = forked_with_limit(&spec, &mailbox, limit);
    channel.send(&check, &mail::job(&mails));
    mailbox.wait_held(&check, limit);
    mailbox.release_one();
    mailbox.wait_letters(&check, 1);
    mailbox.wait_held(&check, limit);
    check.equal("the most SMTP conversations at once", &mailbox.peak(), &limit);
    mailbox.release_all();
    counts(&check, &mut channel, mails.len());
    check.equal("the most SMTP conversations at once", &mailbox.peak(), &limit);
    mailbox.wait_all_closed(&check);
}

#[test]
fn there_are_four_connections_unless_told() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let check = spec.check(LIMIT, format!("sent 12 mails without SMTP_CONNECTIONS; {HOLDS_ALL}"));
    mailbox.hold(Point::Rcpt);
    let (_worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send(&check, &mail::job(&spec.mails(12)));
    mailbox.wait_held(&check, 4);
    mailbox.release_all();
    counts(&check, &mut channel, 12);
    check.equal("the most SMTP conversations at once", &mailbox.peak(), &4);
}

#[test]
fn a_connection_is_used_for_many_mails() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let check = spec.check(SEND, "sent 20 mails with SMTP_CONNECTIONS=1");
    let (_worker, mut channel) = forked_with_limit(&spec, &mailbox, 1);
    let mails = spec.mails(20);
    sends(&check, &mut channel, &mails);
    let accepted = mailbox.letters().len();
    check.about(REPLY).equal("the number of mails in the mailbox when the reply comes", &accepted, &20);
    check.equal("the number of SMTP conversations", &mailbox.conversations(), &1);
    let recipients = mail::recipients(&mails);
    let place = |to| recipients.iter().position(|recipient| *recipient == to).map_or(0, |place| place + 1);
    let came: Vec<usize> = mailbox.recipients().into_iter().map(place).collect();
    let in_order: Vec<usize> = (1..=mails.len()).collect();
    check.json("the order in which the mails of the job came", &json!(came), &json!(in_order));
}

#[test]
fn the_job_in_hand_is_finished_when_the_parent_goes() {
    let (spec, mailbox) = support::spec_with_mailbox!("09-send-mail");
    let mails = spec.mails(6);
    let begun = spec.check(LIMIT, "sent a job of 6 mails; the mailbox holds every mail at DATA");
    mailbox.hold(Point::Data);
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send(&begun, &mail::job(&mails));
    mailbox.wait_held(&begun, 4);
    let check = spec.check(REPLY, "disconnected while the mailbox held 4 of 6 mails, then let all go");
    channel.disconnect();
    mailbox.release_all();
    mailbox.wait_letters(&check, mails.len());
    // Whether it still tries to reply is its own affair, but it must exit, and not by a signal or a panic.
    let finished = worker.finish(&check);
    let status = finished.status();
    check.holds("exit status 0 or 1", matches!(status.code(), Some(0 | 1)), describe(status));
    let log = finished.stderr();
    check.holds("no error about a mail: all were sent", !log.contains("cannot send the mail"), &log);
    let says_why = status.success() || log.lines().any(|line| line.starts_with("error: "));
    check.holds("with exit status 1, a line `error: …` that says why", says_why, &log);
    worker.leaves_nothing_behind(&check);
}

#[test]
fn a_signal_leaves_the_decision_to_the_parent() {
    let spec = support::spec!("09-send-mail");
    for (signal, who) in [(Signal::SIGINT, "Ctrl-C"), (Signal::SIGTERM, "a service manager")] {
        let mailbox = spec.mailbox();
        let begun = spec.check(SEND, format!("sent a job of one mail; {HOLDS_ALL}"));
        mailbox.hold(Point::Rcpt);
        let (worker, mut channel) = forked_worker(&spec, &mailbox);
        channel.send(&begun, &mail::job(&spec.mails(1)));
        mailbox.wait_held(&begun, 1);
        let check =
            spec.check(REPLY, format!("sent {signal}, as {who} does, while the mailbox held the mail"));
        worker.signal(signal);
        mailbox.release_all();
        counts(&check, &mut channel, 1);
        check_ends(&spec, worker, channel, &format!("{signal} and its reply"));
    }
}

#[test]
fn it_works_under_a_real_node_server() {
    let spec = support::spec!("09-send-mail");
    let Some(node) = support::node::node() else { return };
    let mailbox = spec.mailbox();
    let count = spec.number(2..7);
    let check =
        spec.check(TAKE, format!("let the article's server in real Node fork the worker for {count} mails"));
    let server = spec.other_program(node, "node").arg(support::node_program!("server.mjs")).env("PORT", "0");
    let server = server.env("SMTP_URL", mailbox.url()).env("WORKER_EXEC", spec.program_path());
    let (server, http) = server.serve(&check);
    check.is_sent(&http.post_mails(&check, &spec.mails(count)));
    server.log_line(&check, &contains(format!("Number of mails sent {count}")));
    server.log_line(&check, &contains("ended: 0"));
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &count);
}
