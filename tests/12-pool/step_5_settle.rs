//! Step 5: settle a batch over which a worker has died. What it had not started goes back into the queue; a batch
//! of which it had started nothing goes back as two: the first mail alone, and the others. After `MAX_ATTEMPTS`
//! workers, that mail has failed.

use super::*;

/// Posts a batch of mails to one worker, and kills so many workers, one after another, when each has a mail in hand that
/// the mailbox holds. Returns a check about the last kill, the server, and the job.
fn kill_workers(
    spec: &Spec,
    mailbox: &Mailbox,
    mails: &[Mail],
    kills: usize,
    where_it_was: &str,
) -> (Check, JobServer, Value) {
    let mut check = spec.check(format!("posted a batch of {} mails to one worker", mails.len()));
    let server = server(&check, mailbox, 1, mails.len());
    let job = server.post(&check, mails);
    mailbox.wait_held(&check, 1);
    for count in 1..=kills {
        server.kill_worker(&check);
        check = spec.check(format!("killed worker number {count} {where_it_was}"));
        if count < kills {
            let expected = "another worker is given the mails that were not started";
            check.eventually_gives(expected, || {
                if mailbox.held() > 0 { Ok(()) } else { Err(server.status(&check, &job).to_string()) }
            });
        }
    }
    (check, server, job)
}

#[test]
fn what_a_dead_worker_had_not_started_is_done_by_another_one() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(9);
    // Batches of 4, 4 and 1 mails: the victim is never the last of its batch, so there is something left behind.
    let victim = [0, 1, 2, 4, 5, 6][spec.number(0..6)];
    let did = format!("killed the one worker at mail {} of 9, when it had sent the letter", victim + 1);
    let check = spec.check(did);
    mailbox.hold_recipient(Point::Accept, &mails[victim].to);
    let server = server(&check, &mailbox, 1, 4);
    let before = server.wait_for_workers(&check, 1);
    let job = server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    jobs::kill(&check, &before);
    let expected = "another worker in the place of the one that was killed";
    server.wait_for_other_workers(&check, expected, &before);
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

#[test]
fn workers_that_start_something_may_die_as_often_as_they_like() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(6);
    mailbox.hold(Point::Accept);
    let when = "over a batch of 6 mails, when it had sent a letter";
    let (check, server, job) = kill_workers(&spec, &mailbox, &mails, 5, when);
    mailbox.release_all();
    server.ends_with(&check, &job, "failed", [1, 0, 5, 0]);
    check_recipients(&check, &mailbox, &mails[5..]);
}

/// `MAX_ATTEMPTS`.
const ATTEMPTS: usize = 3;

/// The worker that has the first mail of a job, and nothing else: what it was given with it, others have sent.
fn has_first_mail(status: &Value, killed: &[u32], others: usize) -> Option<u32> {
    let workers: Vec<u32> =
        status["workers"].as_array()?.iter().flat_map(Value::as_u64).map(|pid| pid as u32).collect();
    let is_alone = killed.is_empty() || status["sent"] == others;
    workers.first().copied().filter(|pid| workers.len() == 1 && is_alone && !killed.contains(pid))
}

#[test]
fn a_mail_that_kills_every_worker_is_given_up_and_no_other_one() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(4);
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let mut check = spec.check("posted a batch of 4 mails to a server with WORKERS=2");
    // The pause before a worker is replaced that has done nothing is no pause for the other one.
    let server = server(&check, &mailbox, 2, 4);
    server.wait_for_workers(&check, 2);
    let job = server.post(&check, &mails);
    let mut killed = vec![];
    while killed.len() < ATTEMPTS {
        let expected = match killed.len() {
            0 => "a worker has the batch",
            _ => "another worker has the first mail alone, and the 3 others are sent",
        };
        let pid = check.eventually_gives(expected, || {
            let status = server.status(&check, &job);
            has_first_mail(&status, &killed, 3).ok_or_else(|| status.to_string())
        });
        jobs::kill(&check, [&pid]);
        killed.push(pid);
        let did = "over the first mail of a batch of 4, before it was started";
        check = spec.check(format!("killed worker number {} {did}", killed.len()));
    }
    // The mailbox holds the mail, so a worker that has it has it for seconds.
    let next = check.eventually_gives("the first mail is given up, and the job is done", || {
        let status = server.status(&check, &job);
        let next = has_first_mail(&status, &killed, 3);
        if next.is_some() || status["state"] == "done" { Ok(next) } else { Err(status.to_string()) }
    });
    let got = format!("worker {} has it", next.unwrap_or_default());
    check.holds("no fourth worker for the first mail", next.is_none(), got);
    server.ends_with(&check, &job, "done", [3, 1, 0, 0]);
    check_recipients(&check, &mailbox, &mails[1..]);
}

#[test]
fn the_others_do_not_wait_for_a_mail_that_kills_its_worker() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did =
        "killed both workers when one had a batch of 4 mails, whose first mail was held and not started yet";
    let check = spec.check(did);
    let mails = spec.mails(4);
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let server = server(&check, &mailbox, 2, 4);
    let before = server.wait_for_workers(&check, 2);
    let job = server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    jobs::kill(&check, &before);
    let expected = "the 3 other mails are sent, since the first one goes back alone";
    check.eventually_gives(expected, || {
        if mailbox.letters().len() == 3 { Ok(()) } else { Err(server.status(&check, &job).to_string()) }
    });
    mailbox.release_all();
    server.ends_with(&check, &job, "done", [4, 0, 0, 0]);
    check_recipients(&check, &mailbox, &mails);
}

#[test]
fn a_worker_that_hangs_is_ended_and_another_one_does_the_rest() {
    let did = "posted 4 mails to workers of which the first hangs at the second mail, and reports it as sent at SIGTERM";
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(did);
    let hung = Scratch::new(SCRIPTS, "hung");
    let hangs = "trap 'sent $2; exit 1' TERM; half_way $@; hang $@";
    let body = format!("if mkdir '{}'; then {hangs}; fi; all $@; disconnected", hung.path().display());
    // It must be able to say its first words within the timeout, also on a busy machine.
    let program = program(&check, &mailbox, 1).env("BATCH_MAILS", "4").env("WORKER_TIMEOUT_SECONDS", "1");
    let program = program.env("WORKER_GRACE_SECONDS", "10");
    let server = JobServer::start_with(&check, program, played(&check, SCRIPTS, &body));
    server.runs(&check, &spec.mails(4), "done", [4, 0, 0, 0]);
}

/// Kills workers at random moments while jobs come in, and looks that the accounts add up with what the mailbox got.
#[test]
#[ignore = "takes a minute: cargo test -p solution-12 -- --ignored --nocapture five_hundred"]
fn after_five_hundred_random_kills_every_mail_is_accounted_for() {
    const KILLS: usize = 500;
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(format!("killed {KILLS} workers at random moments"));
    let server = server(&check, &mailbox, 4, 3);
    let (mut jobs, mut mails, mut kills) = (Vec::new(), Vec::new(), 0);
    while kills < KILLS {
        let more = spec.mails(spec.number(1..12));
        jobs.push(server.post(&check, &more));
        mails.extend(more);
        // Not to wait for anything: the moment of the kill is what varies.
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
