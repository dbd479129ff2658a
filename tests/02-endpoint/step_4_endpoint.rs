//! Step 4: send one mail after another inside the handler, and report each that fails on stderr. Log `Number of mails sent N`
//! when the last one is done, and answer after that, always `{"status":true,"sent":true}`.

use super::*;

/// The longest body that the contract allows.
const MAX_BODY_BYTES: usize = 1024 * 1024;

fn check_status(check: &Check, answer: &Answer, status: u16) {
    check.equal("the status of POST /endpoint", &answer.status, &status);
}

/// The answer to a request whose mails are sent.
fn check_sent(check: &Check, answer: &Answer) {
    check_status(check, answer, 200);
    check.is_sent(answer);
}

/// The server has answered one request, so all that it has to say of it is on stderr: how many mails were accepted, and
/// why each of the others was not.
fn check_logged(check: &Check, mut server: Running, mails_sent: usize, failed: &[Mail]) {
    server.signal(Signal::SIGTERM);
    let stderr = server.finish(check).stderr();
    let that_begin = |words| stderr.lines().filter(move |line: &&str| line.starts_with(words));
    let numbers: Vec<&str> = that_begin("Number of mails sent ").collect();
    let expected = format!("one line on stderr before the answer: Number of mails sent {mails_sent}");
    check.holds(&expected, numbers == [format!("Number of mails sent {mails_sent}")], &stderr);

    let errors: Vec<&str> = that_begin("error: ").collect();
    let expected = format!("{} `error: …` on stderr", support::counted(failed.len(), "line"));
    check.holds(&expected, errors.len() == failed.len(), &stderr);
    for mail in failed {
        let expected = format!("a line `error: …` on stderr that names the recipient, \"{}\"", mail.to);
        check.holds(&expected, errors.iter().any(|line| line.contains(&mail.to)), &stderr);
    }
}

#[test]
fn the_mails_of_a_request_arrive() {
    let spec = support::spec!();
    for count in [spec.number(2..6), 0] {
        let (mailbox, mails) = (spec.mailbox(), spec.mails(count));
        let check = spec.check(format!("posted {count} mails to /endpoint"));
        let (server, http) = start(&spec, &mailbox, &check);

        let answer = http.post_mails(&check, &mails);

        check_sent(&check, &answer);
        // The answer has come, so the work is done: nothing here waits.
        let what = "the list of recipients in the mailbox when the answer came";
        check.equal(what, &mailbox.recipients(), &mail::recipients(&mails));
        check_logged(&check, server, count, &[]);
    }
}

#[test]
fn the_mails_of_a_request_are_sent_one_after_another() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(3);
    let check = spec.check("posted 3 mails to /endpoint; the mailbox holds each at RCPT");
    let (server, http) = start(&spec, &mailbox, &check);
    mailbox.hold(Point::Rcpt);

    let posted = http.begin_post_mails(&mails);
    for number in 1..=mails.len() {
        mailbox.wait_held(&check, 1);
        let at_once = || server.rests().then(|| mailbox.open_conversations());
        let at_once = check.eventually("a server that does nothing while the mailbox holds a mail", at_once);
        check.equal("the number of SMTP conversations at once", &at_once, &1);
        mailbox.release_one();
        mailbox.wait_letters(&check, number);
    }
    check_sent(&check, &posted.wait(&check));
}

/// Sends a request on a connection of its own: when this returns, the system has it for the server.
fn ask(check: &Check, http: &Http, request: &str, body: &str) -> Connection {
    let mut client = http.connect(check);
    let head = "host: localhost\r\ncontent-type: application/json";
    let request = format!("{request} HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    client.write(request).unwrap_or_else(|error| check.fail("a server that reads", &error.to_string()));
    client
}

/// The server does nothing any more, so what it has not answered by now it does not answer.
fn is_not_answered(check: &Check, server: &Running, client: &Connection, what: &str, why: &str) {
    check.eventually("a server that does nothing while the mailbox holds a mail", || {
        server.rests().then_some(())
    });
    check.holds(&format!("no answer to {what} yet: {why}"), client.is_silent(), "an answer");
}

#[test]
fn one_request_blocks_everyone() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(2..4));
    let check = spec.check("posted mails to /endpoint; the mailbox holds each at RCPT");
    let (server, http) = start(&spec, &mailbox, &check);
    mailbox.hold(Point::Rcpt);

    let mut posted = ask(&check, &http, "POST /endpoint", &mail::request(&mails).to_string());
    mailbox.wait_held(&check, 1);
    let mut asked = ask(&check, &http, "GET /health", "");
    for _ in &mails {
        mailbox.wait_held(&check, 1);
        let why = "it comes after the mails are sent, and the mailbox holds one of them";
        is_not_answered(&check, &server, &posted, "POST /endpoint", why);
        let why = "in this lesson the handler blocks the one thread there is, so nothing is left to answer";
        is_not_answered(&check, &server, &asked, "GET /health", why);
        mailbox.release_one();
    }

    let check = spec.check("let the mails go that held up the server");
    check.equal("the status of GET /health", &asked.answer(&check).status, &200);
    check_sent(&check, &posted.answer(&check));
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
}

#[test]
fn a_second_request_waits_for_the_first() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (first, second) = (spec.mails(2), spec.mails(3));
    let check = spec.check("posted 2 mails, which the mailbox holds at the end, then 3 more");
    let (server, http) = start(&spec, &mailbox, &check);
    mailbox.hold(Point::Accept);

    let mut one = ask(&check, &http, "POST /endpoint", &mail::request(&first).to_string());
    mailbox.wait_held(&check, 1);
    let mut two = ask(&check, &http, "POST /endpoint", &mail::request(&second).to_string());
    let why = "the first request still blocks the one thread there is";
    is_not_answered(&check, &server, &two, "the second POST /endpoint", why);
    check.equal("the number of SMTP conversations so far", &mailbox.conversations(), &1);
    mailbox.release_all();

    check_sent(&check, &one.answer(&check));
    check_sent(&check, &two.answer(&check));
    let all = [mail::recipients(&first), mail::recipients(&second)].concat();
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &all);
    server.logs(&check, "Number of mails sent 2");
    server.logs(&check, "Number of mails sent 3");
}

#[test]
fn a_mail_that_fails_is_reported_and_the_rest_is_sent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(spec.number(4..7));
    mails[0].to = "nobody (an address without an @)".into();
    let did = format!(
        "posted {} mails; the first has a bad address, and the mailbox refuses the second",
        mails.len()
    );
    let check = spec.check(did);
    let (server, http) = start(&spec, &mailbox, &check);
    mailbox.reply(&mails[1].to, Reply::Refuse([450, 550][spec.number(0..2)]));

    check_sent(&check, &http.post_mails(&check, &mails));
    let what = "the list of recipients in the mailbox when the answer came";
    check.equal(what, &mailbox.recipients(), &mail::recipients(&mails[2..]));
    http.is_healthy(&check);
    check_logged(&check, server, mails.len() - 2, &mails[..2]);
}

#[test]
fn an_unread_log_stops_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(3);
        mails[0].to = "no address at all".into();
        let did = format!("posted 3 mails, one with a bad address, to a server whose stderr {what}");
        let check = spec.check(did);
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        for _ in 0..2 {
            check_sent(&check, &http.post_mails(&check, &mails));
        }
        let arrived = mailbox.recipients().iter().filter(|to| **to == mails[2].to).count();
        check.equal("the number of times that the last mail arrived", &arrived, &2);
    }
}

#[test]
fn an_invalid_body_is_refused_with_a_reason() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("started the server");
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
        let check = spec.check(format!("posted {what} to /endpoint"));
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
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("started the server");
    let (_server, http) = start(&spec, &mailbox, &check);

    // In chunks, no header says how long the body will be: who looks at Content-Length alone takes all of it.
    let mut long = spec.mail();
    long.text = "x".repeat(MAX_BODY_BYTES);
    let body = mail::request(&[long]).to_string();
    let head = "POST /endpoint HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let what = "a body of more than 1 MiB, in chunks,";
    let check = spec.check(format!("posted {what} to /endpoint"));
    match http.send_bytes(&check, what, chunked.into_bytes()) {
        Ok(answer) => check_status(&check, &answer, 413),
        Err(why) => check.fail("the status of POST /endpoint is 413", &why),
    }

    let heads = [
        ("a header of 8 MiB", format!("x-long: {}\r\n", "x".repeat(8 * MAX_BODY_BYTES))),
        ("100,000 headers", "x-many: x\r\n".repeat(100_000)),
    ];
    for (what, header) in heads {
        let check = spec.check(format!("asked GET /health with {what}"));
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
