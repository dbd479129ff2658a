//! Step 2: let a job into the queue only when there is room for all of it: for its mails, and for their text. A job
//! that is refused changes nothing. Then wake the workers that wait.

use super::*;

#[test]
fn what_waits_has_a_limit() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 6 mails to a server with QUEUE_MAILS=5");
    let server = server_without_workers(&check, &mailbox, "QUEUE_MAILS", "5");
    let offer = |check: &Check, count| server.offer(check, &spec.mails(count));
    check_answer(&check, &offer(&check, 6), "413 for 6 mails: the job is `TooLarge`");
    let check = spec.check("filled a queue of QUEUE_MAILS=5 from which no worker takes anything");
    let first = server.post(&check, &spec.mails(3));
    check_answer(&check, &offer(&check, 3), "503 for 3 mails when there is room for 2: the queue is `Full`");
    check_answer(&check, &offer(&check, 6), "413 for 6 mails, also when other mails wait");
    check_answer(&check, &offer(&check, 2), "202 for 2 mails when there is room for 2");
    check_answer(&check, &offer(&check, 1), "503 for 1 mail when there is no room");
    check_state(&check, &server, &first, "queued");
}

#[test]
fn a_job_may_be_as_large_as_the_queue() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 5 mails to a server with QUEUE_MAILS=5");
    let server = server_without_workers(&check, &mailbox, "QUEUE_MAILS", "5");
    check_answer(&check, &server.offer(&check, &spec.mails(5)), "202 for 5 mails when there is room for 5");
}

#[test]
fn the_text_that_waits_has_a_limit_too() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted mails of 400 kB to a server with QUEUE_MB=1");
    let server = server_without_workers(&check, &mailbox, "QUEUE_MB", "1");
    let large = |size| [Mail { text: "x".repeat(size), ..spec.mail() }];
    for _ in 0..2 {
        server.post(&check, &large(400_000));
    }
    check_answer(&check, &server.offer(&check, &large(400_000)), "503 for the third mail");
    check_answer(&check, &server.offer(&check, &spec.mails(1)), "202 for a small mail");
}

#[test]
fn a_job_with_too_much_text_never_fits() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 24,000 mails to a server with QUEUE_MAILS=30000 and QUEUE_MB=1; each has a Message-ID of 45 bytes";
    let check = spec.check(did);
    let server = program(&check, &mailbox, 1).env("WORKER", "no-such-program").env("QUEUE_MAILS", "30000");
    let server = JobServer::start(&check, server.env("QUEUE_MB", "1"));
    // The request has less than 1 MB, which is what a server takes.
    let mail = r#"{"from":"","to":"","subject":"","text":""}"#;
    let body = format!(r#"{{"emails":[{}]}}"#, [mail; 24_000].join(","));
    let answer = server.http.post_bytes(&check, "/endpoint", body.as_bytes());
    check_answer(&check, &answer, "413 for 24,000 mails with more than 1 MB of text: the job is `TooLarge`");
}

/// The workers that have some of the job's mails.
fn at_work(check: &Check, server: &JobServer, job: &Value) -> BTreeSet<u32> {
    let status = server.status(check, job);
    status["workers"].as_array().into_iter().flatten().flat_map(Value::as_u64).map(|pid| pid as u32).collect()
}

#[test]
fn a_new_job_wakes_all_workers_that_wait() {
    /// Less than the 10 seconds that a worker waits for the mail server, after which it takes another mail.
    const LIMIT: Duration = Duration::from_secs(3);
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted a job of 2 mails to 2 workers that had nothing to do, with BATCH_MAILS=1");
    mailbox.hold(Point::Rcpt);
    let server = server(&check, &mailbox, 2, 1);
    // That they are there is a matter of step 4.
    let there = || Some(server.workers()).filter(|workers| workers.len() == 2);
    let Some(before) = check.comes(there) else { return };
    let job = server.post(&check, &spec.mails(2));
    if limit::poll(LIMIT, || (at_work(&check, &server, &job).len() == 2).then_some(())).is_some() {
        return;
    }
    // Perhaps workers don't take what they could (step 4). A new worker looks into the queue before it waits: when it
    // finds a mail there, the one before it was not woken.
    let busy = at_work(&check, &server, &job);
    jobs::kill(&check, before.difference(&busy));
    let by_a_new_one = || (!at_work(&check, &server, &job).is_subset(&before)).then_some(());
    let expected = "both workers take a mail at once: a new job wakes all that wait";
    let got = "one that waited took none, and the new worker that came in its place did";
    check.holds(expected, limit::poll(LIMIT, by_a_new_one).is_none(), got);
}
