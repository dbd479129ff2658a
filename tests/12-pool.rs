//! The task of lesson 12: a bounded pool of workers behind a bounded queue.
//!
//! 1. Answer 413 to a job that is larger than the queue, and 503 with `Retry-After` when there is no room now.
//! 2. Let a job into the queue only when there is room for all of it.
//! 3. Lead the life of a worker: batches, its exit, the next one.
//! 4. Give the jobs their turns, a batch each.
//! 5. Settle a batch over which a worker has died: put back what it has not started.
//! 6. At the end, finish what was accepted.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::time::{Duration, Instant};
use support::figures::{self, Holdings};
use support::jobs::{self, JobServer, check_recipients, message_ids, path, played, sum};
use support::predicates::str::contains;
use support::{Answer, Check, Mail, Mailbox, Point, Program, Reader, Scratch, Script, Signal, Spec};
use support::{Value, counted, limit, mail};

const FULL: &str = "1. Say that it is full";
const BOUND: &str = "2. A bounded queue";
const LIFE: &str = "3. The life of a worker";
const FAIR: &str = "4. A turn for each job";
const SETTLE: &str = "5. Settle a batch";
const DRAIN: &str = "6. Finish what was accepted";
const CONTRACT: &str = "What the spec checks";

/// Where the workers are that the spec plays.
const SCRIPTS: &str = env!("CARGO_TARGET_TMPDIR");

fn spec() -> Spec {
    support::spec!("12-pool")
}

/// A check, and a mailbox for it.
fn begin(section: &str, did: impl Into<String>) -> (Check, Mailbox) {
    let spec = spec();
    (spec.check(section, did), spec.mailbox())
}

/// The lesson's program, with so many workers.
fn program(check: &Check, mailbox: &Mailbox, workers: usize) -> Program {
    let program = check.spec().program().env("PORT", "0").env("SMTP_URL", mailbox.url());
    program.env("WORKERS", workers.to_string()).env("SIGN_ROUNDS", "1")
}

/// `push` says whether there is room; any other status is the handler's own.
fn about_answer(status: u16) -> &'static str {
    if status == 202 || status == 503 { BOUND } else { FULL }
}

fn started(check: &Check, program: Program) -> JobServer {
    JobServer::start(check, program, about_answer)
}

/// A server with so many workers, which are given so many mails at a time.
fn server(check: &Check, mailbox: &Mailbox, workers: usize, batch: usize) -> JobServer {
    started(check, program(check, mailbox, workers).env("BATCH_MAILS", batch.to_string()))
}

/// A server whose worker does not exist: what is accepted waits.
fn server_without_workers(check: &Check, mailbox: &Mailbox, name: &str, value: &str) -> JobServer {
    let program = program(check, mailbox, 1).env("WORKER", format!("no-{}", check.spec().word()));
    started(check, program.env(name, value))
}

/// Waits until a worker has taken up the first mail.
fn wait_connected(check: &Check, mailbox: &Mailbox) {
    let expected =
        "a worker takes up the job: `push` wakes it (step 2), and it is given a batch (steps 3 and 4)";
    check.about(BOUND).eventually(expected, || (mailbox.conversations() > 0).then_some(()));
}

/// Waits until a worker has the first mail in hand.
fn wait_taken_up(check: &Check, mailbox: &Mailbox) {
    wait_connected(check, mailbox);
    mailbox.wait_held(check, 1);
}

/// `expected` begins with the status that the answer must have.
fn check_answer(check: &Check, answer: &Answer, expected: &str) {
    check.holds(expected, expected.starts_with(&answer.status.to_string()), answer);
}

/// The server must say when to come again.
fn check_retry_after(check: &Check, answer: &Answer) {
    let seconds = answer.header("retry-after").and_then(|text| text.parse::<u32>().ok());
    let expected = "a header Retry-After with a number of seconds";
    check.holds(expected, seconds.is_some(), answer.describe_headers());
}

fn check_state(check: &Check, server: &JobServer, job: &Value, state: &str) {
    let status = server.status(check, job);
    check.holds(&format!("the state of job {job} is {state}"), status["state"] == state, status);
}

#[test]
fn a_job_without_mails_is_done_at_once() {
    let (check, mailbox) = begin(FULL, "posted jobs without mails to a server that has no workers");
    let server = server_without_workers(&check, &mailbox, "QUEUE_MAILS", "5");
    for _ in 0..3 {
        server.runs(&check, &[], "done", [0, 0, 0, 0]);
    }
}

#[test]
fn what_waits_has_a_limit() {
    let (check, mailbox) = begin(BOUND, "posted 6 mails to a server with QUEUE_MAILS=5");
    let spec = check.spec();
    let server = server_without_workers(&check, &mailbox, "QUEUE_MAILS", "5");
    let too_large = server.offer(&check, &spec.mails(6));
    let expected = "413 for 6 mails: `push` returns `TooLarge` (step 2), and the client is told (step 1)";
    check_answer(&check, &too_large, expected);
    let check = check.about(FULL);
    let error = too_large.json()["error"].as_str().unwrap_or_default().to_owned();
    check.holds("an answer {\"error\": WHY} with the limit", error.contains('5'), &too_large);
    let retry = too_large.header("retry-after");
    check.holds("no Retry-After: it will never fit", retry.is_none(), too_large.describe_headers());
    let check = spec.check(BOUND, "filled a queue of QUEUE_MAILS=5 from which no worker takes anything");
    let first = server.post(&check, &spec.mails(3));
    let full = "503 for 3 mails when there is room for 2";
    for (count, expected) in [(3, full), (2, "202 for 2 mails when there is room for 2")] {
        check_answer(&check, &server.offer(&check, &spec.mails(count)), expected);
    }
    let full = server.offer(&check, &spec.mails(1));
    check_answer(&check, &full, "503 for 1 mail when there is no room");
    let check = check.about(FULL);
    check_retry_after(&check, &full);
    check_state(&check, &server, &first, "queued");
}

#[test]
fn the_text_that_waits_has_a_limit_too() {
    let (check, mailbox) = begin(BOUND, "posted mails of 400 kB to a server with QUEUE_MB=1");
    let server = server_without_workers(&check, &mailbox, "QUEUE_MB", "1");
    let large = || Mail { text: "x".repeat(400_000), ..check.spec().mail() };
    for _ in 0..2 {
        server.post(&check, &[large()]);
    }
    check_answer(&check, &server.offer(&check, &[large()]), "503 for the third mail");
    check_answer(&check, &server.offer(&check, &check.spec().mails(1)), "202 for a small mail");
}

#[test]
fn the_workers_are_there_before_any_request() {
    let (check, mailbox) = begin(LIFE, "started a server with WORKERS=2");
    let server = server(&check, &mailbox, 2, 10);
    let before = server.wait_for_workers(&check, 2);
    server.is_healthy(&check);
    let check = check.spec().check(LIFE, "killed both workers when they had nothing to do");
    jobs::kill(&check, &before);
    let expected = "another worker in its place: the server sees that a worker exits by itself";
    server.wait_for_other_workers(&check, expected, &before);
    server.runs(&check, &check.spec().mails(3), "done", [3, 0, 0, 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pool_with_nothing_to_do_sleeps() {
    let (check, mailbox) = begin(LIFE, "watched a server with two workers and no work for half a second");
    let server = server(&check, &mailbox, 2, 10);
    server.wait_for_workers(&check, 2);
    let mut running = 0;
    for _ in 0..100 {
        running += usize::from(support::process::info(server.pid()).is_some_and(|info| info.state == 'R'));
        std::thread::sleep(Duration::from_millis(5));
    }
    let got = format!("it was running at {running} of 100 looks: it looks again and again");
    check.holds("a server that sleeps while there is nothing to do", running < 50, got);
}

#[test]
fn the_workers_are_started_once() {
    let (check, mailbox) = begin(LIFE, "started a server with WORKERS=3");
    let server = server(&check, &mailbox, 3, 10);
    let before = server.wait_for_workers(&check, 3);
    let check = check.spec().check(LIFE, "posted 20 jobs of 2 mails to a server with WORKERS=3");
    let jobs: Vec<Value> = (0..20).map(|_| server.post(&check, &check.spec().mails(2))).collect();
    wait_connected(&check, &mailbox);
    for job in &jobs {
        server.ends_with(&check, job, "done", [2, 0, 0, 0]);
    }
    let pids = |pids: BTreeSet<u32>| pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let (old, now) = (pids(before), pids(server.workers()));
    check.holds(&format!("the same workers as before: the processes {old}"), now == old, &now);
    server.log_line(&check, &contains("Number of mails sent 2"));
}

#[test]
fn there_are_as_many_workers_as_cores_unless_told() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (check, mailbox) = begin(CONTRACT, "started a server without WORKERS");
    let program = check.spec().program().env("PORT", "0").env("SMTP_URL", mailbox.url());
    started(&check, program).wait_for_workers(&check, cores);
}

#[test]
fn a_small_job_is_not_stuck_behind_a_huge_one() {
    let did =
        "posted 40 mails, then 1 mail, with WORKERS=1 and BATCH_MAILS=4; the first mail was held meanwhile";
    let (check, mailbox) = begin(FAIR, did);
    let (huge, small) = (check.spec().mails(40), check.spec().mails(1));
    mailbox.hold_recipient(Point::Rcpt, &huge[0].to);
    let server = server(&check, &mailbox, 1, 4);
    let first = server.post(&check, &huge);
    wait_taken_up(&check, &mailbox);
    let second = server.post(&check, &small);
    mailbox.release_all();
    server.ends_with(&check, &first, "done", [40, 0, 0, 0]);
    server.ends_with(&check, &second, "done", [1, 0, 0, 0]);
    let place = mailbox.recipients().iter().position(|to| *to == small[0].to).unwrap_or(usize::MAX);
    // One batch was in work, one may have had its turn already.
    let expected = "the small job after two batches of the huge one at most, which are 8 mails";
    check.holds(expected, place <= 8, format!("it came after {place} other mails"));
}

#[test]
fn all_workers_work_at_once_and_never_more() {
    let spec = spec();
    let (count, mailbox) = (spec.number(2..5), spec.mailbox());
    let mails = spec.mails(count * 3);
    let did = format!("posted {} mails with WORKERS={count} and BATCH_MAILS=1, all held", mails.len());
    let check = spec.check(LIFE, did);
    mailbox.hold(Point::Rcpt);
    let server = server(&check, &mailbox, count, 1);
    let job = server.post(&check, &mails);
    wait_taken_up(&check, &mailbox);
    mailbox.wait_held(&check, count);
    check.equal("the number of workers", &server.workers().len(), &count);
    server.is_healthy(&check);
    mailbox.release_all();
    server.ends_with(&check, &job, "done", [mails.len(), 0, 0, 0]);
    check.holds("never more conversations than workers", mailbox.peak() <= count, mailbox.peak());
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_has_done_its_share_gives_its_memory_back() {
    const LEAK_MIB: u64 = 50;
    let did = format!(
        "posted 8 mails, one a batch, with MAX_JOBS_PER_WORKER=3 and a worker that keeps {LEAK_MIB} MiB for each mail"
    );
    let (check, mailbox) = begin(LIFE, did);
    let spec = check.spec();
    let program = program(&check, &mailbox, 1).env("BATCH_MAILS", "1").env("MAX_JOBS_PER_WORKER", "3");
    let server = started(&check, program.env("LEAK_MB", LEAK_MIB.to_string()));
    server.post(&check, &spec.mails(1));
    mailbox.wait_letters(&check, 1);
    let before = Holdings::of(&server);
    // Each worker that was seen, with its memory whenever it had a mail in hand.
    let mut seen: Vec<(u32, Vec<u64>)> = Vec::new();
    for number in 2..=8 {
        mailbox.hold(Point::Rcpt);
        server.post(&check, &spec.mails(1));
        mailbox.wait_held(&check, 1);
        let pid = server.wait_for_workers(&check, 1).pop_first().unwrap_or_default();
        let resident = support::process::info(pid).map_or(0, |info| info.resident_bytes >> 20);
        match seen.last_mut().filter(|(last, _)| *last == pid) {
            Some((_, memory)) => memory.push(resident),
            None => seen.push((pid, vec![resident])),
        }
        mailbox.release_all();
        mailbox.wait_letters(&check, number);
    }
    let after = Holdings::of(&server);
    let workers = seen.iter().map(|(_, memory)| format!("{memory:?}")).collect::<Vec<_>>().join(", then ");
    let memory = format!("MiB of each worker, whenever it had a mail in hand: {workers}");
    figures::publish(
        "12-memory",
        &format!("{memory}\nthe server before: {before}\nthe server after:  {after}"),
    );
    check.equal("the number of workers, one after another,", &seen.len(), &3);
    let most = seen.iter().flat_map(|(_, memory)| memory).max().copied().unwrap_or_default();
    check.holds(&format!("a worker of {} MiB", 3 * LEAK_MIB), most >= 3 * LEAK_MIB, &workers);
    check.holds("never the memory of a fourth batch", most < 4 * LEAK_MIB, &workers);
    let fresh = seen[1..].iter().all(|(_, memory)| memory[0] < 2 * LEAK_MIB);
    check.holds("each new worker starts without that memory", fresh, &workers);
    jobs::nothing_grew(&check, &server, before, 4);
}

#[test]
fn a_full_queue_says_503_and_when_to_come_again() {
    let (check, mailbox) = begin(FULL, "posted 2 mails, a batch, which the mailbox holds; QUEUE_MAILS=5");
    let spec = check.spec();
    mailbox.hold(Point::Rcpt);
    let program = program(&check, &mailbox, 1).env("QUEUE_MAILS", "5").env("BATCH_MAILS", "2");
    let server = started(&check, program);
    let first = server.post(&check, &spec.mails(2));
    wait_taken_up(&check, &mailbox);
    let did = "filled a queue of QUEUE_MAILS=5 while the one worker has a batch of 2 mails in hand";
    let check = spec.check(FULL, did);
    let second = server.post(&check, &spec.mails(3));
    let too_long = server.offer(&check, &spec.mails(3));
    // Who says 202 has let them in; whatever else comes is the handler's answer.
    let section = if too_long.status == 202 { BOUND } else { FULL };
    let expected = "503 for 3 mails when there is room for 2: `push` returns `Full` (step 2), and the client is told (step 1)";
    check_answer(&check.about(section), &too_long, expected);
    let fits = server.offer(&check, &spec.mails(1));
    let expected = "202 for 1 mail when 3 wait: what was handed out takes no room any more";
    check_answer(&check.about(FAIR), &fits, expected);
    let third = fits.json()["job"].clone();
    let fits = server.offer(&check, &spec.mails(1));
    check_answer(&check.about(BOUND), &fits, "202 for 1 mail when 4 wait: it is the fifth");
    let fourth = fits.json()["job"].clone();
    check_state(&check, &server, &third, "queued");
    check_state(&check, &server, &first, "running");
    let full = server.offer(&check, &spec.mails(1));
    check_answer(&check, &full, "503 when there is no room");
    check_retry_after(&check, &full);
    check.holds("an answer {\"error\": WHY}", full.json()["error"].is_string(), &full);
    server.is_healthy(&check);
    mailbox.release_all();
    for (job, count) in [(&first, 2), (&second, 3), (&third, 1), (&fourth, 1)] {
        server.ends_with(&check, job, "done", [count, 0, 0, 0]);
    }
    let check = spec.check(BOUND, "posted 5 mails to the queue of QUEUE_MAILS=5 when it was empty again");
    let job = server.post(&check, &spec.mails(5));
    server.ends_with(&check, &job, "done", [5, 0, 0, 0]);
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &12);

    let check = spec.check(FULL, "asked for the jobs 1 to 20, two jobs having been refused");
    let known = [&first, &second, &third, &fourth, &job].map(path);
    for path in (1..=20).map(|number| format!("/jobs/{number}")).filter(|path| !known.contains(path)) {
        let number = path.trim_start_matches("/jobs/");
        let expected = format!("404 for job {number}, which was not accepted, and so is to be forgotten");
        check_answer(&check, &server.http.get(&check, &path), &expected);
    }
}

#[test]
fn a_worker_that_dies_is_replaced_and_its_batch_is_settled() {
    let spec = spec();
    let (mailbox, mut mails) = (spec.mailbox(), spec.mails(9));
    // Batches of 4, 4 and 1 mails: the victim is never the last of its batch, so there is something left behind.
    let victim = [0, 1, 2, 4, 5, 6][spec.number(0..6)];
    let did = format!("killed the one worker at mail {} of 9, when it had sent the letter", victim + 1);
    let check = spec.check(SETTLE, did);
    mailbox.hold_recipient(Point::Accept, &mails[victim].to);
    let server = server(&check, &mailbox, 1, 4);
    let before = server.wait_for_workers(&check, 1);
    let job = server.post(&check, &mails);
    wait_taken_up(&check, &mailbox);
    jobs::kill(&check, &before);
    let expected = "another worker in the place of the one that was killed";
    server.wait_for_other_workers(&check.about(LIFE), expected, &before);
    let expected = "the mails that it had not started are done by the other worker, and only they";
    check.eventually_gives(expected, || {
        let status = server.status(&check, &job);
        let recipients = mailbox.recipients();
        let came_twice = recipients.iter().collect::<HashSet<_>>().len() < recipients.len();
        let is_again = came_twice || mailbox.held() > 0;
        let again = if is_again { "a mail that it had started is sent again; " } else { "" };
        if status["not_started"] == 0 { Ok(()) } else { Err(format!("{again}{status}")) }
    });
    server.ends_with(&check, &job, "failed", [8, 0, 1, 0]);
    mails.remove(victim);
    check_recipients(&check, &mailbox, &mails);
    server.wait_for_workers(&check, 1);
}

/// Posts a batch of mails to one worker, and kills so many workers, one after another, when each has a mail in hand that
/// the mailbox holds. Returns what belongs to it, and the job. The last check is about the last kill.
fn kill_workers(
    (check, mailbox): (Check, Mailbox),
    mails: &[Mail],
    kills: usize,
    where_it_was: &str,
) -> (Check, Mailbox, JobServer, Value) {
    let mut check = check;
    let server = server(&check, &mailbox, 1, mails.len());
    let job = server.post(&check, mails);
    wait_taken_up(&check, &mailbox);
    for count in 1..=kills {
        server.kill_worker(&check);
        check = check.spec().check(SETTLE, format!("killed worker number {count} {where_it_was}"));
        if count < kills {
            let expected = "another worker is given the mails that were not started";
            check.eventually_gives(expected, || {
                if mailbox.held() > 0 { Ok(()) } else { Err(server.status(&check, &job).to_string()) }
            });
        }
    }
    (check, mailbox, server, job)
}

#[test]
fn workers_that_start_something_may_die_as_often_as_they_like() {
    let (check, mailbox) = begin(SETTLE, "posted a batch of 6 mails to one worker");
    let mails = check.spec().mails(6);
    mailbox.hold(Point::Accept);
    let when = "over a batch of 6 mails, when it had sent a letter";
    let (check, mailbox, server, job) = kill_workers((check, mailbox), &mails, 5, when);
    mailbox.release_all();
    server.ends_with(&check, &job, "failed", [1, 0, 5, 0]);
    check_recipients(&check, &mailbox, &mails[5..]);
}

#[test]
fn a_mail_that_kills_every_worker_is_given_up_and_no_other_one() {
    /// `MAX_ATTEMPTS`.
    const ATTEMPTS: usize = 3;
    let (check, mailbox) = begin(SETTLE, "posted a batch of 4 mails to one worker");
    let mails = check.spec().mails(4);
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let when = "over the first mail of a batch of 4, before it was started";
    let (check, mailbox, server, job) = kill_workers((check, mailbox), &mails, ATTEMPTS, when);
    server.ends_with(&check, &job, "done", [3, 1, 0, 0]);
    check_recipients(&check, &mailbox, &mails[1..]);
}

#[test]
fn a_worker_that_hangs_is_ended_and_another_one_does_the_rest() {
    let did = "posted 4 mails to workers of which the first hangs at the second mail, and reports it as sent at SIGTERM";
    let (check, mailbox) = begin(SETTLE, did);
    let hung = Scratch::new(SCRIPTS, "hung");
    let hangs = "trap 'sent $2; exit 1' TERM; half_way $@; hang $@";
    let body = format!("if mkdir '{}'; then {hangs}; fi; all $@; disconnected", hung.path().display());
    // It must be able to say its first words within the timeout, also on a busy machine.
    let program = program(&check, &mailbox, 1).env("BATCH_MAILS", "4").env("WORKER_TIMEOUT_SECONDS", "1");
    let program = program.env("WORKER_GRACE_SECONDS", "10");
    let server = JobServer::start_with(&check, program, about_answer, played(&check, SCRIPTS, &body));
    server.runs(&check, &check.spec().mails(4), "done", [4, 0, 0, 0]);
}

#[test]
fn a_signal_ends_it_after_everything_that_was_accepted() {
    let (check, mailbox) = begin(DRAIN, "sent SIGTERM while one worker is held and 11 mails wait");
    let mails = check.spec().mails(12);
    mailbox.hold(Point::Rcpt);
    let mut server = server(&check, &mailbox, 1, 1);
    for mail in &mails {
        server.post(&check, std::slice::from_ref(mail));
    }
    wait_taken_up(&check, &mailbox);
    server.signal(Signal::SIGTERM);
    server.wait_closed(&check);
    check.holds("the server still runs: there is work", server.is_running(), "it has ended");
    mailbox.release_all();
    server.ends_well(&check);
    let sent = mailbox.letters().len();
    check.holds("12 mails are sent when the server ends", sent == 12, counted(sent, "mail"));
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
    server.leaves_nothing_behind(&check);
}

#[test]
fn a_worker_that_does_not_end_is_made_to() {
    let did = "posted 3 mails, with MAX_JOBS_PER_WORKER=1 and workers that do one batch and then ignore that they are to exit";
    let (check, mailbox) = begin(LIFE, did);
    let program = program(&check, &mailbox, 1).env("BATCH_MAILS", "1").env("MAX_JOBS_PER_WORKER", "1");
    let script = played(&check, SCRIPTS, "trap '' TERM PIPE; all $@; disconnected; hang");
    let program = program.env("WORKER_GRACE_SECONDS", "0.25");
    let mut server = JobServer::start_with(&check, program, about_answer, script);
    server.runs(&check, &check.spec().mails(3), "done", [3, 0, 0, 0]);
    server.wait_for_workers(&check, 1);
    let did = "sent SIGTERM when the 3 mails were sent; the worker ignores that it is to exit";
    server.stops(&check.spec().check(DRAIN, did));
    server.leaves_nothing_behind(&check);
}

#[test]
fn workers_that_do_nothing_are_not_forked_without_a_pause() {
    let (check, mailbox) = begin(LIFE, "started a server whose workers end at once");
    let count = Scratch::new(SCRIPTS, "count");
    let body = format!("echo another >> '{}'; exit 1", count.path().display());
    let script = Script::without_reading(&check, SCRIPTS, &body);
    let program = program(&check, &mailbox, 1).env("BATCH_MAILS", "1");
    let server = JobServer::start_with(&check, program, about_answer, script);
    let started = || fs::read_to_string(count.path()).map_or(0, |text| text.lines().count());
    let few_are_forked = |check: &Check| {
        let before = started();
        // Without a pause, a second is enough for hundreds, but not on a very busy machine.
        let many = limit::poll(Duration::from_secs(2), || (started() - before >= 40).then_some(()));
        check.holds("less than 40 workers within two seconds", many.is_none(), "40 workers");
    };
    check.eventually("a first worker", || (started() > 0).then_some(()));
    few_are_forked(&check);
    let check = check.spec().check(LIFE, "posted 500 mails to a server whose workers end at once");
    server.post(&check, &check.spec().mails(500));
    few_are_forked(&check);
}

#[test]
fn mails_fail_when_there_is_no_worker_for_too_long() {
    let did = "posted 2 mails to a server whose WORKER does not exist, with GIVE_UP_SECONDS=0.3";
    let (check, mailbox) = begin(CONTRACT, did);
    let mut server = server_without_workers(&check, &mailbox, "GIVE_UP_SECONDS", "0.3");
    let job = server.post(&check, &check.spec().mails(2));
    server.ends_with(&check, &job, "done", [0, 2, 0, 0]);
    server.is_healthy(&check);
    let did = "sent SIGTERM to a server whose WORKER does not exist, when the job was done";
    server.stops(&check.spec().check(DRAIN, did));
}

#[test]
fn mails_wait_for_a_program_that_is_missing_for_a_while() {
    let did = "posted 10 mails while the program that WORKER names is missing, as during a deploy";
    let (check, mailbox) = begin(CONTRACT, did);
    let script = played(&check, SCRIPTS, "all $@; disconnected");
    let missing = Scratch::new(SCRIPTS, "deployed");
    let server = started(&check, program(&check, &mailbox, 2).env("WORKER", missing.path()));
    let job = server.post(&check, &check.spec().mails(10));
    check.eventually("three tries to fork", || (server.logged("cannot fork").len() >= 3).then_some(()));
    check_state(&check, &server, &job, "queued");
    jobs::write_executable(&check, missing.path(), &format!("exec {}", script.command()));
    server.ends_with(&check, &job, "done", [10, 0, 0, 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn one_worker_that_cannot_be_forked_costs_no_mail() {
    let (check, mailbox) = begin(CONTRACT, "counted the descriptors of a server with one worker");
    let one = server(&check, &mailbox, 1, 10);
    one.wait_for_workers(&check, 1);
    // The fork itself has some of them open for a moment.
    let count = |_| {
        std::thread::sleep(Duration::from_millis(10));
        support::process::descriptors(one.pid()).map_or(0, |open| open.len() as u64)
    };
    let descriptors = (0..20).map(count).min().unwrap_or_default();
    drop(one);
    let did =
        "posted 5 mails with WORKERS=2 and so few descriptors (`ulimit -n`) that there is one worker only";
    let check = check.spec().check(CONTRACT, did);
    let program = program(&check, &mailbox, 2).env("BATCH_MAILS", "1").env("GIVE_UP_SECONDS", "0.1");
    let server = started(&check, program.descriptor_limit(descriptors + 2));
    server.log_line(&check, &contains("cannot fork"));
    server.runs(&check, &check.spec().mails(5), "done", [5, 0, 0, 0]);
}

#[test]
fn a_signal_to_the_whole_group_cuts_nothing_off() {
    let did = "sent SIGTERM twice to the server and its workers (as a service manager and `timeout` do), with 8 mails in hand";
    let (check, mailbox) = begin(DRAIN, did);
    let mails = check.spec().mails(8);
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let mut server = server(&check, &mailbox, 2, 3);
    server.post(&check, &mails);
    wait_taken_up(&check, &mailbox);
    server.signal_group(Signal::SIGTERM);
    server.signal_group(Signal::SIGTERM);
    server.wait_closed(&check);
    mailbox.release_all();
    server.ends_well(&check);
    check_recipients(&check, &mailbox, &mails);
    server.leaves_nothing_behind(&check);
}

#[test]
fn neither_a_client_nor_a_log_keeps_the_server() {
    let readers = [
        (Reader::Stays, "is read"),
        (Reader::Stopped, "is full, and nobody reads it"),
        (Reader::Left, "has lost its reader"),
    ];
    for (reader, log) in readers {
        let did =
            format!("sent SIGTERM while a client is in the middle of a request; the server's stderr {log}");
        let (check, mailbox) = begin(CONTRACT, did);
        let mut server = started(&check, program(&check, &mailbox, 2).stderr(reader));
        server.runs(&check, &jobs::bad_mails(&check, 200), "done", [0, 200, 0, 0]);
        let _clients = server.http.clients_that_stop(&check);
        server.stops(&check);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn all_workers_compute_at_the_same_time() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = cores.clamp(2, 8);
    let did = format!(
        "posted one job of {count} mails with WORKERS={count}, BATCH_MAILS=1 and SIGN_ROUNDS so high that signing does not end"
    );
    let (check, mailbox) = begin(LIFE, did);
    let program = program(&check, &mailbox, count).env("BATCH_MAILS", "1");
    let server = started(&check, program.env("SIGN_ROUNDS", "1000000000"));
    server.post(&check, &check.spec().mails(count));
    // Such a worker never waits: it has a core, or would take one if there were one more.
    check.eventually(&format!("{count} workers that are running (state R) at the same time"), || {
        let running =
            support::process::children(server.pid()).iter().filter(|child| child.state == 'R').count();
        (running == count).then_some(())
    });
    server.is_healthy(&check);
    check.equal("conversations with the mail server so far", &mailbox.conversations(), &0);
}

#[test]
fn workers_do_not_outlive_a_server_that_is_killed() {
    let did = "killed a server with three workers with SIGKILL when a job was done";
    let (check, mailbox) = begin(DRAIN, did);
    let mut server = server(&check, &mailbox, 3, 10);
    server.runs(&check, &check.spec().mails(3), "done", [3, 0, 0, 0]);
    server.wait_for_workers(&check, 3);
    server.signal(Signal::SIGKILL);
    server.leaves_nothing_behind(&check);
}

#[test]
fn bad_configuration_is_told_at_the_start() {
    let bad = [("WORKERS", "0"), ("QUEUE_MAILS", "many"), ("QUEUE_MB", "0"), ("BATCH_MAILS", "-1")];
    for (name, value) in bad.into_iter().chain([("MAX_JOBS_PER_WORKER", "0.5")]) {
        spec().refuses_values(CONTRACT, name, &[value], "1");
    }
}

#[test]
fn the_workers_can_be_real_node_programs() {
    let Some(worker) = support::node::worker(support::node_program!("send_mail.mjs")) else { return };
    let (check, mailbox) = begin(LIFE, format!("posted 5 mails to a server with WORKER={worker}"));
    let program = program(&check, &mailbox, 2).env("BATCH_MAILS", "2").env("WORKER", worker);
    let server = started(&check, program);
    let job = server.post(&check, &check.spec().mails(5));
    server.ends_with(&check, &job, "done", [5, 0, 0, 0]);
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
    // Longer when there was not enough, but not for ever.
    let goes_on = |flood: &Flood| {
        let enough = flood.refused > 0 && flood.times() >= times;
        Instant::now() < end || (!enough && Instant::now() < end + limit::limit())
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
        flood.most_kib = flood.most_kib.max(Holdings::of(server).resident_kib);
    }
    flood
}

/// Floods a server of two workers, and looks that nothing is lost and nothing grows. Gives the figures.
fn overload(duration: Duration, sign_rounds: &str, times: f64) -> String {
    let seconds = duration.as_secs_f64();
    let (check, mailbox) = begin(FULL, format!("posted without a pause for {seconds} s"));
    let program = program(&check, &mailbox, 2).env("QUEUE_MAILS", "100").env("SIGN_ROUNDS", sign_rounds);
    let mut server = started(&check, program);
    // After a first job everything that is made once is there.
    server.wait_for_workers(&check, 2);
    let first = server.post(&check, &check.spec().mails(2));
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
    server.stops(&check.about(DRAIN));
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

#[test]
fn under_overload_nothing_that_was_accepted_is_lost() {
    // Few rounds: what is in the queue at the end must be sent within the limit, also by a busy machine.
    println!("{}", overload(Duration::from_millis(700), "1000", 1.0));
}

#[test]
#[ignore = "takes a minute: cargo test -p solution-12 -- --ignored --nocapture a_minute"]
fn a_minute_of_overload() {
    figures::publish("12-overload", &overload(Duration::from_secs(60), "20000", 10.0));
}

/// Kills workers at random moments while jobs come in, and looks that the accounts add up with what the mailbox got.
#[test]
#[ignore = "takes a minute: cargo test -p solution-12 -- --ignored --nocapture five_hundred"]
fn after_five_hundred_random_kills_every_mail_is_accounted_for() {
    const KILLS: usize = 500;
    let (check, mailbox) = begin(SETTLE, format!("killed {KILLS} workers at random moments"));
    let spec = check.spec();
    let server = server(&check, &mailbox, 4, 3);
    let (mut jobs, mut mails, mut kills) = (Vec::new(), Vec::new(), 0);
    while kills < KILLS {
        let more = spec.mails(spec.number(1..12));
        jobs.push(server.post(&check, &more));
        mails.extend(more);
        std::thread::sleep(Duration::from_micros(spec.number(0..8_000) as u64));
        let living: Vec<u32> = server.workers().into_iter().collect();
        if !living.is_empty() {
            jobs::kill(&check, [&living[spec.number(0..living.len())]]);
            kills += 1;
        }
    }
    let statuses: Vec<Value> = jobs.iter().map(|job| server.ended(&check, job)).collect();
    println!("{}", jobs::account("after 500 kills", mails.len(), &statuses, &mailbox));
    let [sent, failed, unknown, not_started] = sum(&statuses);
    check.equal("the sum of the numbers", &(sent + failed + unknown), &mails.len());
    check.equal("the number of mails that are not started at the end", &not_started, &0);
    let recipients = mailbox.recipients();
    let different: HashSet<&str> = recipients.iter().map(String::as_str).collect();
    check.equal("the number of mails that came twice", &(recipients.len() - different.len()), &0);
    let problems = || statuses.iter().flat_map(|status| status["problems"].as_array()).flatten();
    let with_state = |state: &str| -> HashSet<&str> {
        problems()
            .filter(|problem| problem["state"] == state)
            .filter_map(|problem| problem["to"].as_str())
            .collect()
    };
    let (failed, unknown) = (with_state("failed"), with_state("unknown"));
    for to in mails.iter().map(|mail| mail.to.as_str()).filter(|to| !unknown.contains(to)) {
        let expected = "a mail that failed is not in the mailbox, and one that was sent is";
        check.holds(expected, different.contains(to) != failed.contains(to), to);
    }
}
