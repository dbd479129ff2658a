//! Step 3: hand out a batch of the first job, `BATCH_MAILS` at most. What is left of the job goes to the end of the
//! queue, so that each job has its turn. What was handed out takes no room any more.

use super::*;

/// Whether the one worker has the first mail in hand. That it takes it up is a matter of step 4.
fn has_begun(check: &Check, mailbox: &Mailbox) -> bool {
    check.comes(|| (mailbox.held() > 0).then_some(())).is_some()
}

#[test]
fn what_was_handed_out_takes_no_room_any_more() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 5 mails with QUEUE_MAILS=5 to a server that has no workers, so that after GIVE_UP_SECONDS=0.1 each batch is \
               taken out of the queue and fails";
    let check = spec.check(did);
    let program = program(&check, &mailbox, 1).env("WORKER", "no-such-program").env("QUEUE_MAILS", "5");
    let server = JobServer::start(&check, program.env("BATCH_MAILS", "2").env("GIVE_UP_SECONDS", "0.1"));
    let job = server.post(&check, &spec.mails(5));
    // The server tries to fork again and again, so it is never quiet: what each try gives up must be gone after some of them.
    let tries = || server.logged("cannot fork").len();
    let some = tries() + 4;
    let status = check.eventually("the job is done, or the server has tried four times more", || {
        let is_enough = tries() >= some;
        let status = server.status(&check, &job);
        (is_enough || status["state"] == "done").then_some(status)
    });
    jobs::check_account(&check, &status, "done", [0, 5, 0, 0]);
    let expected = "202 for 5 mails when the first 5 were handed out, so that they take no room any more";
    check_answer(&check, &server.offer(&check, &spec.mails(5)), expected);
}

#[test]
fn the_jobs_take_turns_with_a_batch_each() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did =
        "posted jobs of 5, 4 and 1 mails with BATCH_MAILS=2, while the one worker had another mail in hand";
    let check = spec.check(did);
    let [first, second, large, middle, small] = [1, 1, 5, 4, 1].map(|count| spec.mails(count));
    mailbox.hold_recipient(Point::Rcpt, &first[0].to);
    let server = server(&check, &mailbox, 1, 2);
    // The second one is there for a worker that takes its next batch early, which is not a matter of this step.
    for job in [&first, &second, &large, &middle, &small] {
        server.post(&check, job);
        if job[0].to == first[0].to && !has_begun(&check, &mailbox) {
            return;
        }
    }
    mailbox.release_all();
    let turns = [&first[..], &second, &large[..2], &middle[..2], &small];
    let more = [&large[2..4], &middle[2..], &large[4..]];
    let expected = mail::recipients(&[turns.concat(), more.concat()].concat());
    // That they all come is a matter of step 4, too.
    let all = || (mailbox.letters().len() == expected.len()).then_some(());
    if check.comes(all).is_some() {
        check.equal("the list of recipients in the mailbox, in turns", &mailbox.recipients(), &expected);
    }
}

#[test]
fn a_small_job_is_not_stuck_behind_a_huge_one() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did =
        "posted 40 mails, then 1 mail, with WORKERS=1 and BATCH_MAILS=4; the first mail was held meanwhile";
    let check = spec.check(did);
    let (huge, small) = (spec.mails(40), spec.mails(1));
    mailbox.hold_recipient(Point::Rcpt, &huge[0].to);
    let server = server(&check, &mailbox, 1, 4);
    server.post(&check, &huge);
    if !has_begun(&check, &mailbox) {
        return;
    }
    server.post(&check, &small);
    mailbox.release_all();
    let place = || mailbox.recipients().iter().position(|to| *to == small[0].to);
    // One batch was in work, and one may have had its turn already; another one may have been taken early (step 4).
    if let Some(place) = check.comes(place) {
        let expected = "the small job after two batches of the huge one, which are 8 mails, or three";
        check.holds(expected, place <= 12, format!("it came after {place} other mails"));
    }
}
