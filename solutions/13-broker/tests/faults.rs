//! What the given parts of lesson 13 promise when a broker, a client or a reader of the log misbehaves. The spec does not
//! ask a learner's program for it.

use std::time::Duration;
use support::predicates::str::contains;
use support::{Broker, Check, Http, Mail, Mailbox, Point, Program, Proxy, Reader, Running, Signal, Spec};
use support::{json, limit, mail, not_utf8};

const SHORT: &str = "1000";

fn spec() -> Spec {
    support::spec!("13-broker")
}

fn program(spec: &Spec, url: &str) -> Program {
    spec.program().env("NATS_URL", url).env("ACK_WAIT_MS", SHORT).env("PORT", "0")
}

fn server(check: &Check, broker: &Broker) -> (Running, Http) {
    let mut server = program(check.spec(), &broker.url()).start();
    let http = server.listening(check);
    (server, http)
}

fn worker(check: &Check, broker: &Broker, mailbox: &Mailbox) -> Running {
    worker_by(check, &broker.url(), mailbox)
}

fn worker_by(check: &Check, url: &str, mailbox: &Mailbox) -> Running {
    let worker = program(check.spec(), url).arg("send-mail").env("SMTP_URL", mailbox.url()).start();
    worker.log_line(check, &contains("waiting for mails"));
    worker
}

/// Posts mails until they are accepted, as a client does that got a 503.
fn post(check: &Check, http: &Http, mails: &[Mail]) {
    check.eventually_gives("the job is accepted in the end", || {
        let answer = http.post(check, "/endpoint", &mail::request(mails));
        if answer.status == 202 { Ok(()) } else { Err(answer.to_string()) }
    });
}

fn ends_on_sigterm(check: &Check, running: &mut Running) {
    running.signal(Signal::SIGTERM);
    running.ends_well(check);
}

#[test]
fn all_mails_of_a_request_have_one_limit_when_the_broker_hangs() {
    let spec = spec();
    let Some(broker) = Broker::start(&spec) else { return };
    let check = spec.check("", "stopped the broker with SIGSTOP and posted 10 mails");
    let (server, http) = server(&check, &broker);
    broker.pause(&check);
    // With two seconds for each of them, this would take longer than a check waits.
    let answer = http.post(&check, "/endpoint", &mail::request(&spec.mails(10)));
    check.equal("the status of the answer", &answer.status, &503);
    check.holds("a header Retry-After", answer.header("retry-after").is_some(), answer.headers_in_words());
    server.log_line(&check, &contains("error: cannot accept job"));
}

#[test]
fn clients_in_the_middle_of_a_request_do_not_keep_the_server() {
    let spec = spec();
    let Some(broker) = Broker::start(&spec) else { return };
    let check = spec.check("", "sent SIGTERM while clients are in the middle of a request");
    let (mut server, http) = server(&check, &broker);
    let clients: Vec<_> = ["POST /end", "POST /endpoint HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-", "POST /endpoint HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"emails\""]
        .into_iter()
        .map(|half| {
            let mut client = http.connect(&check);
            client.write(half).expect("an open connection");
            client
        })
        .collect();
    ends_on_sigterm(&check, &mut server);
    drop(clients);
}

#[test]
fn signals_are_obeyed_while_the_broker_hangs_or_is_away() {
    let spec = spec();
    let Some(mut broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    for away in [false, true] {
        let how = if away { "is away" } else { "hangs" };
        let check = spec.check("", format!("sent SIGTERM to both programs while the broker {how}"));
        let (mut server, _http) = server(&check, &broker);
        let mut worker = worker(&check, &broker, &mailbox);
        if away {
            broker.stop(&check, Signal::SIGKILL);
            server.log_line(&check, &contains("broker: disconnected"));
            worker.log_line(&check, &contains("broker: disconnected"));
        } else {
            broker.pause(&check);
        }
        ends_on_sigterm(&check, &mut server);
        ends_on_sigterm(&check, &mut worker);
        if !away {
            let check =
                spec.check("", "sent SIGTERM to a worker that cannot connect, since the broker hangs");
            let mut late = program(&spec, &broker.url()).arg("send-mail").start();
            let connecting = || support::process::descriptors(late.pid()).unwrap_or_default().len() > 7;
            limit::poll(Duration::from_secs(1), || connecting().then_some(()));
            late.signal(Signal::SIGTERM);
            late.wait(&check);
            broker.resume();
        }
    }
}

#[test]
fn a_worker_with_an_unreported_mail_gives_up_some_time_after_sigterm() {
    let spec = spec();
    let Some(mut broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let check = spec.check("", "sent SIGTERM to a worker that has sent a mail and cannot report it");
    mailbox.hold(Point::Data);
    let (server, http) = server(&check, &broker);
    let mut first = worker(&check, &broker, &mailbox);
    post(&check, &http, &spec.mails(1));
    mailbox.wait_held(&check, 1);
    broker.stop(&check, Signal::SIGTERM);
    mailbox.release_all();
    first.log_line(&check, &contains("error: cannot report, trying again"));
    first.signal(Signal::SIGTERM);
    let ended = limit::poll(Duration::from_secs(20), || (!first.is_running()).then_some(()));
    check.holds("it ends within its limit of ten seconds", ended.is_some(), first.stderr());
    first.log_line(&check, &contains("error: ended with a mail in hand: the broker delivers it again"));
    first.finish(&check).code(1);
    // And so it does: the mail comes a second time. That is the price.
    broker.restart(&check);
    let _second = worker(&check, &broker, &mailbox);
    server.logs(&check, "Number of mails sent 1");
    mailbox.wait_letters(&check, 2);
    check.holds("empty streams", broker.wait_empty(&check).is_ok(), "messages");
}

#[test]
fn a_broker_that_was_set_up_anew_gets_its_streams_again() {
    let spec = spec();
    let Some(mut broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let check = spec.check("", "stopped the broker, removed its folder, started it again");
    let (server, http) = server(&check, &broker);
    let worker = worker(&check, &broker, &mailbox);
    post(&check, &http, &spec.mails(2));
    server.logs(&check, "Number of mails sent 2");
    broker.stop(&check, Signal::SIGKILL);
    broker.wipe(&check);
    broker.restart(&check);
    post(&check, &http, &spec.mails(3));
    server.logs(&check, "Number of mails sent 3");
    for log in [server.stderr(), worker.stderr()] {
        // One for each request that was refused, which is up to the client, and a few about the broker.
        let own = log.lines().filter(|line| !line.contains("cannot accept job")).count();
        check.holds("a few lines in the log", own < 15, &log);
    }
}

#[test]
fn jobs_that_are_done_take_no_room_from_reports() {
    let spec = spec();
    let Some(broker) = Broker::start_with(&spec, "max_file_store: 20000") else { return };
    let mailbox = spec.mailbox();
    let check = spec.check("", "posted 100 jobs, one after another, to a broker that may store 20,000 bytes");
    let small = || program(&spec, &broker.url()).env("QUEUE_BYTES", "12000");
    let mut server = small().start();
    let http = server.listening(&check);
    let _worker = small().arg("send-mail").env("SMTP_URL", mailbox.url()).start();
    for (index, mail) in spec.mails(100).iter().enumerate() {
        let answer = http.post(&check, "/endpoint", &mail::request(std::slice::from_ref(mail)));
        check.equal("the status of the answer", &answer.status, &202);
        mailbox.wait_letters(&check, index + 1);
    }
    check.holds("empty streams", broker.wait_empty(&check).is_ok(), "messages");
}

#[test]
fn reports_have_room_when_mails_fill_the_store() {
    let spec = spec();
    let Some(broker) = Broker::start_with(&spec, "max_file_store: 20000") else { return };
    let mailbox = spec.mailbox();
    let check = spec.check("", "filled a broker that may store 20,000 bytes");
    program(&spec, &broker.url()).run(&check).code(1).reports_error(&["cannot make the streams"]);
    let small = || program(&spec, &broker.url()).env("QUEUE_BYTES", "12000");
    let mut server = small().start();
    let http = server.listening(&check);
    let mut accepted = 0;
    for mail in spec.mails(30) {
        let mail = Mail { text: "x".repeat(1500), ..mail };
        let answer = http.post(&check, "/endpoint", &mail::request(std::slice::from_ref(&mail)));
        accepted += usize::from(answer.status == 202);
    }
    check.holds("some mails fit, and not all", (2..30).contains(&accepted), accepted);
    let worker = small().arg("send-mail").env("SMTP_URL", mailbox.url()).start();
    mailbox.wait_letters(&check, accepted);
    check.holds("empty streams", broker.wait_empty(&check).is_ok(), "messages");
    for log in [server.stderr(), worker.stderr()] {
        check.holds("a line for each refusal at most", log.lines().count() < 70, &log);
    }
}

#[test]
fn poison_is_thrown_away_and_sends_nothing() {
    let spec = spec();
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let check = spec.check("", "published messages that are no mails and no reports");
    let (server, http) = server(&check, &broker);
    let worker = worker(&check, &broker, &mailbox);
    let mail = spec.mails(1)[0].json();
    let fields = ["from", "to", "subject", "text"].map(|field| mail[field].clone());
    let mails = [
        json!({"job": "a\nb", "number": 1, "of": 1, "mail": mail}),
        json!({"job": "", "number": 1, "of": 1, "mail": mail}),
        json!({"job": "a.b", "number": 1, "of": 1, "mail": mail}),
        json!(["job", 1, 1, mail]),
        json!({"job": "job", "number": 1, "of": 1, "mail": fields}),
        json!({"job": "job", "number": -1, "of": 1, "mail": mail}),
    ];
    for mail in mails {
        broker.publish(&check, "mails", mail.to_string().as_bytes());
    }
    broker.publish(&check, "mails", b"\x1b[31m{\xff");
    for report in
        [json!(["job", 1, 1, true]), json!({"job": "a\nb", "number": 1, "of": 1, "sent": true}), json!(1)]
    {
        broker.publish(&check, "reports.job.1", report.to_string().as_bytes());
    }
    check.holds("empty streams", broker.wait_empty(&check).is_ok(), "messages");
    post(&check, &http, &spec.mails(2));
    server.logs(&check, "Number of mails sent 2");
    check.equal("the number of letters", &mailbox.letters().len(), &2);
    check.holds("no escape sequences in the log", !worker.stderr().contains('\x1b'), worker.stderr());
}

#[test]
fn a_mail_that_was_reported_is_not_sent_again() {
    let spec = spec();
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(3);
    let check = spec.check("", "killed a worker between its report and its acknowledgement");
    let proxy = Proxy::cut_before(broker.port(), b"+ACK").expect("a free port");
    let (server, http) = server(&check, &broker);
    let mut first = worker_by(&check, &format!("nats://127.0.0.1:{}", proxy.port()), &mailbox);
    post(&check, &http, &mails);
    check.eventually("an acknowledgement", || proxy.was_cut().then_some(()));
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let _second = worker(&check, &broker, &mailbox);
    server.logs(&check, "Number of mails sent 3");
    check.holds("empty streams", broker.wait_empty(&check).is_ok(), "messages");
    check.equal("the number of letters", &mailbox.letters().len(), &3);
}

#[test]
fn a_mail_that_can_never_be_sent_is_tried_once() {
    let spec = spec();
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let check = spec.check("", "posted mails that no server will ever take");
    let (server, http) = server(&check, &broker);
    let worker = worker(&check, &broker, &mailbox);
    let mut mails = spec.mails(3);
    mails[0].to = "grüße@example.org".into();
    mails[1].subject = "two\nlines".into();
    mails[2].from = "no address".into();
    post(&check, &http, &mails);
    server.logs(&check, "Number of mails sent 0");
    let log = worker.stderr();
    check.holds("no line with `has to wait`", !log.contains("has to wait"), &log);
    check.equal("the number of errors", &log.matches("error: cannot send the mail to").count(), &3);
}

#[test]
fn a_log_that_is_not_read_stops_nothing() {
    for (reader, log) in [(Reader::Stopped, "is not read"), (Reader::Left, "has lost its reader")] {
        let spec = spec();
        let Some(broker) = Broker::start(&spec) else { return };
        let mailbox = spec.mailbox();
        let check =
            spec.check("", format!("posted 50 jobs whose mails are refused; the programs' log {log}"));
        let mut server = program(&spec, &broker.url()).stderr(reader).start();
        let http = server.listening(&check);
        let worker = program(&spec, &broker.url()).arg("send-mail").env("SMTP_URL", mailbox.url());
        let mut worker = worker.stderr(reader).start();
        let bad = |mail: Mail| Mail { to: format!("no address {}", "x".repeat(900)), ..mail };
        let mails: Vec<Mail> = spec.mails(2).into_iter().map(bad).collect();
        // Each refusal makes a long line. A pipe takes 64 KiB.
        for _ in 0..50 {
            post(&check, &http, &mails);
        }
        let is_empty = || (broker.messages(&check) == Some(0)).then_some(());
        let empty = limit::poll(Duration::from_secs(60), is_empty);
        check.holds("empty streams", empty.is_some(), "messages");
        ends_on_sigterm(&check, &mut worker);
        ends_on_sigterm(&check, &mut server);
    }
}

#[test]
fn settings_that_are_not_utf8_are_bad_settings() {
    let spec = spec();
    let check = spec.check("", "started both programs with words that are not UTF-8");
    spec.program().arg(not_utf8("send", "mail")).run(&check).code(2).reports_error(&["unknown role"]);
    for role in [None, Some("send-mail")] {
        let program = spec.program().args(role).env("PORT", "0").env("NATS_URL", not_utf8("nats://", ""));
        program.run(&check).code(2).reports_error(&["NATS_URL", "UTF-8"]);
    }
}
