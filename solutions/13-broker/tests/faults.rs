//! What the given parts of lesson 13 promise when a broker, a client or a reader of the log misbehaves. The spec does not
//! ask a learner's program for it.

use std::time::{Duration, Instant};
use support::jobs::{JobServer, bad_mails};
use support::predicates::prelude::PredicateBooleanExt;
use support::predicates::str::contains;
use support::site::{Site, logged};
use support::{Check, Mail, Mailbox, Point, Proxy, Reader, Running, Signal, json, limit, mail};

/// A check, and a broker for it with a limit for all that is stored. `None` when nats-server is not installed.
fn begin(did: &str, jetstream: &str) -> Option<(Check, Site)> {
    let site = Site::start_with(support::spec!(), "1000", jetstream)?;
    Some((site.spec.check(did), site))
}

/// Starts a worker, and waits until it waits.
fn worker(check: &Check, site: &Site, mailbox: &Mailbox) -> Running {
    let worker = site.worker(mailbox);
    worker.log_line(check, &contains("waiting for mails"));
    worker
}

fn ends_on_sigterm(check: &Check, running: &mut Running) {
    running.signal(Signal::SIGTERM);
    running.ends_well(check);
}

/// The log of a program must be short, whatever happened.
fn check_log(check: &Check, log: &str, most: usize) {
    check.holds(&format!("at most {most} lines in the log"), log.lines().count() <= most, log);
}

#[test]
fn all_mails_of_a_request_have_one_limit_when_the_broker_hangs() {
    let did = "stopped the broker with SIGSTOP and posted 10 mails";
    let Some((check, site)) = begin(did, "") else { return };
    let server = site.server();
    site.broker.pause(&check);
    // With two seconds for each of them, this would take longer than a check waits.
    let pending = server.http.begin_post("/endpoint", &mail::request(&site.spec.mails(10)));
    // The server waits for a time to pass. It is not stuck.
    let refusal = || server.logged("error: cannot accept job").pop();
    let refused = limit::poll(limit::limit(), refusal).is_some();
    check.holds("a line `error: cannot accept job …` on stderr", refused, server.stderr());
    let answer = pending.wait(&check);
    check.equal("the status of the answer", &answer.status, &503);
    check.holds("a header Retry-After", answer.header("retry-after").is_some(), answer.describe_headers());
}

#[test]
fn signals_are_obeyed_while_the_broker_hangs_or_is_away() {
    let did = "sent SIGTERM to programs while the broker hangs, and then while it is away";
    let Some((check, mut site)) = begin(did, "") else { return };
    let mailbox = site.spec.mailbox();
    for away in [false, true] {
        let mut server = site.server();
        let mut worker = worker(&check, &site, &mailbox);
        if away {
            site.broker.stop(&check, Signal::SIGKILL);
            server.log_line(&check, &contains("broker: disconnected"));
            worker.log_line(&check, &contains("broker: disconnected"));
        } else {
            site.broker.pause(&check);
        }
        server.stops(&check);
        ends_on_sigterm(&check, &mut worker);
        if !away {
            // One that cannot connect.
            let mut late = site.worker(&mailbox);
            let connecting = || support::process::descriptors(late.pid()).unwrap_or_default().len() > 7;
            limit::poll(Duration::from_secs(1), || connecting().then_some(()));
            late.signal(Signal::SIGTERM);
            late.wait(&check);
            site.broker.resume();
        }
    }
}

#[test]
fn a_worker_with_an_unreported_mail_gives_up_some_time_after_sigterm() {
    let did = "sent SIGTERM to a worker that has sent a mail and cannot report it";
    let Some((check, mut site)) = begin(did, "") else { return };
    let mailbox = site.spec.mailbox();
    mailbox.hold(Point::Data);
    let server = site.server();
    let mut first = worker(&check, &site, &mailbox);
    server.post(&check, &site.spec.mails(1));
    mailbox.wait_held(&check, 1);
    site.broker.stop(&check, Signal::SIGTERM);
    mailbox.release_all();
    first.log_line(&check, &contains("error: cannot report, trying again"));
    first.signal(Signal::SIGTERM);
    let began = Instant::now();
    let ended = limit::poll(Duration::from_secs(40), || (!first.is_running()).then_some(began.elapsed()));
    // A mail may take 20 seconds: it must not be cut off before.
    let expected = "it ends by itself, between 20 and 40 seconds after the signal";
    check.holds(expected, ended.is_some_and(|took| took.as_secs() >= 20), format!("{ended:?}"));
    first.log_line(&check, &contains("error: exited with a mail in hand; the broker will deliver it again"));
    first.finish(&check).code(1);
    // And so it does: the mail comes a second time. That is the price.
    site.broker.restart(&check);
    let _second = worker(&check, &site, &mailbox);
    server.logs(&check, "Number of mails sent 1");
    mailbox.wait_letters(&check, 2);
    site.wait_empty(&check, limit::limit());
}

#[test]
fn a_broker_that_was_set_up_anew_gets_its_streams_again() {
    let did = "stopped the broker, removed its folder, started it again";
    let Some((check, mut site)) = begin(did, "") else { return };
    let mailbox = site.spec.mailbox();
    let server = site.server();
    let worker = worker(&check, &site, &mailbox);
    server.post(&check, &site.spec.mails(2));
    server.logs(&check, "Number of mails sent 2");
    // Otherwise the server waits for the answer of a broker that was killed, for as long as it waits for any answer.
    site.wait_empty(&check, Duration::from_secs(10));
    site.broker.stop(&check, Signal::SIGKILL);
    site.broker.wipe(&check);
    site.broker.restart(&check);
    site.post(&check, &server, &site.spec.mails(3));
    server.logs(&check, "Number of mails sent 3");
    for log in [server.stderr(), worker.stderr()] {
        // One for each request that was refused, which is up to the client, and a few about the broker.
        let own: Vec<_> = log.lines().filter(|line| !line.contains("cannot accept job")).collect();
        check_log(&check, &own.join("\n"), 14);
    }
}

#[test]
fn reports_that_the_broker_has_lost_do_not_count() {
    let did = "published a report about mail 1 of 2, removed all that the broker had, published both reports";
    let Some((check, mut site)) = begin(did, "") else { return };
    let server = site.server();
    let report = |site: &Site, job: &str, number: usize, of: usize, sent: bool| {
        let report = json!({"job": job, "number": number, "of": of, "sent": sent}).to_string();
        site.broker.publish(&check, &format!("reports.{job}.{number}"), report.as_bytes());
    };
    report(&site, "lost", 1, 2, true);
    // When this one is counted, the one before it is, too.
    report(&site, "other", 1, 1, false);
    server.logs(&check, "Number of mails sent 0");
    let left = || site.broker.messages(&check);
    check.eventually("one report left, of the job that isn't done", || (left() == Some(1)).then_some(()));
    site.broker.stop(&check, Signal::SIGKILL);
    site.broker.wipe(&check);
    site.broker.restart(&check);
    check.eventually("the stream of reports again", || site.broker.stream(&check, "reports"));
    report(&site, "lost", 2, 2, true);
    report(&site, "lost", 1, 2, false);
    server.log_line(&check, &contains("Number of mails sent").and(contains("sent 0").not()));
    let logged = logged(&server.stderr());
    check.equal("the numbers in the log", &logged, &vec![0, 1]);
}

/// A server and a worker that share a broker which may store 20,000 bytes.
fn begin_small(did: &str) -> Option<(Check, Site, JobServer)> {
    let (check, mut site) = begin(did, "max_file_store: 20000")?;
    let too_large = site.program().run(&check);
    too_large.code(1).reports_error(&["cannot make the streams"]);
    site.set("QUEUE_BYTES", 12_000);
    let server = site.server();
    Some((check, site, server))
}

#[test]
fn jobs_that_are_done_take_no_room_from_reports() {
    let did = "posted 100 jobs, one after another, to a broker that may store 20,000 bytes";
    let Some((check, site, server)) = begin_small(did) else { return };
    let mailbox = site.spec.mailbox();
    let _worker = site.worker(&mailbox);
    for count in 1..=100 {
        server.post(&check, &site.spec.mails(1));
        mailbox.wait_letters(&check, count);
    }
    site.wait_empty(&check, limit::limit());
}

#[test]
fn reports_have_room_when_mails_fill_the_store() {
    let Some((check, site, server)) = begin_small("filled a broker that may store 20,000 bytes") else {
        return;
    };
    let mailbox = site.spec.mailbox();
    let large = |mail| [Mail { text: "x".repeat(1500), ..mail }];
    let is_accepted = |mail: Mail| server.offer(&check, &large(mail)).status == 202;
    let accepted = site.spec.mails(30).into_iter().map(is_accepted).filter(|accepted| *accepted).count();
    check.holds("some mails fit, and not all", (2..30).contains(&accepted), accepted);
    let worker = site.worker(&mailbox);
    mailbox.wait_letters(&check, accepted);
    site.wait_empty(&check, limit::limit());
    for log in [server.stderr(), worker.stderr()] {
        check_log(&check, &log, 70);
    }
}

#[test]
fn poison_is_thrown_away_and_sends_nothing() {
    let Some((check, site)) = begin("published messages that are no mails and no reports", "") else {
        return;
    };
    let mailbox = site.spec.mailbox();
    let server = site.server();
    let worker = worker(&check, &site, &mailbox);
    let mail = site.spec.mail().json();
    let fields = ["from", "to", "subject", "text"].map(|field| mail[field].clone());
    let mails = [("a\nb", 1, 1), ("", 1, 1), ("a.b", 1, 1), ("job", -1, 1), ("job", 1, 0), ("job", 2, 1)]
        .map(|(job, number, of)| json!({"job": job, "number": number, "of": of, "mail": mail}));
    let arrays = [json!(["job", 1, 1, mail]), json!({"job": "job", "number": 1, "of": 1, "mail": fields})];
    for mail in mails.into_iter().chain(arrays) {
        site.broker.publish(&check, "mails", mail.to_string().as_bytes());
    }
    site.broker.publish(&check, "mails", b"\x1b[31m{\xff");
    let reports = [("a\nb", 1, 1), ("job", 1, 0), ("job", 0, 1)]
        .map(|(job, number, of)| json!({"job": job, "number": number, "of": of, "sent": true}));
    for report in reports.into_iter().chain([json!(["job", 1, 1, true]), json!(1)]) {
        site.broker.publish(&check, "reports.job.1", report.to_string().as_bytes());
    }
    site.wait_empty(&check, limit::limit());
    server.post(&check, &site.spec.mails(2));
    server.logs(&check, "Number of mails sent 2");
    check.equal("the number of letters", &mailbox.letters().len(), &2);
    check.holds("no escape sequences in the log", !worker.stderr().contains('\x1b'), worker.stderr());
}

#[test]
fn a_mail_that_was_reported_is_not_sent_again() {
    let did = "killed a worker between its report and its acknowledgement";
    let Some((check, site)) = begin(did, "") else { return };
    let mailbox = site.spec.mailbox();
    let proxy = Proxy::cut_before(site.broker.port(), b"+ACK").expect("a free port");
    let server = site.server();
    let first =
        site.worker_program(mailbox.url()).env("NATS_URL", format!("nats://127.0.0.1:{}", proxy.port()));
    let mut first = first.start();
    server.post(&check, &site.spec.mails(3));
    check.eventually("an acknowledgement", || proxy.was_cut().then_some(()));
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let _second = worker(&check, &site, &mailbox);
    server.logs(&check, "Number of mails sent 3");
    site.wait_empty(&check, limit::limit());
    check.equal("the number of letters", &mailbox.letters().len(), &3);
}

#[test]
fn a_log_that_is_not_read_stops_nothing() {
    for reader in [Reader::Stopped, Reader::Left] {
        let did = format!("posted 50 jobs whose mails are refused; the programs' log: {reader:?}");
        let Some((check, site)) = begin(&did, "") else { return };
        let mailbox = site.spec.mailbox();
        let mut server = site.server_of(site.program().stderr(reader));
        let mut worker = site.worker_program(mailbox.url()).stderr(reader).start();
        let mails = bad_mails(&check, 2);
        // Each refusal makes a long line. A pipe takes 64 KiB.
        for _ in 0..50 {
            server.post(&check, &mails);
        }
        site.wait_empty(&check, Duration::from_secs(60));
        ends_on_sigterm(&check, &mut worker);
        server.stops(&check);
    }
}
