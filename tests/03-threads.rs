//! The task of lesson 03: the work of lesson 02 on threads, its result over a channel, a number that all share.
//!
//! 1. Answer `POST /endpoint` at once; a task waits for the result (look up: `tokio::spawn`).
//! 2. Send the mails on a new thread and their number over a channel (`std::thread::spawn`, `tokio::sync::oneshot`).
//! 3. Send them one after another, and count each one at once where all threads can see it (`AtomicUsize`).
//! 4. Wait for the number and log `Number of mails sent N`, or an error when the thread panicked.
//! 5. `GET /stats` answers `{"mails_sent": N}`.

use support::predicates::prelude::PredicateBooleanExt;
use support::predicates::str::{contains, starts_with};
use support::{Check, Http, Mail, Mailbox, PendingAnswer, Point, Reader, Reply, Running, json, mail, sorted};

const ENDPOINT: &str = "1. Answer at once";
const THREAD: &str = "2. A thread and a channel";
const SEND: &str = "3. Count at once";
const LOG: &str = "4. Wait for the result";
const STATS: &str = "5. The number that all share";

/// The subject at which the given sending code panics.
const PANIC_SUBJECT: &str = "panic";

fn post(check: &Check, http: &Http, mails: &[Mail]) {
    let check = check.about(ENDPOINT);
    check.is_sent(&http.post_mails(&check, mails));
}

/// The answer that was waited for.
fn check_answer(check: &Check, posted: PendingAnswer) {
    let check = check.about(ENDPOINT);
    check.is_sent(&posted.wait(&check));
}

/// Posts while the mailbox holds every mail.
fn post_held(check: &Check, http: &Http, mailbox: &Mailbox, mails: &[Mail]) {
    let posted = http.begin_post_mails(mails);
    check_not_blocked(check, http, mailbox);
    check_answer(check, posted);
}

/// The mailbox holds a mail. Who sends it on the one thread of the event loop answers nobody meanwhile.
fn check_not_blocked(check: &Check, http: &Http, mailbox: &Mailbox) {
    mailbox.wait_held(check, 1);
    let check = check.spec().check(THREAD, "asked GET /health while the mailbox holds a mail");
    http.is_healthy(&check);
}

/// The mailbox holds a mail of every request, so none of them is done.
fn check_not_logged(check: &Check, server: &Running) {
    let what = "the list of log lines `Number of mails sent N` before the work is done";
    check.about(LOG).equal(what, &server.numbers_logged(), &vec![]);
}

/// One request was done. No line or two are a matter of the waiting, another number one of the counting.
fn check_logged(check: &Check, server: &Running, mails_sent: usize) {
    server.log_line(&check.about(LOG), &contains("Number of mails sent "));
    let (lines, expected) = (server.numbers_logged(), vec![format!("Number of mails sent {mails_sent}")]);
    let section = if lines.len() == 1 { SEND } else { LOG };
    check.about(section).equal("the list of log lines", &lines, &expected);
}

/// What is no number is answered wrongly, a wrong number is counted wrongly.
fn check_stats(check: &Check, http: &Http, mails_sent: usize) {
    let answer = http.get(&check.about(STATS), "/stats").json();
    let section = if answer["mails_sent"].is_u64() { SEND } else { STATS };
    check.about(section).json("the body of GET /stats", &answer, &json!({"mails_sent": mails_sent}));
}

#[test]
fn health_and_stats_answer_while_mails_are_held() {
    let (spec, mailbox) = support::spec_with_mailbox!("03-threads");
    let mails = spec.mails(spec.number(2..5));
    let did =
        "posted mails to /endpoint; the mailbox holds the first one, and the server must answer all the same";
    let check = spec.check(ENDPOINT, did);
    let (_server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold([Point::Connect, Point::Rcpt, Point::Accept][spec.number(0..3)]);

    let posted = http.begin_post_mails(&mails);
    check_not_blocked(&check.about(THREAD), &http, &mailbox);
    let asked = spec.check(STATS, "asked GET /stats while the mailbox holds the first mail");
    check_stats(&asked, &http, 0);
    drop(posted);
    mailbox.release_all();
    mailbox.wait_letters(&check.about(SEND), mails.len());
}

#[test]
fn the_answer_comes_before_the_first_mail_is_accepted() {
    let (spec, mailbox) = support::spec_with_mailbox!("03-threads");
    let mails = spec.mails(spec.number(2..6));
    let did = "posted mails while the mailbox holds every mail: the answer must not wait for them";
    let check = spec.check(ENDPOINT, did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Accept);

    post_held(&check.about(THREAD), &http, &mailbox, &mails);
    check.equal("the number of mails accepted before the answer", &mailbox.letters().len(), &0);

    let check = spec.check(SEND, "got the answer while the mailbox held the first mail, then let all go");
    check_not_logged(&check, &server);
    mailbox.release_all();
    check_logged(&check, &server, mails.len());
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
    let check = spec.check(STATS, "saw the log line and asked GET /stats");
    check_stats(&check, &http, mails.len());
}

#[test]
fn what_is_not_accepted_is_not_counted() {
    let (spec, mailbox) = support::spec_with_mailbox!("03-threads");
    let mails = spec.mails(spec.number(4..7));
    let did = format!("posted {} mails; the mailbox refuses the first and drops the second", mails.len());
    let check = spec.check(SEND, did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.reply(&mails[0].to, Reply::Refuse([450, 550][spec.number(0..2)]));
    mailbox.reply(&mails[1].to, Reply::Drop);
    mailbox.hold(Point::Accept);

    // It holds the third mail, if the two before it stop nobody.
    post_held(&check, &http, &mailbox, &mails);
    check_not_logged(&check, &server);
    mailbox.release_all();

    check_logged(&check, &server, mails.len() - 2);
    for mail in &mails[..2] {
        server.log_line(&check, &starts_with("error: ").and(contains(mail.to.clone())));
    }
    check_stats(&check, &http, mails.len() - 2);
}

#[test]
fn fifty_concurrent_requests_add_up() {
    let (spec, mailbox) = support::spec_with_mailbox!("03-threads");
    let requests: Vec<_> = (0..50).map(|_| spec.mails(spec.number(1..3))).collect();
    let did = "posted 50 requests while the mailbox holds every mail, then let all go at once";
    let check = spec.check(STATS, did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Accept);

    let posted: Vec<_> = requests.iter().map(|mails| http.begin_post_mails(mails)).collect();
    check_not_blocked(&check.about(THREAD), &http, &mailbox);
    posted.into_iter().for_each(|posted| check_answer(&check, posted));
    check_not_logged(&check, &server);
    mailbox.release_all();

    let total = requests.iter().map(Vec::len).sum();
    mailbox.wait_letters(&check.about(SEND), total);
    let line = |mails: &Vec<Mail>| format!("Number of mails sent {}", mails.len());
    let expected = sorted(requests.iter().map(line).collect());
    check.about(LOG).eventually("50 log lines `Number of mails sent N` on stderr", || {
        (server.numbers_logged().len() >= expected.len()).then_some(())
    });
    let check = check.about(SEND);
    check.equal("the sorted list of log lines", &server.numbers_logged(), &expected);
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &total);
    check_stats(&check, &http, total);
}

#[test]
fn a_panic_is_logged_and_costs_neither_the_server_nor_the_count() {
    let (spec, mailbox) = support::spec_with_mailbox!("03-threads");
    let before = spec.number(1..5);
    let mut mails = spec.mails(before + 1);
    mails[before].subject = PANIC_SUBJECT.into();
    let did =
        format!("posted a request in which number {} of the mails makes the sending code panic", before + 1);
    let check = spec.check(LOG, &did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Accept);

    post_held(&check.about(THREAD), &http, &mailbox, &mails);
    check_not_logged(&check, &server);
    mailbox.release_all();
    mailbox.wait_letters(&check.about(SEND), before);
    server.log_line(&check, &starts_with("error: ").and(contains("panicked")));

    let check = spec.check(SEND, format!("{did}, and asked GET /stats after the panic"));
    check_stats(&check, &http, before);

    let mails = spec.mails(spec.number(5..8));
    let check = spec.check(THREAD, format!("posted {} more mails after the panic", mails.len()));
    post(&check, &http, &mails);
    mailbox.wait_letters(&check, before + mails.len());
    server.logs(&check.about(LOG), &format!("Number of mails sent {}", mails.len()));
    check_stats(&check, &http, before + mails.len());
    http.is_healthy(&check);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!("03-threads");
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(3);
        mails[0].to = "no address at all".into();
        let did = format!("posted 3 mails, one with a bad address, to a server whose stderr {what}");
        let check = spec.check(LOG, did);
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        let before = mailbox.letters().len();
        for number in 1..=2 {
            post(&check, &http, &mails);
            mailbox.wait_letters(&check.about(SEND), before + 2 * number);
        }
        http.is_healthy(&check);
    }
}

#[test]
fn an_empty_request_sends_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!("03-threads");
    let check = spec.check(SEND, "posted {\"emails\": []}");
    let (server, http) = spec.server(&mailbox).serve(&check);

    post(&check, &http, &[]);

    check_logged(&check, &server, 0);
    check_stats(&check, &http, 0);
}
