//! The task of lesson 04: many mails in flight on one thread, with a limit.
//!
//! 1. Answer `POST /endpoint` at once; a task sends the mails and logs their number (look up: `tokio::spawn`).
//! 2. A task for each mail, at most `SMTP_CONNECTIONS` at once (`tokio::sync::Semaphore`, `tokio::task::JoinSet`).
//! 3. Wait for all tasks and count what was accepted, whatever becomes of one of them (`JoinSet::join_next`).
//! 4. A time limit around each conversation, and a goodbye at its end (`tokio::time::timeout`, `SmtpSession::quit`).
//! 5. One conversation without blocking (`SmtpSession::connect` and `send`).

use support::predicates::prelude::PredicateBooleanExt;
use support::predicates::str::{contains, starts_with};
use support::{
    Check, ClosedPort, Http, Mail, Mailbox, Point, Reader, Reply, Running, Spec, json, limit, sorted,
};

const ENDPOINT: &str = "1. Answer at once";
const LIMIT: &str = "2. As many at once as there are permits";
const COUNT: &str = "3. Count what was accepted";
const GOODBYE: &str = "4. A time limit and a goodbye";
const CONVERSE: &str = "5. A conversation that waits";

/// The subject at which the given sending code panics.
const PANIC_SUBJECT: &str = "panic";

fn start(spec: &Spec, smtp_url: &str, connections: usize, check: &Check) -> (Running, Http) {
    let program = spec.program().env("PORT", "0").env("SMTP_URL", smtp_url);
    program.env("SMTP_CONNECTIONS", connections.to_string()).serve(check)
}

fn post(check: &Check, http: &Http, mails: &[Mail]) {
    let check = check.about(ENDPOINT);
    check.is_sent(&http.post_mails(&check, mails));
}

fn check_stats(check: &Check, http: &Http, mails_sent: usize) {
    let expected = json!({"mails_sent": mails_sent});
    check.json("the body of GET /stats", &http.get(check, "/stats").json(), &expected);
}

/// The mailbox holds a mail of every request, so none of them is done. Who blocks while it waits for the mailbox
/// answers nobody meanwhile.
fn check_while_held(check: &Check, server: &Running, http: &Http, mailbox: &Mailbox) {
    mailbox.wait_held(check, 1);
    let what = "the list of log lines `Number of mails sent N` before the work is done";
    check.about(ENDPOINT).equal(what, &server.numbers_logged(), &vec![]);
    let did = "asked GET /health while the mailbox holds a mail: nothing may block the one thread";
    let check = check.spec().check(CONVERSE, did);
    http.is_healthy(&check);
}

/// One request was done. That nothing is logged is a matter of the endpoint.
fn check_logged(check: &Check, server: &Running, mails_sent: usize) {
    server.log_line(&check.about(ENDPOINT), &contains("Number of mails sent "));
    let expected = vec![format!("Number of mails sent {mails_sent}")];
    check.about(COUNT).equal("the list of log lines", &server.numbers_logged(), &expected);
}

/// All requests were done.
fn check_all_logged(check: &Check, server: &Running, requests: &[Vec<Mail>]) {
    let line = |mails: &Vec<Mail>| format!("Number of mails sent {}", mails.len());
    let expected = sorted(requests.iter().map(line).collect());
    let what = format!("{} log lines `Number of mails sent N` on stderr", expected.len());
    check
        .about(ENDPOINT)
        .eventually(&what, || (server.numbers_logged().len() >= expected.len()).then_some(()));
    check.about(COUNT).equal("the sorted list of log lines", &server.numbers_logged(), &expected);
}

/// Every gate is closed: exactly `connections` conversations are held, and not one more is opened.
fn check_exactly(check: &Check, mailbox: &Mailbox, connections: usize) {
    mailbox.wait_held(check, connections);
    let more = || (mailbox.open_conversations() > connections).then_some(());
    let too_many = limit::poll(limit::BRIEFLY, more).is_some();
    let expected = format!(
        "at most {connections} SMTP conversations at once, since that is SMTP_CONNECTIONS (4 when it is not set)"
    );
    check.holds(&expected, !too_many, format!("{} at once", mailbox.open_conversations()));
}

/// Lets one mail after another go. Each makes room for the next one, and for no more.
fn release_each(check: &Check, mailbox: &Mailbox, mails: usize, connections: usize) {
    for sent in 1..=mails {
        mailbox.release_one();
        mailbox.wait_letters(check, sent);
        mailbox.wait_held(check, connections.min(mails - sent));
        let held = mailbox.held();
        let expected =
            format!("at most {connections} SMTP conversations at once after mail {sent} of {mails}");
        check.holds(&expected, held <= connections, format!("{held} at once"));
    }
}

/// Every mail has arrived once, in whatever order.
fn check_arrived<'a>(check: &Check, mailbox: &Mailbox, mails: impl IntoIterator<Item = &'a Mail>) {
    let expected = mails.into_iter().map(|mail| mail.to.clone()).collect();
    let what = "the sorted list of recipients in the mailbox";
    check.equal(what, &sorted(mailbox.recipients()), &sorted(expected));
}

#[cfg(target_os = "linux")]
fn check_one_thread(spec: &Spec, server: &Running, connections: usize) {
    let did = format!("counted the server's threads while {connections} mails are in flight");
    let check = spec.check(CONVERSE, did);
    let threads = support::process::threads(server.pid()).unwrap_or_default();
    check.equal("the number of threads", &threads, &1);
}

#[cfg(not(target_os = "linux"))]
fn check_one_thread(_spec: &Spec, _server: &Running, _connections: usize) {}

#[test]
fn one_request_has_as_many_mails_in_flight_as_the_limit_allows() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    let connections = spec.number(2..9);
    let mails = spec.mails(connections * 2 + spec.number(1..4));
    let did =
        format!("posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox holds each", mails.len());
    let check = spec.check(LIMIT, did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold([Point::Rcpt, Point::Data, Point::Accept][spec.number(0..3)]);

    post(&check, &http, &mails);
    check_while_held(&check, &server, &http, &mailbox);
    check_exactly(&check, &mailbox, connections);
    check_one_thread(&spec, &server, connections);
    release_each(&check, &mailbox, mails.len(), connections);

    check_logged(&check, &server, mails.len());
    check_arrived(&check, &mailbox, &mails);
    check_stats(&check, &http, mails.len());
}

#[test]
fn all_requests_share_one_limit() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    // Not the default, so that a program that does not read SMTP_CONNECTIONS is seen.
    let connections = [2, 3, 5, 6][spec.number(0..4)];
    let requests: Vec<_> = (0..4).map(|number| spec.mails(connections + number)).collect();
    let total: usize = requests.iter().map(Vec::len).sum();
    let did = format!(
        "posted {total} mails in 4 requests with SMTP_CONNECTIONS={connections}; the mailbox holds each"
    );
    let check = spec.check(LIMIT, did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold(Point::Rcpt);

    post(&check, &http, &requests[0]);
    // From here on, who blocks while it waits for the mailbox does not answer.
    let busy = check.about(CONVERSE);
    for mails in &requests[1..] {
        check.about(ENDPOINT).is_sent(&http.post_mails(&busy, mails));
    }
    check_exactly(&check, &mailbox, connections);
    check_while_held(&check, &server, &http, &mailbox);
    release_each(&check, &mailbox, total, connections);

    check_all_logged(&check, &server, &requests);
    check_arrived(&check, &mailbox, requests.iter().flatten());
    check_stats(&check, &http, total);
}

#[test]
fn the_limit_is_4_when_nobody_says_otherwise() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    let mails = spec.mails(9);
    let check = spec.check(LIMIT, "posted 9 mails without SMTP_CONNECTIONS; the mailbox holds each");
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Rcpt);

    post(&check, &http, &mails);
    check_while_held(&check, &server, &http, &mailbox);
    check_exactly(&check, &mailbox, 4);
    mailbox.release_all();
    check_logged(&check, &server, 9);
}

#[test]
fn the_server_answers_while_mails_are_held() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    let mails = spec.mails(spec.number(2..6));
    let did = "posted mails while the mailbox holds every mail: the answer must not wait for them";
    let check = spec.check(ENDPOINT, did);
    let (server, http) = start(&spec, &mailbox.url(), 4, &check);
    mailbox.hold([Point::Connect, Point::Rcpt, Point::Accept][spec.number(0..3)]);

    post(&check, &http, &mails);
    check_while_held(&check.about(LIMIT), &server, &http, &mailbox);
    let asked = spec.check(CONVERSE, "asked GET /stats while the mailbox holds a mail");
    check_stats(&asked, &http, 0);

    let check = spec.check(LIMIT, "got the answer while the mailbox held every mail, then let all go");
    mailbox.release_all();
    check_logged(&check, &server, mails.len());
    check_arrived(&check, &mailbox, &mails);
}

#[test]
fn a_mail_that_fails_does_not_disturb_its_neighbours() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    let connections = spec.number(2..5);
    let mails = spec.mails(connections * 5 + 1);
    let bad: Vec<&Mail> = mails.iter().skip(1).step_by(2).collect();
    let did = format!(
        "posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox refuses or drops {} of them",
        mails.len(),
        bad.len()
    );
    let check = spec.check(CONVERSE, did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    for mail in &bad {
        let replies = [Reply::Refuse(450), Reply::Refuse(550), Reply::Unavailable, Reply::Drop];
        mailbox.reply(&mail.to, replies[spec.number(0..replies.len())]);
    }

    // One that nothing is wrong with, so that the request is not done.
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);

    post(&check, &http, &mails);
    let counting = check.about(LIMIT);
    check_while_held(&counting, &server, &http, &mailbox);
    mailbox.release_all();

    let good = mails.len() - bad.len();
    // A permit that a failed mail keeps is missing in the end: then the request is never done.
    server.log_line(&counting, &contains("Number of mails sent "));
    server.log_line(&check, &starts_with("error: "));
    check_logged(&check, &server, good);
    for mail in &bad {
        server.log_line(&check, &starts_with("error: ").and(contains(mail.to.clone())));
    }
    check_arrived(&counting, &mailbox, mails.iter().step_by(2));
    check_stats(&counting, &http, good);
}

#[test]
fn a_panic_costs_one_mail() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    let connections = spec.number(2..5);
    let mut mails = spec.mails(connections + 3);
    mails[1].subject = PANIC_SUBJECT.into();
    let did = format!(
        "posted {} mails with SMTP_CONNECTIONS={connections}; the second one makes the sending code panic",
        mails.len()
    );
    let check = spec.check(COUNT, did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold(Point::Rcpt);

    post(&check, &http, &mails);
    // The permit of the mail that panicked is free again, and the other mails are still in flight.
    mailbox.wait_held(&check.about(LIMIT), connections);
    mailbox.release_all();

    // That line is missing where the panic of one task has ended the request.
    server.log_line(&check, &contains("Number of mails sent "));
    check_logged(&check, &server, mails.len() - 1);
    server.log_line(&check, &starts_with("error: "));
    mails.remove(1);
    check_arrived(&check, &mailbox, &mails);
    check_stats(&check, &http, mails.len());
}

#[test]
fn each_conversation_ends_with_a_goodbye() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    let mails = spec.mails(spec.number(2..6));
    let check = spec.check(GOODBYE, format!("posted {} mails", mails.len()));
    let (server, http) = start(&spec, &mailbox.url(), 4, &check);

    post(&check, &http, &mails);
    mailbox.wait_letters(&check.about(LIMIT), mails.len());
    check_logged(&check.about(LIMIT), &server, mails.len());
    for letter in mailbox.letters() {
        check.eventually("QUIT at the end of each conversation", || {
            mailbox.commands(letter.conversation).iter().any(|line| line.starts_with(b"QUIT")).then_some(())
        });
    }
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(4);
        mails[0].to = "no address at all".into();
        mails[1].subject = PANIC_SUBJECT.into();
        let did = format!(
            "posted 4 mails, one with a bad address and one that makes the sending code panic, to a server whose \
             stderr {what}"
        );
        let check = spec.check(ENDPOINT, did);
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        let before = mailbox.letters().len();
        for number in 1..=2 {
            post(&check, &http, &mails);
            mailbox.wait_letters(&check, before + 2 * number);
        }
        http.is_healthy(&check);
    }
}

#[test]
fn a_slow_mail_holds_up_its_own_place_only() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    let connections = spec.number(2..5);
    let mails = spec.mails(connections * 3 + 1);
    let slow = &mails[spec.number(0..connections)];
    let did = format!(
        "posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox holds one of the first",
        mails.len()
    );
    let check = spec.check(LIMIT, did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold_recipient(Point::Accept, &slow.to);

    post(&check, &http, &mails);
    check_while_held(&check, &server, &http, &mailbox);
    mailbox.wait_letters(&check, mails.len() - 1);
    mailbox.release_all();

    check_logged(&check, &server, mails.len());
    check_arrived(&check, &mailbox, &mails);
}

#[test]
fn concurrent_requests_add_up() {
    let (spec, mailbox) = support::spec_with_mailbox!("04-async");
    let requests: Vec<_> = (0..20).map(|_| spec.mails(spec.number(0..6))).collect();
    let connections = spec.number(1..9);
    let check = spec.check(LIMIT, format!("posted 20 requests at once with SMTP_CONNECTIONS={connections}"));
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);

    let posted: Vec<_> = requests.iter().map(|mails| http.begin_post_mails(mails)).collect();
    let answered = check.about(ENDPOINT);
    posted.into_iter().for_each(|posted| answered.is_sent(&posted.wait(&answered)));
    mailbox.wait_letters(&check, requests.iter().map(Vec::len).sum());
    check_all_logged(&check, &server, &requests);
    check_arrived(&check, &mailbox, requests.iter().flatten());
    check_stats(&check, &http, requests.iter().map(Vec::len).sum());
}

#[test]
fn an_smtp_server_that_is_down_means_that_no_mail_is_sent() {
    let spec = support::spec!("04-async");
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let mails = spec.mails(spec.number(5..9));
    let did = format!("posted {} mails with SMTP_CONNECTIONS=2; nobody listens on {url}", mails.len());
    let check = spec.check(CONVERSE, did);
    let (server, http) = start(&spec, &url, 2, &check);

    post(&check, &http, &mails);

    server.log_line(&check, &starts_with("error: "));
    // From here on, it is known that one mail fails as it should, and all the others must be tried too.
    let check = check.about(LIMIT);
    for mail in &mails {
        server.log_line(&check, &starts_with("error: ").and(contains(mail.to.clone())));
    }
    check_logged(&check, &server, 0);
    check_stats(&check, &http, 0);
}

#[test]
fn a_bad_number_of_connections_is_bad_configuration() {
    let spec = support::spec!("04-async");
    spec.refuses_values(LIMIT, "SMTP_CONNECTIONS", &["", "0", "-1", "four", "2.5"], "4");
}
