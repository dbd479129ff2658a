//! The task of lesson 02: a web server on one thread that sends mail inside the handler.
//!
//! 1. Build a runtime of one thread (look up: `tokio::runtime::Builder::new_current_thread`).
//! 2. Route `GET /health` and `POST /endpoint` to their handlers (`axum::Router::route`, `with_state`).
//! 3. `/health` answers `ok`.
//! 4. `/endpoint` sends the mails, logs `Number of mails sent N` on stderr, and answers after that.

use support::predicates::prelude::*;
use support::predicates::str::{contains, starts_with};
use support::{Answer, Check, Http, Mailbox, Point, Reader, Reply, Running, Spec, json, mail};

const LOOP: &str = "1. One thread for everything";
const ROUTES: &str = "2. Routes";
const HEALTH: &str = "3. Am I alive?";
const ENDPOINT: &str = "4. Send inside the handler";

/// The longest body that the contract allows.
const MAX_BODY_BYTES: usize = 1024 * 1024;

fn start(spec: &Spec, mailbox: &Mailbox, check: &Check) -> (Running, Http) {
    spec.server(mailbox).serve(&check.about(LOOP))
}

/// Without a route, there is no such path or no such method.
fn check_status(check: &Check, answer: &Answer, status: u16) {
    let check = if matches!(answer.status, 404 | 405) { check.about(ROUTES) } else { check.clone() };
    check.equal("the status of POST /endpoint", &answer.status, &status);
}

/// The answer to a request whose mails are sent.
fn check_sent(check: &Check, answer: &Answer) {
    check_status(check, answer, 200);
    check.is_sent(answer);
}

#[test]
fn health_answers_ok() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let check = spec.check(HEALTH, "started the server and asked GET /health");
    let (_server, http) = start(&spec, &mailbox, &check);

    for _ in 0..2 {
        let answer = http.get(&check, "/health");
        check.equal("the status of GET /health", &answer.status, &200);
        check.equal("the body of GET /health", answer.body.trim_end(), "ok");
    }
}

#[test]
fn the_mails_of_a_request_arrive() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let mails = spec.mails(spec.number(2..6));
    let check = spec.check(ENDPOINT, format!("posted {} mails to /endpoint", mails.len()));
    let (server, http) = start(&spec, &mailbox, &check);

    let answer = http.post_mails(&check, &mails);

    check_sent(&check, &answer);
    // The answer has come, so the work is done: nothing here waits.
    let what = "the list of recipients in the mailbox when the answer came";
    check.equal(what, &mailbox.recipients(), &mail::recipients(&mails));
    server.logs(&check, &format!("Number of mails sent {}", mails.len()));
}

#[test]
fn one_request_holds_up_everybody() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let mails = spec.mails(spec.number(2..4));
    let check = spec.check(ENDPOINT, "posted mails to /endpoint; the mailbox holds the first one at RCPT");
    let (_server, http) = start(&spec, &mailbox, &check);
    mailbox.hold(Point::Rcpt);

    let posted = http.begin_post_mails(&mails);
    mailbox.wait_held(&check, 1);
    let asked = http.begin_get("/health");
    posted.stays_open(&check, "the answer comes after the mails are sent, and the mailbox holds the first");
    asked.stays_open(
        &check,
        "in this lesson the handler blocks the one thread there is, so nobody is left to answer",
    );
    mailbox.release_all();

    let check = spec.check(LOOP, "let the mails go that held up the server");
    let health = asked.wait(&check);
    check.equal("the status of GET /health", &health.status, &200);
    let check = check.about(ENDPOINT);
    check_sent(&check, &posted.wait(&check));
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
}

#[test]
fn a_second_request_waits_for_the_first() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let (first, second) = (spec.mails(2), spec.mails(3));
    let check = spec.check(ENDPOINT, "posted 2 mails, which the mailbox holds at the end, then 3 more");
    let (server, http) = start(&spec, &mailbox, &check);
    mailbox.hold(Point::Accept);

    let one = http.begin_post_mails(&first);
    mailbox.wait_held(&check, 1);
    let two = http.begin_post_mails(&second);
    two.stays_open(&check, "the first request still blocks the one thread there is");
    check.equal("the number of SMTP conversations so far", &mailbox.conversations(), &1);
    mailbox.release_all();

    check_sent(&check, &one.wait(&check));
    check_sent(&check, &two.wait(&check));
    let all = [mail::recipients(&first), mail::recipients(&second)].concat();
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &all);
    server.logs(&check, "Number of mails sent 2");
    server.logs(&check, "Number of mails sent 3");
}

#[test]
fn a_refused_mail_is_not_counted_and_the_server_goes_on() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let mails = spec.mails(spec.number(3..6));
    let check = spec.check(ENDPOINT, format!("posted {} mails; the mailbox refuses the first", mails.len()));
    let (server, http) = start(&spec, &mailbox, &check);
    mailbox.reply(&mails[0].to, Reply::Refuse(550));

    check_sent(&check, &http.post_mails(&check, &mails));
    server.logs(&check, &format!("Number of mails sent {}", mails.len() - 1));
    server.log_line(&check, &starts_with("error: ").and(contains(mails[0].to.clone())));
    http.is_healthy(&check.about(HEALTH));
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(3);
        mails[0].to = "no address at all".into();
        let did = format!("posted 3 mails, one with a bad address, to a server whose stderr {what}");
        let check = spec.check(ENDPOINT, did);
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check.about(LOOP));
        for _ in 0..2 {
            check_sent(&check, &http.post_mails(&check, &mails));
        }
        let arrived = mailbox.recipients().iter().filter(|to| **to == mails[2].to).count();
        check.equal("the number of times that the last mail arrived", &arrived, &2);
    }
}

#[test]
fn a_body_that_is_no_request_is_refused_with_a_reason() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let check = spec.check(ENDPOINT, "started the server");
    let (_server, http) = start(&spec, &mailbox, &check);
    let good = spec.mail().json();
    let mut lacking = good.clone();
    let field = ["from", "to", "subject", "text"][spec.number(0..4)];
    lacking.as_object_mut().map(|fields| fields.remove(field));
    let mut long = spec.mail();
    long.text = "x".repeat(MAX_BODY_BYTES);
    let list = json!(["a@x.test", "b@x.test", "s", "t"]);
    let bodies = [
        ("broken JSON", "{\"emails\": [".into(), 400, "line 1"),
        ("nothing", String::new(), 400, "line 1"),
        ("an object without \"emails\"", json!({"mails": [good]}).to_string(), 422, "emails"),
        ("a number for \"emails\"", json!({"emails": 7}).to_string(), 422, "emails"),
        ("a mail without a field", json!({"emails": [good, lacking]}).to_string(), 422, field),
        ("an array instead of an object", json!([[good]]).to_string(), 422, "object"),
        ("a mail that is an array", json!({"emails": [list]}).to_string(), 422, "object"),
        ("a body of more than 1 MiB", json!({"emails": [long.json()]}).to_string(), 413, "1048576"),
    ];
    for (what, body, status, word) in bodies {
        let check = spec.check(ENDPOINT, format!("posted {what} to /endpoint"));
        let answer = http.post_bytes(&check, "/endpoint", body.as_bytes());
        check_status(&check, &answer, status);
        let body = answer.json();
        let error = body["error"].as_str().unwrap_or_default();
        let expected = format!("a body {{\"error\": \"…\"}} that says what is wrong and contains `{word}`");
        check.holds(&expected, error.contains(word), &answer.body);
    }
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &0);
}

#[test]
fn a_request_without_measure_is_refused_and_the_server_goes_on() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let check = spec.check(ENDPOINT, "started the server");
    let (_server, http) = start(&spec, &mailbox, &check);

    // In chunks, no header says how long the body will be: who looks at Content-Length alone takes all of it.
    let mut long = spec.mail();
    long.text = "x".repeat(MAX_BODY_BYTES);
    let body = mail::request(&[long]).to_string();
    let head = "POST /endpoint HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let what = "a body of more than 1 MiB, in chunks,";
    let check = spec.check(ENDPOINT, format!("posted {what} to /endpoint"));
    match http.send_bytes(&check, what, chunked.into_bytes()) {
        Ok(answer) => check_status(&check, &answer, 413),
        Err(why) => check.fail("the status of POST /endpoint is 413", &why),
    }

    let heads = [
        ("a header of 8 MiB", format!("x-long: {}\r\n", "x".repeat(8 * MAX_BODY_BYTES))),
        ("100,000 headers", "x-many: x\r\n".repeat(100_000)),
    ];
    for (what, header) in heads {
        let check = spec.check(ROUTES, format!("asked GET /health with {what}"));
        let request = format!("GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
        let answer = http.send_bytes(&check, what, request.into_bytes());
        // The connection may also be closed without an answer.
        let refused = answer.as_ref().map_or(true, |answer| matches!(answer.status, 400 | 413 | 431));
        let came = answer.map_or_else(|why| why, |answer| answer.to_string());
        check.holds("a refusal: 431, 413, 400 or no answer at all", refused, came);
        check.equal("the status of GET /health after that", &http.get(&check, "/health").status, &200);
    }
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &0);
}

#[test]
fn each_path_has_its_method() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let check = spec.check(ROUTES, "asked for what the server does not have");
    let (_server, http) = start(&spec, &mailbox, &check);

    let path = format!("/{}", spec.word());
    check.equal(&format!("the status of GET {path}"), &http.get(&check, &path).status, &404);
    check.equal("the status of GET /endpoint", &http.get(&check, "/endpoint").status, &405);
    let body = mail::request(&spec.mails(1));
    check.equal("the status of POST /health", &http.post(&check, "/health", &body).status, &405);
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &0);
}

#[test]
fn a_bad_port_is_bad_configuration() {
    let spec = support::spec!("02-endpoint");
    spec.refuses_values(LOOP, "PORT", &["", "http", "-1", "65536", "3000 "], "30");
}

#[test]
fn a_port_in_use_is_bad_configuration() {
    let (spec, mailbox) = support::spec_with_mailbox!("02-endpoint");
    let port = mailbox.port().to_string();
    let check = spec.check(LOOP, format!("started the server with PORT={port}, which is in use"));
    spec.program().env("PORT", &port).run(&check).code(2).reports_error(&["cannot listen on", &port]);
}
