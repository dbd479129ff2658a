//! The task of lesson 12: a bounded pool of workers behind a bounded queue.
//!
//! 1. Answer 413 to a job that is larger than the queue, and 503 with `Retry-After` when there is no room now.
//! 2. Let a job into the queue only when there is room for all of it.
//! 3. Lead the life of a worker: batches, its exit, the next one.
//! 4. Give the jobs their turns, a batch each.
//! 5. Settle a batch over which a worker has died: put back what it has not started.
//! 6. At the end, finish what was accepted.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};
use support::figures::{self, Holdings};
use support::predicates::str::contains;
use support::{
    Check, Http, Mail, Mailbox, Point, Program, Reader, Reply, Running, Scratch, Script, Signal, Spec,
};
use support::{Value, counted, json, limit, mail, process};

const FULL: &str = "1. Say that it is full";
const BOUND: &str = "2. A bounded queue";
const LIFE: &str = "3. The life of a worker";
const FAIR: &str = "4. A turn for each job";
const SETTLE: &str = "5. Settle a batch";
const DRAIN: &str = "6. Finish what was accepted";
const CONTRACT: &str = "What the spec checks";

/// Where the workers are that the spec plays.
const SCRIPTS: &str = env!("CARGO_TARGET_TMPDIR");

fn server(spec: &Spec, mailbox: &Mailbox, workers: usize) -> Program {
    let program = spec.program().env("PORT", "0").env("SMTP_URL", mailbox.url());
    program.env("WORKERS", workers.to_string()).env("SIGN_ROUNDS", "1")
}

fn started(check: &Check, program: Program) -> (Running, Http) {
    let mut server = program.start();
    let http = server.listening(check);
    (server, http)
}

/// Posts a job for which the queue has room.
fn post(check: &Check, http: &Http, mails: &[Mail]) -> Value {
    let answer = http.post(&check.about(BOUND), "/endpoint", &mail::request(mails));
    if answer.status != 202 {
        // `push` says that there is no room; any other status is the handler's own.
        let section = if answer.status == 503 { BOUND } else { FULL };
        let check = check.spec().check(section, format!("posted {}", counted(mails.len(), "mail")));
        check.fail("202, since the queue has room for all of them", &answer.to_string());
    }
    answer.json()["job"].clone()
}

fn path(job: &Value) -> String {
    format!("/jobs/{}", job.as_str().map_or_else(|| job.to_string(), str::to_owned))
}

fn status(check: &Check, http: &Http, job: &Value) -> Value {
    let answer = http.get(check, &path(job));
    check.equal("the status of the answer", &answer.status, &200);
    answer.json()
}

/// What `GET /jobs/ID` counts.
const NUMBERS: [&str; 4] = ["sent", "failed", "unknown", "not_started"];

/// `sent 8, failed 0, unknown 1, not started 0`.
fn in_words(numbers: &[Value; 4]) -> String {
    let each =
        NUMBERS.iter().zip(numbers).map(|(name, number)| format!("{} {number}", name.replace('_', " ")));
    each.collect::<Vec<_>>().join(", ")
}

/// The job must finish like this: done or failed, and the numbers sent, failed, unknown, not started.
fn ends_with(check: &Check, http: &Http, job: &Value, state: &str, expected: [usize; 4]) {
    let status = check.eventually_gives(&format!("job {job} is done or failed"), || {
        let status = status(check, http, job);
        let ended = status["state"] == "done" || status["state"] == "failed";
        if ended { Ok(status) } else { Err(status.to_string()) }
    });
    let got = NUMBERS.map(|name| status[name].clone());
    let [wanted, came] = [in_words(&expected.map(Value::from)), in_words(&got)];
    check.holds(&wanted, wanted == came, format!("{came}, from {status}"));
    check.holds(&format!("the state is {state}"), status["state"] == state, &status);
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

/// The pids, the smallest first.
fn in_order(pids: &HashSet<u32>) -> String {
    let mut pids: Vec<_> = pids.iter().collect();
    pids.sort();
    pids.into_iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// The pids of the living workers.
fn workers(server: &Running) -> HashSet<u32> {
    let children = process::children(server.pid());
    children.iter().filter(|child| !child.is_zombie()).map(|child| child.pid).collect()
}

fn wait_for_workers(check: &Check, server: &Running, count: usize) -> HashSet<u32> {
    let expected = format!("{}, and no zombie among the server's children", counted(count, "worker"));
    check.eventually_gives(&expected, || {
        let (living, zombies) = (workers(server), process::zombies(server.pid()).len());
        let came = format!("{}, {}", counted(living.len(), "worker"), counted(zombies, "zombie"));
        if living.len() == count && zombies == 0 { Ok(living) } else { Err(came) }
    })
}

/// A server whose worker does not exist: what is accepted waits.
fn server_without_workers(spec: &Spec, mailbox: &Mailbox) -> Program {
    server(spec, mailbox, 1).env("WORKER", format!("no-{}", spec.word()))
}

#[test]
fn a_job_without_mails_is_done_at_once() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(FULL, "posted jobs without mails to a server that has no workers");
    let (_server, http) = started(&check, server_without_workers(&spec, &mailbox));
    for _ in 0..3 {
        let answer = http.post(&check, "/endpoint", &mail::request(&[]));
        check.equal("the status of the answer", &answer.status, &202);
        ends_with(&check, &http, &answer.json()["job"], "done", [0, 0, 0, 0]);
    }
}

#[test]
fn what_waits_has_a_limit() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(BOUND, "posted 6 mails to a server with QUEUE_MAILS=5");
    let (_server, http) = started(&check, server_without_workers(&spec, &mailbox).env("QUEUE_MAILS", "5"));
    let too_large = http.post(&check, "/endpoint", &mail::request(&spec.mails(6)));
    check.holds(
        "413 for 6 mails: `push` returns `TooLarge` (step 2), and the client is told (step 1)",
        too_large.status == 413,
        &too_large,
    );
    let check = check.about(FULL);
    let error = too_large.json()["error"].as_str().unwrap_or_default().to_owned();
    check.holds("an answer {\"error\": WHY} with the limit", error.contains('5'), &too_large);
    let retry = too_large.header("retry-after");
    check.holds("no Retry-After: it will never fit", retry.is_none(), too_large.headers_in_words());
    let check = spec.check(BOUND, "filled a queue of QUEUE_MAILS=5 from which no worker takes anything");
    let first = post(&check, &http, &spec.mails(3));
    let full = http.post(&check, "/endpoint", &mail::request(&spec.mails(3)));
    check.holds("503 for 3 mails when there is room for 2", full.status == 503, &full);
    let fits = http.post(&check, "/endpoint", &mail::request(&spec.mails(2)));
    check.holds("202 for 2 mails when there is room for 2", fits.status == 202, &fits);
    let full = http.post(&check, "/endpoint", &mail::request(&spec.mails(1)));
    check.holds("503 for 1 mail when there is no room", full.status == 503, &full);
    let seconds = full.header("retry-after").and_then(|text| text.parse::<u32>().ok());
    let check = check.about(FULL);
    check.holds("a header Retry-After with a number of seconds", seconds.is_some(), full.headers_in_words());
    check.json("the state of a job that waits", &status(&check, &http, &first)["state"], &json!("queued"));
}

#[test]
fn the_text_that_waits_has_a_limit_too() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(BOUND, "posted mails of 400 kB to a server with QUEUE_MB=1");
    let (_server, http) = started(&check, server_without_workers(&spec, &mailbox).env("QUEUE_MB", "1"));
    let large = || Mail { text: "x".repeat(400_000), ..spec.mail() };
    for _ in 0..2 {
        post(&check, &http, &[large()]);
    }
    let full = http.post(&check, "/endpoint", &mail::request(&[large()]));
    check.holds("503 for the third mail", full.status == 503, &full);
    let fits = http.post(&check, "/endpoint", &mail::request(&spec.mails(1)));
    check.holds("202 for a small mail", fits.status == 202, &fits);
}

#[test]
fn the_workers_are_there_before_any_request() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let count = spec.number(2..4);
    let check = spec.check(LIFE, format!("started a server with WORKERS={count}"));
    let (server, http) = started(&check, server(&spec, &mailbox, count).env("LEAK_MB", "0"));
    let before = wait_for_workers(&check, &server, count);
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
    let check = spec.check(LIFE, "killed one of the workers when it had nothing to do");
    let victim = before.iter().next().copied().unwrap_or_default();
    process::signal(victim, Signal::SIGKILL);
    check.eventually("another worker in its place: the server sees that a worker exits by itself", || {
        let now = workers(&server);
        (now.len() == count && !now.contains(&victim)).then_some(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_pool_with_nothing_to_do_sleeps() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(LIFE, "watched a server with two workers and no work for half a second");
    let (server, _http) = started(&check, server(&spec, &mailbox, 2));
    wait_for_workers(&check, &server, 2);
    let mut running = 0;
    for _ in 0..100 {
        running += usize::from(process::info(server.pid()).is_some_and(|info| info.state == 'R'));
        std::thread::sleep(Duration::from_millis(5));
    }
    let got = format!("it was running at {running} of 100 looks: it looks again and again");
    check.holds("a server that sleeps while there is nothing to do", running < 50, got);
}

#[test]
fn the_workers_are_started_once() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let count = spec.number(2..4);
    let check = spec.check(LIFE, format!("started a server with WORKERS={count}"));
    let (server, http) = started(&check, server(&spec, &mailbox, count));
    let before = wait_for_workers(&check, &server, count);
    let check = spec.check(LIFE, format!("posted 20 jobs of 2 mails to a server with WORKERS={count}"));
    let jobs: Vec<Value> = (0..20).map(|_| post(&check, &http, &spec.mails(2))).collect();
    wait_connected(&check, &mailbox);
    for job in &jobs {
        ends_with(&check, &http, job, "done", [2, 0, 0, 0]);
    }
    let (old, now) = (in_order(&before), in_order(&workers(&server)));
    check.holds(&format!("the same workers as before: the processes {old}"), now == old, &now);
    server.log_line(&check, &contains("Number of mails sent 2"));
}

#[test]
fn there_are_as_many_workers_as_cores_unless_told() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let check = spec.check(CONTRACT, "started a server without WORKERS");
    let program = spec.program().env("PORT", "0").env("SMTP_URL", mailbox.url());
    let (server, _http) = started(&check, program);
    wait_for_workers(&check, &server, cores);
}

#[test]
fn a_small_job_is_not_stuck_behind_a_huge_one() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let (huge, small) = (spec.mails(40), spec.mails(1));
    let check = spec.check(
        FAIR,
        "posted 40 mails, then 1 mail, with WORKERS=1 and BATCH_MAILS=4; the first mail was held meanwhile",
    );
    mailbox.hold_recipient(Point::Rcpt, &huge[0].to);
    let (_server, http) = started(&check, server(&spec, &mailbox, 1).env("BATCH_MAILS", "4"));
    let first = post(&check, &http, &huge);
    wait_taken_up(&check, &mailbox);
    let second = post(&check, &http, &small);
    mailbox.release_all();
    ends_with(&check, &http, &first, "done", [40, 0, 0, 0]);
    ends_with(&check, &http, &second, "done", [1, 0, 0, 0]);
    let place = mailbox.recipients().iter().position(|to| *to == small[0].to).unwrap_or(usize::MAX);
    // One batch was in work, one may have had its turn already.
    check.holds(
        "the small job after two batches of the huge one at most, which are 8 mails",
        place <= 8,
        format!("it came after {place} other mails"),
    );
}

#[test]
fn all_workers_work_at_once_and_never_more() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let count = spec.number(2..5);
    let mails = spec.mails(count * 3);
    let check = spec.check(
        LIFE,
        format!("posted {} mails with WORKERS={count} and BATCH_MAILS=1, all held", mails.len()),
    );
    mailbox.hold(Point::Rcpt);
    let (server, http) = started(&check, server(&spec, &mailbox, count).env("BATCH_MAILS", "1"));
    let job = post(&check, &http, &mails);
    wait_taken_up(&check, &mailbox);
    mailbox.wait_held(&check, count);
    check.equal("the number of workers", &workers(&server).len(), &count);
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
    mailbox.release_all();
    ends_with(&check, &http, &job, "done", [mails.len(), 0, 0, 0]);
    check.holds("never more conversations than workers", mailbox.peak() <= count, mailbox.peak());
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_has_done_its_share_gives_its_memory_back() {
    const LEAK_MIB: u64 = 50;
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let did = format!(
        "posted 8 mails, one a batch, with MAX_JOBS_PER_WORKER=3 and a worker that keeps {LEAK_MIB} MiB for each mail"
    );
    let check = spec.check(LIFE, did);
    let program = server(&spec, &mailbox, 1).env("BATCH_MAILS", "1").env("MAX_JOBS_PER_WORKER", "3");
    let (server, http) = started(&check, program.env("LEAK_MB", LEAK_MIB.to_string()));
    post(&check, &http, &spec.mails(1));
    mailbox.wait_letters(&check, 1);
    let before = Holdings::of(&server);
    // Each worker that was seen, with its memory whenever it had a mail in hand.
    let mut seen: Vec<(u32, Vec<u64>)> = Vec::new();
    for number in 2..=8 {
        mailbox.hold(Point::Rcpt);
        post(&check, &http, &spec.mails(1));
        mailbox.wait_held(&check, 1);
        let pid = *wait_for_workers(&check, &server, 1).iter().next().unwrap_or(&0);
        let resident = process::info(pid).map_or(0, |info| info.resident_bytes >> 20);
        match seen.last_mut().filter(|(last, _)| *last == pid) {
            Some((_, memory)) => memory.push(resident),
            None => seen.push((pid, vec![resident])),
        }
        mailbox.release_all();
        mailbox.wait_letters(&check, number);
    }
    let after = Holdings::of(&server);
    let workers: Vec<String> = seen.iter().map(|(_, memory)| format!("{memory:?}")).collect();
    figures::publish(
        "12-memory",
        &format!(
            "MiB of each worker, whenever it had a mail in hand: {}\nthe server before: {before}\n\
             the server after:  {after}",
            workers.join(", then ")
        ),
    );
    check.equal("the number of workers, one after another,", &seen.len(), &3);
    let most = seen.iter().flat_map(|(_, memory)| memory).max().copied().unwrap_or_default();
    let got = workers.join(", then ");
    check.holds(&format!("a worker of {} MiB", 3 * LEAK_MIB), most >= 3 * LEAK_MIB, &got);
    check.holds("never the memory of a fourth batch", most < 4 * LEAK_MIB, &got);
    let fresh = seen[1..].iter().all(|(_, memory)| memory[0] < 2 * LEAK_MIB);
    check.holds("each new worker starts without that memory", fresh, &got);
    let grown = after.resident_kib.saturating_sub(before.resident_kib);
    check.holds("at most 4 MiB more for the server", grown <= 4 << 10, format!("{grown} KiB more"));
}

#[test]
fn a_full_queue_says_503_and_when_to_come_again() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(FULL, "posted 2 mails, a batch, which the mailbox holds; QUEUE_MAILS=5");
    mailbox.hold(Point::Rcpt);
    let program = server(&spec, &mailbox, 1).env("QUEUE_MAILS", "5").env("BATCH_MAILS", "2");
    let (_server, http) = started(&check, program);
    let first = post(&check, &http, &spec.mails(2));
    wait_taken_up(&check, &mailbox);
    let did = "filled a queue of QUEUE_MAILS=5 while the one worker has a batch of 2 mails in hand";
    let check = spec.check(FULL, did);
    let second = post(&check, &http, &spec.mails(3));
    let too_long = http.post(&check, "/endpoint", &mail::request(&spec.mails(3)));
    // Who says 202 has let them in; whatever else comes is the handler's answer.
    let section = if too_long.status == 202 { BOUND } else { FULL };
    let expected = "503 for 3 mails when there is room for 2: `push` returns `Full` (step 2), and the client is told (step 1)";
    check.about(section).holds(expected, too_long.status == 503, &too_long);
    let fits = http.post(&check, "/endpoint", &mail::request(&spec.mails(1)));
    let expected = "202 for 1 mail when 3 wait: what was handed out takes no room any more";
    check.about(FAIR).holds(expected, fits.status == 202, &fits);
    let third = fits.json()["job"].clone();
    let fits = http.post(&check, "/endpoint", &mail::request(&spec.mails(1)));
    check.about(BOUND).holds("202 for 1 mail when 4 wait: it is the fifth", fits.status == 202, &fits);
    let fourth = fits.json()["job"].clone();
    check.json("the state of a job that waits", &status(&check, &http, &third)["state"], &json!("queued"));
    check.json("the state of a job in work", &status(&check, &http, &first)["state"], &json!("running"));
    let full = http.post(&check, "/endpoint", &mail::request(&spec.mails(1)));
    check.equal("the status when there is no room", &full.status, &503);
    let seconds = full.header("retry-after").and_then(|text| text.parse::<u32>().ok());
    check.holds("a header Retry-After with a number of seconds", seconds.is_some(), full.headers_in_words());
    check.holds("an answer {\"error\": WHY}", full.json()["error"].is_string(), &full);
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
    mailbox.release_all();
    for (job, count) in [(&first, 2), (&second, 3), (&third, 1), (&fourth, 1)] {
        ends_with(&check, &http, job, "done", [count, 0, 0, 0]);
    }
    let check = spec.check(BOUND, "posted 5 mails to the queue of QUEUE_MAILS=5 when it was empty again");
    let job = post(&check, &http, &spec.mails(5));
    ends_with(&check, &http, &job, "done", [5, 0, 0, 0]);
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &12);

    let check = spec.check(FULL, "asked for the jobs 1 to 20, two jobs having been refused");
    for number in 1..=20 {
        let answer = http.get(&check, &format!("/jobs/{number}"));
        let is_known =
            [&first, &second, &third, &fourth, &job].iter().any(|job| path(job) == format!("/jobs/{number}"));
        let expected = format!("404 for job {number}, which was not accepted, and so is to be forgotten");
        check.holds(&expected, is_known || answer.status == 404, &answer);
    }
}

#[test]
fn a_worker_that_dies_is_replaced_and_its_batch_is_settled() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let mails = spec.mails(9);
    // Batches of 4, 4 and 1 mails: the victim is never the last of its batch, so there is something left behind.
    let victim = [0, 1, 2, 4, 5, 6][spec.number(0..6)];
    let check = spec.check(
        SETTLE,
        format!("killed the one worker at mail {} of 9, when it had sent the letter", victim + 1),
    );
    mailbox.hold_recipient(Point::Accept, &mails[victim].to);
    let (server, http) = started(&check, server(&spec, &mailbox, 1).env("BATCH_MAILS", "4"));
    let before = wait_for_workers(&check, &server, 1);
    let job = post(&check, &http, &mails);
    wait_taken_up(&check, &mailbox);
    before.iter().for_each(|pid| process::signal(*pid, Signal::SIGKILL));
    check.about(LIFE).eventually("another worker in the place of the one that was killed", || {
        (!workers(&server).is_empty() && workers(&server).is_disjoint(&before)).then_some(())
    });
    check.eventually_gives(
        "the mails that it had not started are done by the other worker, and only they",
        || {
            let status = status(&check, &http, &job);
            let recipients = mailbox.recipients();
            let came_twice = recipients.iter().collect::<HashSet<_>>().len() < recipients.len();
            let is_again = came_twice || mailbox.held() > 0;
            let again = if is_again { "a mail that it had started is sent again; " } else { "" };
            if status["not_started"] == 0 { Ok(()) } else { Err(format!("{again}{status}")) }
        },
    );
    ends_with(&check, &http, &job, "failed", [8, 0, 1, 0]);
    let mut expected = mail::recipients(&mails);
    expected.remove(victim);
    let mut got = mailbox.recipients();
    got.sort();
    expected.sort();
    check.equal("the list of recipients in the mailbox", &got, &expected);
    wait_for_workers(&check, &server, 1);
}

#[test]
fn workers_that_start_something_may_die_as_often_as_they_like() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let mails = spec.mails(6);
    let mut check = spec.check(SETTLE, "posted a batch of 6 mails to one worker");
    let (server, http) = started(&check, server(&spec, &mailbox, 1).env("BATCH_MAILS", "6"));
    mailbox.hold(Point::Accept);
    let job = post(&check, &http, &mails);
    wait_taken_up(&check, &mailbox);
    for count in 1..=5 {
        kill_the_one_at_work(&check, &server);
        let did = format!("killed worker number {count} over a batch of 6 mails, when it had sent a letter");
        check = spec.check(SETTLE, did);
        wait_for_the_next(&check, &http, &job, &mailbox);
    }
    mailbox.release_all();
    ends_with(&check, &http, &job, "failed", [1, 0, 5, 0]);
    check.equal(
        "the list of recipients in the mailbox",
        &mailbox.recipients(),
        &mail::recipients(&mails[5..]),
    );
}

/// Waits until another worker has a mail of the job in hand.
fn wait_for_the_next(check: &Check, http: &Http, job: &Value, mailbox: &Mailbox) {
    let expected = "another worker is given the mails that were not started";
    check.eventually_gives(expected, || {
        if mailbox.held() > 0 { Ok(()) } else { Err(status(check, http, job).to_string()) }
    });
}

/// Kills the one worker, whose mail the mailbox holds, and waits for its end: what is held then is another's.
fn kill_the_one_at_work(check: &Check, server: &Running) {
    let victims = workers(server);
    check.equal("the number of workers", &victims.len(), &1);
    victims.iter().for_each(|pid| process::signal(*pid, Signal::SIGKILL));
    check.eventually("the worker has gone", || workers(server).is_disjoint(&victims).then_some(()));
}

#[test]
fn a_mail_that_kills_every_worker_is_given_up_and_no_other_one() {
    /// `MAX_ATTEMPTS`.
    const ATTEMPTS: usize = 3;
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let mails = spec.mails(4);
    let mut check = spec.check(SETTLE, "posted a batch of 4 mails to one worker");
    let (server, http) = started(&check, server(&spec, &mailbox, 1).env("BATCH_MAILS", "4"));
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let job = post(&check, &http, &mails);
    wait_taken_up(&check, &mailbox);
    for count in 1..=ATTEMPTS {
        kill_the_one_at_work(&check, &server);
        let did = format!(
            "killed worker number {count} over the first mail of a batch of 4, before it was started"
        );
        check = spec.check(SETTLE, did);
        if count < ATTEMPTS {
            wait_for_the_next(&check, &http, &job, &mailbox);
        }
    }
    ends_with(&check, &http, &job, "done", [3, 1, 0, 0]);
    let mut got = mailbox.recipients();
    got.sort();
    let mut expected = mail::recipients(&mails[1..]);
    expected.sort();
    check.equal("the list of recipients in the mailbox", &got, &expected);
}

/// Does all that its assignment says, and exits when its channel closes.
const EVERYTHING: &str = r#"for id; do say "{\"started\":\"$id\"}"; say "{\"sent\":\"$id\"}"; done; say "{\"counter\":$#}"; read -r _ <&3"#;
/// Sleeps forever, without holding the channel by another process.
const SLEEP: &str = "while :; do sleep 0.05 3>&-; done";

#[test]
fn a_worker_that_hangs_is_ended_and_another_one_does_the_rest() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let did = "posted 4 mails to workers of which the first hangs at the second mail, and reports it as sent at SIGTERM";
    let check = spec.check(SETTLE, did);
    let hung = Scratch::new(SCRIPTS, "hung");
    let hangs = format!(
        r#"trap 'say "{{\"sent\":\"'$2'\"}}"; exit 1' TERM
           say "{{\"started\":\"$1\"}}"; say "{{\"sent\":\"$1\"}}"; say "{{\"started\":\"$2\"}}"; {SLEEP}"#
    );
    let body = format!("if mkdir '{}'; then {hangs}; fi\n{EVERYTHING}", hung.path().display());
    let script = Script::new(&check, SCRIPTS, &body);
    let program = server(&spec, &mailbox, 1).env("BATCH_MAILS", "4").env("WORKER", script.command());
    // It must be able to say its first words within the timeout, also on a busy machine.
    let program = program.env("WORKER_TIMEOUT_SECONDS", "1").env("WORKER_GRACE_SECONDS", "10");
    let (_server, http) = started(&check, program);
    let job = post(&check, &http, &spec.mails(4));
    ends_with(&check, &http, &job, "done", [4, 0, 0, 0]);
}

#[test]
fn a_signal_ends_it_after_everything_that_was_accepted() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let mails = spec.mails(12);
    let check = spec.check(DRAIN, "sent SIGTERM while one worker is held and 11 mails wait");
    mailbox.hold(Point::Rcpt);
    let (mut server, http) = started(&check, server(&spec, &mailbox, 1).env("BATCH_MAILS", "1"));
    for mail in &mails {
        post(&check, &http, std::slice::from_ref(mail));
    }
    wait_taken_up(&check, &mailbox);
    server.signal(Signal::SIGTERM);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
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
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let did = "posted 3 mails, with MAX_JOBS_PER_WORKER=1 and workers that do one batch and then ignore that they are to exit";
    let check = spec.check(LIFE, did);
    let script = Script::new(&check, SCRIPTS, &format!("trap '' TERM PIPE\n{EVERYTHING}\n{SLEEP}"));
    let program = server(&spec, &mailbox, 1).env("BATCH_MAILS", "1").env("MAX_JOBS_PER_WORKER", "1");
    let program = program.env("WORKER", script.command()).env("WORKER_GRACE_SECONDS", "0.25");
    let (mut server, http) = started(&check, program);
    let job = post(&check, &http, &spec.mails(3));
    ends_with(&check, &http, &job, "done", [3, 0, 0, 0]);
    wait_for_workers(&check, &server, 1);
    let check =
        spec.check(DRAIN, "sent SIGTERM when the 3 mails were sent; the worker ignores that it is to exit");
    server.signal(Signal::SIGTERM);
    server.ends_well(&check);
    server.leaves_nothing_behind(&check.about(LIFE));
}

#[test]
fn workers_that_do_nothing_are_not_forked_without_a_pause() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let count = Scratch::new(SCRIPTS, "count");
    let check = spec.check(LIFE, "started a server whose workers end at once");
    let body = format!("echo another >> '{}'; exit 1", count.path().display());
    let script = Script::without_reading(&check, SCRIPTS, &body);
    let program = server(&spec, &mailbox, 1).env("BATCH_MAILS", "1").env("WORKER", script.command());
    let (_server, http) = started(&check, program);
    let started = || std::fs::read_to_string(count.path()).map_or(0, |text| text.lines().count());
    let soon_many = || {
        let before = started();
        // Without a pause, a second is enough for hundreds, but not on a very busy machine.
        limit::poll(Duration::from_secs(2), || (started() - before >= 40).then_some(()))
    };
    check.eventually("a first worker", || (started() > 0).then_some(()));
    check.holds("less than 40 workers within two seconds", soon_many().is_none(), "40 workers");
    let check = spec.check(LIFE, "posted 500 mails to a server whose workers end at once");
    post(&check, &http, &spec.mails(500));
    check.holds("less than 40 workers within two seconds", soon_many().is_none(), "40 workers");
}

#[test]
fn the_worker_does_what_it_did_in_the_lesson_before() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let mails = spec.mails(3);
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let check = spec.check(
        CONTRACT,
        "sent the worker alone what is not a job, SIGINT, SIGTERM, and 3 mails of which one is refused",
    );
    let (mut worker, mut channel) = spec.program().arg("send-mail").env("SMTP_URL", mailbox.url()).fork();
    channel.send(&check, &json!({"mails": 5}));
    check.json("the counter for what is not a job", &channel.recv(&check)["counter"], &json!(0));
    worker.signal(Signal::SIGINT);
    worker.signal(Signal::SIGTERM);
    channel.send(&check, &mail::job(&mails));
    check.json("the reply", &channel.recv(&check), &json!({"counter": 2}));
    channel.send_bytes(&check, b"{\"mails\": oops}\n");
    channel.ends(&check);
    worker.finish(&check).code(2);
}

#[test]
fn a_worker_that_dies_with_nothing_to_do_is_replaced() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(LIFE, "killed both workers when they had nothing to do");
    let (server, http) = started(&check, server(&spec, &mailbox, 2));
    let before = wait_for_workers(&check, &server, 2);
    before.iter().for_each(|pid| process::signal(*pid, Signal::SIGKILL));
    check.eventually("two other workers: the server sees that a worker exits by itself", || {
        let now = workers(&server);
        (now.len() == 2 && now.is_disjoint(&before)).then_some(())
    });
    let job = post(&check, &http, &spec.mails(3));
    ends_with(&check, &http, &job, "done", [3, 0, 0, 0]);
}

#[test]
fn mails_fail_when_there_is_no_worker_for_too_long() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec
        .check(CONTRACT, "posted 2 mails to a server whose WORKER does not exist, with GIVE_UP_SECONDS=0.3");
    let program = server_without_workers(&spec, &mailbox).env("GIVE_UP_SECONDS", "0.3");
    let (mut server, http) = started(&check, program);
    let job = post(&check, &http, &spec.mails(2));
    ends_with(&check, &http, &job, "done", [0, 2, 0, 0]);
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
    let check =
        spec.check(DRAIN, "sent SIGTERM to a server whose WORKER does not exist, when the job was done");
    server.signal(Signal::SIGTERM);
    server.ends_well(&check);
}

#[test]
fn mails_wait_for_a_program_that_is_missing_for_a_while() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(
        CONTRACT,
        "posted 10 mails while the program that WORKER names is missing, as during a deploy",
    );
    let script = Script::new(&check, SCRIPTS, EVERYTHING);
    let missing = Scratch::new(SCRIPTS, "deployed");
    let program = server(&spec, &mailbox, 2).env("WORKER", missing.path());
    let (server, http) = started(&check, program);
    let job = post(&check, &http, &spec.mails(10));
    check.eventually("three tries to fork", || (server.logged("cannot fork").len() >= 3).then_some(()));
    check.json("the state of the job", &status(&check, &http, &job)["state"], &json!("queued"));
    let text = format!("#!/bin/sh\nexec {}\n", script.command());
    if let Err(error) = write_executable(missing.path(), &text) {
        check.fail("a script in the target folder", &error.to_string());
    }
    ends_with(&check, &http, &job, "done", [10, 0, 0, 0]);
}

/// Written under another name: a program that is open for writing cannot be started.
fn write_executable(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755))?;
    std::fs::rename(&new, path)
}

#[cfg(target_os = "linux")]
#[test]
fn one_worker_that_cannot_be_forked_costs_no_mail() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(CONTRACT, "counted the descriptors of a server with one worker");
    let (one, http) = started(&check, server(&spec, &mailbox, 1));
    wait_for_workers(&check, &one, 1);
    // The fork itself has some of them open for a moment.
    let count = |_| {
        std::thread::sleep(Duration::from_millis(10));
        process::descriptors(one.pid()).map_or(0, |open| open.len() as u64)
    };
    let descriptors = (0..20).map(count).min().unwrap_or_default();
    drop((one, http));
    let did =
        "posted 5 mails with WORKERS=2 and so few descriptors (`ulimit -n`) that there is one worker only";
    let check = spec.check(CONTRACT, did);
    let program = server(&spec, &mailbox, 2).env("BATCH_MAILS", "1").env("GIVE_UP_SECONDS", "0.1");
    let (server, http) = started(&check, program.descriptor_limit(descriptors + 2));
    server.log_line(&check, &contains("cannot fork"));
    let job = post(&check, &http, &spec.mails(5));
    ends_with(&check, &http, &job, "done", [5, 0, 0, 0]);
}

#[test]
fn a_signal_to_the_whole_group_cuts_nothing_off() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let mails = spec.mails(8);
    let did = "sent SIGTERM twice to the server and its workers (as a service manager and `timeout` do), with 8 mails in hand";
    let check = spec.check(DRAIN, did);
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let (mut server, http) = started(&check, server(&spec, &mailbox, 2).env("BATCH_MAILS", "3"));
    post(&check, &http, &mails);
    wait_taken_up(&check, &mailbox);
    server.signal_group(Signal::SIGTERM);
    server.signal_group(Signal::SIGTERM);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    mailbox.release_all();
    server.ends_well(&check);
    let mut got = mailbox.recipients();
    got.sort();
    let mut expected = mail::recipients(&mails);
    expected.sort();
    check.equal("the list of recipients in the mailbox", &got, &expected);
    server.leaves_nothing_behind(&check);
}

#[test]
fn neither_a_client_nor_a_log_keeps_the_server() {
    let spec = support::spec!("12-pool");
    let readers = [
        (Reader::Stays, "is read"),
        (Reader::Stopped, "is full, and nobody reads it"),
        (Reader::Left, "has lost its reader"),
    ];
    for (reader, log) in readers {
        let mailbox = spec.mailbox();
        let did =
            format!("sent SIGTERM while a client is in the middle of a request; the server's stderr {log}");
        let check = spec.check(CONTRACT, did);
        let (mut server, http) = started(&check, server(&spec, &mailbox, 2).stderr(reader));
        let bad = |mail: Mail| Mail { to: format!("no address {}", "x".repeat(500)), ..mail };
        let job = post(&check, &http, &spec.mails(200).into_iter().map(bad).collect::<Vec<_>>());
        ends_with(&check, &http, &job, "done", [0, 200, 0, 0]);
        let mut client = http.connect(&check);
        if let Err(error) = client.write("POST /endpoint HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-le") {
            check.fail("a server that reads", &error.to_string());
        }
        server.signal(Signal::SIGTERM);
        server.ends_well(&check);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn all_workers_compute_at_the_same_time() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = cores.clamp(2, 8);
    let check = spec.check(
        LIFE,
        format!("posted one job of {count} mails with WORKERS={count}, BATCH_MAILS=1 and SIGN_ROUNDS so high that signing does not end"),
    );
    let program = server(&spec, &mailbox, count).env("BATCH_MAILS", "1").env("SIGN_ROUNDS", "1000000000");
    let (server, http) = started(&check, program);
    post(&check, &http, &spec.mails(count));
    // Such a worker never waits: it has a core, or would take one if there were one more.
    check.eventually(&format!("{count} workers that are running (state R) at the same time"), || {
        let running = process::children(server.pid()).iter().filter(|child| child.state == 'R').count();
        (running == count).then_some(())
    });
    check.equal("the answer to GET /health", &http.get(&check, "/health").status, &200);
    check.equal("conversations with the mail server so far", &mailbox.conversations(), &0);
}

#[test]
fn workers_do_not_outlive_a_server_that_is_killed() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(DRAIN, "killed a server with three workers with SIGKILL when a job was done");
    let (mut server, http) = started(&check, server(&spec, &mailbox, 3));
    let job = post(&check, &http, &spec.mails(3));
    ends_with(&check, &http, &job, "done", [3, 0, 0, 0]);
    wait_for_workers(&check, &server, 3);
    server.signal(Signal::SIGKILL);
    server.leaves_nothing_behind(&check);
}

#[test]
fn bad_configuration_is_told_at_the_start() {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let bad = [
        ("WORKERS", "0"),
        ("QUEUE_MAILS", "many"),
        ("QUEUE_MB", "0"),
        ("BATCH_MAILS", "-1"),
        ("MAX_JOBS_PER_WORKER", "0.5"),
    ];
    for (name, value) in bad {
        let check = spec.check(CONTRACT, format!("started the server with {name}={value:?}"));
        server(&spec, &mailbox, 1).env(name, value).run(&check).code(2).reports_error(&[name]);
    }
}

#[test]
fn the_workers_can_be_real_node_programs() {
    let spec = support::spec!("12-pool");
    let Some(node) = support::node::node() else { return };
    let mailbox = spec.mailbox();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/node/send_mail.mjs");
    let worker = support::worker([&node, &script]);
    let check = spec.check(LIFE, format!("posted 5 mails to a server with WORKER={worker}"));
    let (_server, http) =
        started(&check, server(&spec, &mailbox, 2).env("BATCH_MAILS", "2").env("WORKER", worker));
    let job = post(&check, &http, &spec.mails(5));
    ends_with(&check, &http, &job, "done", [5, 0, 0, 0]);
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
fn flood(check: &Check, server: &Running, http: &Http, duration: Duration, times: f64) -> Flood {
    let body = mail::request(&check.spec().mails(JOB_MAILS));
    let mut flood = Flood::default();
    let end = Instant::now() + duration;
    // Longer when there was not enough, but not for ever.
    let goes_on = |flood: &Flood| {
        let enough = flood.refused > 0 && flood.times() >= times;
        Instant::now() < end || (!enough && Instant::now() < end + limit::limit())
    };
    while goes_on(&flood) {
        let pending: Vec<_> = (0..8).map(|_| http.begin_post("/endpoint", &body)).collect();
        let asked = Instant::now();
        check.equal("the answer to GET /health", &http.get(check, "/health").status, &200);
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
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(FULL, format!("posted without a pause for {} s", duration.as_secs_f64()));
    let program = server(&spec, &mailbox, 2).env("QUEUE_MAILS", "100").env("SIGN_ROUNDS", sign_rounds);
    let (mut server, http) = started(&check, program);
    // After a first job everything that is made once is there.
    wait_for_workers(&check, &server, 2);
    let first = post(&check, &http, &spec.mails(2));
    ends_with(&check, &http, &first, "done", [2, 0, 0, 0]);
    let before = Holdings::of(&server);
    let flood = flood(&check, &server, &http, duration, times);
    let (taken, refused) = (flood.accepted.len() * JOB_MAILS, flood.refused * JOB_MAILS);
    check.holds("503 for what is too much", refused > 0, format!("{taken} mails accepted, none refused"));
    let grown = flood.most_kib.saturating_sub(before.resident_kib);
    check.holds("at most 16 MiB more of memory", grown <= 16 << 10, format!("{grown} KiB more"));
    mailbox.wait_letters(&check, taken + 2);
    let mut sum = [0; 4];
    for job in &flood.accepted {
        ends_with(&check, &http, job, "done", [JOB_MAILS, 0, 0, 0]);
        let status = status(&check, &http, job);
        let numbers = NUMBERS.map(|name| status[name].as_u64().unwrap_or(0));
        sum = std::array::from_fn(|at| sum[at] + numbers[at]);
    }
    let after = check.eventually("no zombie, and no more open descriptors than before", || {
        Some(Holdings::of(&server))
            .filter(|after| after.zombies == 0 && after.descriptors <= before.descriptors)
    });
    server.signal(Signal::SIGTERM);
    server.ends_well(&check.about(DRAIN));
    let letters = mailbox.letters().split_off(2);
    let ids: HashSet<String> = letters.iter().map(|letter| letter.header("Message-ID")).collect();
    check.equal("the number of mails in the mailbox", &letters.len(), &taken);
    check.equal("the number of different Message-IDs", &ids.len(), &taken);
    let [sent, failed, unknown, _] = sum;
    format!(
        "{} s: asked {}, refused {refused}, accepted {taken}; {:.1} times as many as could be sent\n\
         of the accepted ones: sent {sent}, failed {failed}, unknown {unknown}; in the mailbox {}, duplicated {}\n\
         the slowest answer of /health: {} ms\n\
         the server before: {before}\n\
         the server after:  {after}; at most {} KiB meanwhile",
        duration.as_secs_f64(),
        taken + refused,
        flood.times(),
        letters.len(),
        letters.len() - ids.len(),
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
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check = spec.check(SETTLE, format!("killed {KILLS} workers at random moments"));
    let (server, http) = started(&check, server(&spec, &mailbox, 4).env("BATCH_MAILS", "3"));
    let (mut jobs, mut mails, mut kills) = (Vec::new(), Vec::new(), 0);
    while kills < KILLS {
        let more = spec.mails(spec.number(1..12));
        jobs.push(post(&check, &http, &more));
        mails.extend(more);
        std::thread::sleep(Duration::from_micros(spec.number(0..8_000) as u64));
        let living: Vec<u32> = workers(&server).into_iter().collect();
        if !living.is_empty() {
            process::signal(living[spec.number(0..living.len())], Signal::SIGKILL);
            kills += 1;
        }
    }
    let (mut sum, mut unsettled) = ([0; 4], HashSet::new());
    for job in &jobs {
        let status = check.eventually_gives(&format!("job {job} is done or failed"), || {
            let status = status(&check, &http, job);
            if status["state"] == "done" || status["state"] == "failed" {
                Ok(status)
            } else {
                Err(status.to_string())
            }
        });
        let numbers = NUMBERS.map(|name| status[name].as_u64().unwrap_or(0));
        sum = std::array::from_fn(|at| sum[at] + numbers[at]);
        for problem in status["problems"].as_array().into_iter().flatten() {
            unsettled.insert((
                problem["to"].as_str().unwrap_or_default().to_owned(),
                problem["state"] == "failed",
            ));
        }
    }
    let recipients = mailbox.recipients();
    let different: HashSet<&String> = recipients.iter().collect();
    let [sent, failed, unknown, not_started] = sum;
    println!(
        "{KILLS} workers killed, {} jobs\nasked {}, sent {sent}, failed {failed}, unknown {unknown}, not started {not_started}; \
         in the mailbox {}, twice {}",
        jobs.len(),
        mails.len(),
        recipients.len(),
        recipients.len() - different.len(),
    );
    check.equal("the sum of the numbers", &sum.iter().sum(), &(mails.len() as u64));
    check.equal("the number of mails that came twice", &(recipients.len() - different.len()), &0);
    check.equal("the number of mails that are not started at the end", &not_started, &0);
    for mail in &mails {
        let came = different.contains(&mail.to);
        let failed = unsettled.contains(&(mail.to.clone(), true));
        let unknown = unsettled.contains(&(mail.to.clone(), false));
        check.holds(
            "a mail that failed is not in the mailbox, and one that was sent is",
            unknown || came != failed,
            &mail.to,
        );
    }
}

/// How long 80 mails take that are expensive to sign, until the last one is in the mailbox.
fn seconds_for_80_mails(workers: usize) -> f64 {
    let spec = support::spec!("12-pool");
    let mailbox = spec.mailbox();
    let check =
        spec.check(LIFE, format!("posted 80 mails that are expensive to sign, with WORKERS={workers}"));
    let program = server(&spec, &mailbox, workers).env("BATCH_MAILS", "2").env("SIGN_ROUNDS", "100000");
    let (server, http) = started(&check, program);
    wait_for_workers(&check, &server, workers);
    let began = Instant::now();
    post(&check, &http, &spec.mails(80));
    mailbox.wait_letters(&check, 80);
    began.elapsed().as_secs_f64()
}

#[test]
#[ignore = "measures: cargo test --release -p solution-12 -- --ignored --nocapture two_workers_against_one"]
fn two_workers_against_one() {
    for _ in 0..5 {
        let (one, two) = (seconds_for_80_mails(1), seconds_for_80_mails(2));
        println!(
            "80 mails: {one:.2} s with 1 worker, {two:.2} s with 2 workers: {:.2} times as fast",
            one / two
        );
    }
}
