//! Step 6: at the end, close the queue, and wait until the slots have finished what was accepted.

use super::*;

#[test]
fn a_signal_ends_it_after_everything_that_was_accepted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent SIGTERM while one worker is held and 11 mails wait");
    let mails = spec.mails(12);
    mailbox.hold(Point::Rcpt);
    let mut server = server(&check, &mailbox, 1, 1);
    for mail in &mails {
        server.post(&check, std::slice::from_ref(mail));
    }
    mailbox.wait_held(&check, 1);
    server.signal(Signal::SIGTERM);
    server.wait_closed(&check);
    server.sleeps(&check, "it waits for the worker");
    check.holds("the server still runs: there is work", server.is_running(), "it has ended");
    mailbox.release_all();
    server.ends_well(&check);
    let sent = mailbox.letters().len();
    check.holds("12 mails are sent when the server ends", sent == 12, counted(sent, "mail"));
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
    server.leaves_nothing_behind(&check);
}

#[test]
fn the_last_mail_is_waited_for() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec
        .check("sent SIGTERM while one of two workers has the last mail in hand, which the mailbox holds");
    mailbox.hold(Point::Rcpt);
    let mut server = server(&check, &mailbox, 2, 1);
    let mails = spec.mails(1);
    server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    server.signal(Signal::SIGTERM);
    server.wait_closed(&check);
    let ended = limit::poll(limit::BRIEFLY, || (!server.is_running()).then_some(()));
    check.holds("the server still runs: a slot has not finished", ended.is_none(), "it has ended");
    mailbox.release_all();
    server.ends_well(&check);
    check_recipients(&check, &mailbox, &mails);
}

#[test]
fn a_signal_ends_a_server_that_has_nothing_to_do() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent SIGTERM to a server with two workers that had nothing to do");
    let mut server = server(&check, &mailbox, 2, 10);
    server.wait_for_workers(&check, 2);
    server.stops(&check);
    server.leaves_nothing_behind(&check);
}

#[test]
fn a_signal_stops_a_server_that_has_no_workers() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent SIGTERM to a server whose WORKER does not exist, when it had nothing to do");
    server_without_workers(&check, &mailbox, "QUEUE_MAILS", "5").stops(&check);
}

#[test]
fn a_signal_to_the_whole_group_cuts_nothing_off() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "sent SIGTERM twice to the server and its workers (as a service manager and `timeout` do), with 8 mails in hand";
    let check = spec.check(did);
    let mails = spec.mails(8);
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let mut server = server(&check, &mailbox, 2, 3);
    server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    server.signal_group(Signal::SIGTERM);
    server.signal_group(Signal::SIGTERM);
    server.wait_closed(&check);
    mailbox.release_all();
    server.ends_well(&check);
    check_recipients(&check, &mailbox, &mails);
    server.leaves_nothing_behind(&check);
}

/// Sends SIGTERM to a server whose log has this reader, while clients are in the middle of a request.
fn ends_although(reader: Reader, log: &str) {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = format!("sent SIGTERM while clients are in the middle of a request; the server's stderr {log}");
    let check = spec.check(did);
    if reader != Reader::Stays {
        // One whose log is read says what is not written yet.
        JobServer::start(&check, program(&check, &mailbox, 1)).stops(&check);
    }
    let mut server = JobServer::start(&check, program(&check, &mailbox, 2).stderr(reader));
    server.runs(&check, &jobs::bad_mails(&check, 200), "done", [0, 200, 0, 0]);
    let _clients = server.http.clients_that_stop(&check);
    server.stops(&check);
}

#[test]
fn a_client_that_stops_does_not_keep_the_server() {
    ends_although(Reader::Stays, "is read");
}

#[test]
fn a_log_that_is_full_does_not_keep_the_server() {
    ends_although(Reader::Stopped, "is full, and no one reads it");
}

#[test]
fn a_log_without_a_reader_does_not_keep_the_server() {
    ends_although(Reader::Left, "has lost its reader");
}

#[test]
fn under_overload_nothing_that_was_accepted_is_lost() {
    // Few rounds: what is in the queue at the end must be sent within the limit, also by a busy machine.
    println!("{}", overload(Duration::from_millis(400), "1000", 1.0));
}

#[test]
#[ignore = "takes a minute: cargo test -p solution-12 -- --ignored --nocapture a_minute"]
fn a_minute_of_overload() {
    figures::publish("12-overload", &overload(Duration::from_secs(60), "20000", 10.0));
}

/// How many mails a job of the overload check has.
const JOB_MAILS: usize = 10;

/// What came of posting without a pause.
#[derive(Default)]
struct Flood {
    accepted: Vec<Value>,
    refused: usize,
    most_kib: u64,
    slowest_health: Duration,
}

impl Flood {
    /// How many times as many jobs were posted as were accepted.
    fn times(&self) -> f64 {
        (self.accepted.len() + self.refused) as f64 / self.accepted.len() as f64
    }
}

/// Posts jobs without a pause for so long, and until `times` as many came as the server took. Looks meanwhile.
fn flood(check: &Check, server: &JobServer, duration: Duration, times: f64) -> Flood {
    let body = mail::request(&check.spec().mails(JOB_MAILS));
    let mut flood = Flood::default();
    let end = Instant::now() + duration;
    // Longer when there was not enough, but not without end.
    let goes_on = |flood: &Flood| {
        let enough = flood.refused > 0 && flood.times() >= times;
        let more = check.spec().in_hurry(limit::limit());
        Instant::now() < end || (!enough && Instant::now() < end + more)
    };
    while goes_on(&flood) {
        let pending: Vec<_> = (0..8).map(|_| server.http.begin_post("/endpoint", &body)).collect();
        let asked = Instant::now();
        server.is_healthy(check);
        flood.slowest_health = flood.slowest_health.max(asked.elapsed());
        for answer in pending.into_iter().map(|pending| pending.wait(check)) {
            match answer.status {
                202 => flood.accepted.push(answer.json()["job"].clone()),
                503 => flood.refused += 1,
                other => check.fail("202 or 503", &other.to_string()),
            }
        }
        let resident = process::info(server.pid()).map_or(0, |info| info.resident_bytes);
        flood.most_kib = flood.most_kib.max(resident / 1024);
    }
    flood
}

/// Floods a server of two workers, and looks that nothing is lost and nothing grows. Gives the figures.
fn overload(duration: Duration, sign_rounds: &str, times: f64) -> String {
    let seconds = duration.as_secs_f64();
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(format!("posted without a pause for {seconds} s"));
    let program = program(&check, &mailbox, 2).env("QUEUE_MAILS", "100").env("SIGN_ROUNDS", sign_rounds);
    let mut server = JobServer::start(&check, program);
    // After a first job everything that is made once is there.
    server.wait_for_workers(&check, 2);
    let first = server.post(&check, &spec.mails(2));
    server.ends_with(&check, &first, "done", [2, 0, 0, 0]);
    let before = Holdings::of(&server);
    let flood = flood(&check, &server, duration, times);
    let (taken, refused) = (flood.accepted.len() * JOB_MAILS, flood.refused * JOB_MAILS);
    check.holds("503 for what is too much", refused > 0, format!("{taken} mails accepted, none refused"));
    let grown = flood.most_kib.saturating_sub(before.resident_kib);
    check.holds("at most 16 MiB more of memory", grown <= 16 << 10, format!("{grown} KiB more"));
    mailbox.wait_letters(&check, taken + 2);
    let done = |job| server.ends_with(&check, job, "done", [JOB_MAILS, 0, 0, 0]);
    let statuses: Vec<Value> = flood.accepted.iter().map(done).collect();
    let after = jobs::nothing_grew(&check, &server, before, 16);
    server.stops(&check);
    let (letters, ids) = (mailbox.letters().len() - 2, message_ids(&mailbox).len() - 2);
    check.equal("the number of mails in the mailbox", &letters, &taken);
    check.equal("the number of different Message-IDs", &ids, &taken);
    let [sent, failed, unknown, _] = sum(&statuses);
    format!(
        "{seconds} s: asked {}, refused {refused}, accepted {taken}; {:.1} times as many as could be sent\n\
         of the accepted ones: sent {sent}, failed {failed}, unknown {unknown}; in the mailbox {letters}, duplicated {}\n\
         the slowest answer of /health: {} ms\n\
         the server before: {before}\n\
         the server after:  {after}; at most {} KiB meanwhile",
        taken + refused,
        flood.times(),
        letters - ids,
        flood.slowest_health.as_millis(),
        flood.most_kib,
    )
}
