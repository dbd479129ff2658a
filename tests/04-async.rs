//! The task of lesson 04: many mails in flight on one thread, with a limit.
//!
//! 1. Answer `POST /endpoint` at once; a task sends the mails and logs their number (look up: `tokio::spawn`).
//! 2. A task for each mail, at most `SMTP_CONNECTIONS` at once (`tokio::sync::Semaphore`, `tokio::task::JoinSet`).
//! 3. One conversation without blocking (`AsyncSmtpConnection::send`).
//! 4. A connection without delay (`TcpStream::set_nodelay`, `AsyncSmtpConnection::connect_with_transport`).

use support::predicates::prelude::PredicateBooleanExt;
use support::predicates::str::{contains, starts_with};
use support::{Check, ClosedPort, Http, Mail, Mailbox, Point, Reply, Running, Spec, json, limit, mail};

const ENDPOINT: &str = "1. Answer at once";
const LIMIT: &str = "2. As many at once as there are permits";
const CONVERSE: &str = "3. A conversation that waits";
const CONNECT: &str = "4. Connect without delay";

fn start(spec: &Spec, smtp_url: &str, connections: usize, check: &Check) -> (Running, Http) {
    let program = spec.program().env("PORT", "0").env("SMTP_URL", smtp_url);
    let mut server = program.env("SMTP_CONNECTIONS", connections.to_string()).start();
    let http = server.listening(check);
    (server, http)
}

fn post(check: &Check, http: &Http, mails: &[Mail]) {
    let answer = http.post(check, "/endpoint", &mail::request(mails));
    check.json("the body of POST /endpoint", &answer.json(), &json!({"status": true, "sent": true}));
}

fn check_stats(check: &Check, http: &Http, mails_sent: usize) {
    let expected = json!({"mails_sent": mails_sent});
    check.json("the body of GET /stats", &http.get(check, "/stats").json(), &expected);
}

/// Every gate is closed: exactly `connections` conversations are held, and not one more is opened.
fn check_exactly(check: &Check, mailbox: &Mailbox, connections: usize) {
    mailbox.wait_held(check, connections);
    let more = || (mailbox.open_conversations() > connections).then_some(());
    let too_many = limit::poll(limit::BRIEFLY, more).is_some();
    let expected =
        format!("at most {connections} SMTP conversations at once, since that is SMTP_CONNECTIONS");
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
            format!("at most {connections} SMTP conversations at once after {sent} mails were sent");
        check.holds(&expected, held <= connections, format!("{held} at once"));
    }
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

/// Every mail has arrived once, in whatever order.
fn check_arrived<'a>(check: &Check, mailbox: &Mailbox, mails: impl IntoIterator<Item = &'a Mail>) {
    let expected = mails.into_iter().map(|mail| mail.to.clone()).collect();
    let what = "the list of recipients in the mailbox, sorted";
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
    let spec = support::spec!("04-async");
    let mailbox = spec.mailbox();
    let connections = spec.number(2..9);
    let mails = spec.mails(connections * 2 + spec.number(1..4));
    let did =
        format!("posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox holds each", mails.len());
    let check = spec.check(LIMIT, did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold([Point::Rcpt, Point::Data, Point::Accept][spec.number(0..3)]);

    post(&check, &http, &mails);
    check_exactly(&check, &mailbox, connections);
    check_one_thread(&spec, &server, connections);
    release_each(&check, &mailbox, mails.len(), connections);

    server.log_line(&check, &contains(format!("Number of mails sent {}", mails.len())));
    check_arrived(&check, &mailbox, &mails);
    check_stats(&check, &http, mails.len());
}

#[test]
fn all_requests_share_one_limit() {
    let spec = support::spec!("04-async");
    let mailbox = spec.mailbox();
    // Not the default, so that a program that does not read SMTP_CONNECTIONS is seen.
    let connections = [2, 3, 5, 6][spec.number(0..4)];
    let requests: Vec<_> = (0..4).map(|number| spec.mails(connections + number)).collect();
    let total: usize = requests.iter().map(Vec::len).sum();
    let did = format!("posted {total} mails in 4 requests with SMTP_CONNECTIONS={connections}");
    let check = spec.check(LIMIT, did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold(Point::Rcpt);

    for mails in &requests {
        post(&check, &http, mails);
    }
    check_exactly(&check, &mailbox, connections);
    release_each(&check, &mailbox, total, connections);

    for mails in &requests {
        server.log_line(&check, &contains(format!("Number of mails sent {}", mails.len())));
    }
    check_arrived(&check, &mailbox, requests.iter().flatten());
    check_stats(&check, &http, total);
}

#[test]
fn the_limit_is_4_when_nobody_says_otherwise() {
    let spec = support::spec!("04-async");
    let mailbox = spec.mailbox();
    let mails = spec.mails(9);
    let check = spec.check(LIMIT, "posted 9 mails without SMTP_CONNECTIONS; the mailbox holds each");
    let mut server = spec.program().env("PORT", "0").env("SMTP_URL", mailbox.url()).start();
    let http = server.listening(&check);
    mailbox.hold(Point::Rcpt);

    post(&check, &http, &mails);
    check_exactly(&check, &mailbox, 4);
    mailbox.release_all();
    server.log_line(&check, &contains("Number of mails sent 9"));
}

#[test]
fn the_server_answers_while_mails_are_held() {
    let spec = support::spec!("04-async");
    let mailbox = spec.mailbox();
    let mails = spec.mails(spec.number(2..6));
    let did = "posted mails while the mailbox holds every mail: the answer must not wait for them";
    let check = spec.check(ENDPOINT, did);
    let (server, http) = start(&spec, &mailbox.url(), 4, &check);
    mailbox.hold([Point::Connect, Point::Rcpt, Point::Accept][spec.number(0..3)]);

    post(&check, &http, &mails);
    mailbox.wait_held(&check, 1);
    let check = spec.check(CONVERSE, "asked GET /health while the mailbox holds mails: nothing may block");
    check.equal("the body of GET /health", http.get(&check, "/health").body.trim_end(), "ok");
    check_stats(&check, &http, 0);
    let early = server.stderr().contains("Number of mails sent");
    check.holds("no log line before the work is done", !early, server.stderr());
    mailbox.release_all();
    server.log_line(&check, &contains(format!("Number of mails sent {}", mails.len())));
    check_arrived(&check, &mailbox, &mails);
}

#[test]
fn a_mail_that_fails_does_not_disturb_its_neighbours() {
    let spec = support::spec!("04-async");
    let mailbox = spec.mailbox();
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

    post(&check, &http, &mails);

    let good = mails.len() - bad.len();
    server.log_line(&check, &contains(format!("Number of mails sent {good}")));
    for mail in &bad {
        server.log_line(&check, &starts_with("error: ").and(contains(mail.to.clone())));
    }
    check_arrived(&check, &mailbox, mails.iter().step_by(2));
    check_stats(&check, &http, good);
}

#[test]
fn a_slow_mail_holds_up_its_own_place_only() {
    let spec = support::spec!("04-async");
    let mailbox = spec.mailbox();
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
    mailbox.wait_letters(&check, mails.len() - 1);
    mailbox.wait_held(&check, 1);
    mailbox.release_all();

    server.log_line(&check, &contains(format!("Number of mails sent {}", mails.len())));
    check_arrived(&check, &mailbox, &mails);
}

#[test]
fn concurrent_requests_add_up() {
    let spec = support::spec!("04-async");
    let mailbox = spec.mailbox();
    let requests: Vec<_> = (0..20).map(|_| spec.mails(spec.number(0..6))).collect();
    let check = spec.check(LIMIT, "posted 20 requests at once");
    let (server, http) = start(&spec, &mailbox.url(), spec.number(1..9), &check);

    let posted: Vec<_> =
        requests.iter().map(|mails| http.begin_post("/endpoint", &mail::request(mails))).collect();
    for answer in posted {
        answer.wait(&check);
    }
    check.eventually("20 log lines `Number of mails sent N` on stderr", || {
        (server.stderr().matches("Number of mails sent").count() >= requests.len()).then_some(())
    });
    check_arrived(&check, &mailbox, requests.iter().flatten());
    check_stats(&check, &http, requests.iter().map(Vec::len).sum());
}

#[test]
fn an_smtp_server_that_is_down_means_that_no_mail_is_sent() {
    let spec = support::spec!("04-async");
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let mails = spec.mails(spec.number(5..9));
    let check = spec.check(CONNECT, format!("posted {} mails; nobody listens on {url}", mails.len()));
    let (server, http) = start(&spec, &url, 2, &check);

    post(&check, &http, &mails);

    server.log_line(&check, &contains("Number of mails sent 0"));
    for mail in &mails {
        server.log_line(&check, &starts_with("error: ").and(contains(mail.to.clone())));
    }
    check_stats(&check, &http, 0);
}

#[test]
fn a_bad_number_of_connections_is_bad_configuration() {
    let spec = support::spec!("04-async");
    for number in ["", "0", "-1", "four", "2.5"] {
        let check = spec.check(LIMIT, format!("started the server with SMTP_CONNECTIONS={number:?}"));
        let program = spec.program().env("PORT", "0").env("SMTP_CONNECTIONS", number);
        program.run(&check).code(2).reports_error(&["SMTP_CONNECTIONS"]);
    }
}
