//! Step 3: start a task for each connection, at most `SMTP_CONNECTIONS` of them, which all take from one queue. Wait for all
//! of them, and add up what they return.

use super::*;
use std::sync::OnceLock;

#[test]
fn a_job_without_mails_gets_a_reply_too() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent a job without mails");
    let (_worker, mut channel) = forked_worker(&spec, &mailbox);
    sends(&check, &mut channel, &[]);
    check.equal("the number of SMTP conversations", &mailbox.conversations(), &0);
}

/// A reply has come, although the mailbox has accepted nothing.
fn replied_early(check: &Check, mailbox: &Mailbox, channel: &mut Channel, asked: usize) {
    let reply = channel.recv(check);
    // What counts mails that it doesn't send is in step 4.
    if mailbox.conversations() > 0 || reply["counter"] != json!(asked) {
        let came = format!("{reply} while the mailbox holds {} mails, and has accepted none", mailbox.held());
        check.fail("no reply before each task has finished", &came);
    }
}

/// Sends this many mails, while the mailbox holds each at RCPT: as many connections as the limit must be open, no more and no
/// less, and the worker must wait for them.
fn uses_connections(
    check: &Check,
    mailbox: &Mailbox,
    (mut worker, mut channel): (Running, Channel),
    limit: usize,
    mails: usize,
) -> Option<(Running, Channel)> {
    mailbox.hold(Point::Rcpt);
    let look = |channel: &Channel| (mailbox.held(), channel.waiting() > 0 || !worker.is_running());
    let is_enough = |(held, over)| held >= limit || over;
    let (held, _) = while_held(check, &mut channel, &check.spec().mails(mails), look, is_enough);
    if channel.waiting() > 0 {
        // What runs on without being waited for comes to its first mail.
        worker.rests();
        replied_early(check, mailbox, &mut channel, mails);
        return None;
    }
    if !worker.is_running() {
        leave_to_later_steps(check, &mut worker);
        return None;
    }
    if held >= limit {
        worker.sleeps(check, "the mail server has not answered yet");
    }
    let is_right = held == limit && mailbox.peak() == limit;
    if !is_right && held == 1 && wait_for_one_another(mailbox, &mut channel, limit, mails) {
        return None;
    }
    let came = format!("{held} held, {} open at once", mailbox.peak());
    check.holds(&format!("{limit} SMTP conversations at once, and no more"), is_right, came);
    Some((worker, channel))
}

/// One mail was held, and now all go. Whether there are several connections all the same, of which each waits for the others
/// before it sends: that is in step 4. It is also in step 4 when each mail has a connection. Where a task is awaited before
/// the next one starts, there is one connection at a time, and no more of them in all than tasks.
fn wait_for_one_another(mailbox: &Mailbox, channel: &mut Channel, limit: usize, mails: usize) -> bool {
    mailbox.release_all();
    next_reply(channel);
    (2..=limit).contains(&mailbox.peak()) || mailbox.conversations() >= mails
}

#[test]
fn connections_are_bounded_and_used() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    // Never the 4 that is the default.
    let limit = [2, 3, 5, 6][spec.number(0..4)];
    let did = format!("sent {} mails with SMTP_CONNECTIONS={limit}; {HOLDS_ALL}", limit * 3);
    let check = spec.early_check(did);
    let worker = forked_with_limit(&spec, &mailbox, limit);
    check.as_far_as_written(|| drop(uses_connections(&check, &mailbox, worker, limit, limit * 3)));
}

#[test]
fn there_are_four_connections_by_default() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check(format!("sent 12 mails without SMTP_CONNECTIONS; {HOLDS_ALL}"));
    let worker = forked_worker(&spec, &mailbox);
    check.as_far_as_written(|| drop(uses_connections(&check, &mailbox, worker, 4, 12)));
}

/// Whether a single connection sends and counts all mails of a job, which is the matter of step 4. One worker tells for all
/// checks.
fn one_connection_does_its_work(check: &Check) -> bool {
    static DOES: OnceLock<bool> = OnceLock::new();
    *DOES.get_or_init(|| {
        let mailbox = check.spec().mailbox();
        let (mut worker, mut channel) = forked_with_limit(check.spec(), &mailbox, 1);
        channel.send(check, &mail::job(&check.spec().mails(3)));
        let reply = next_reply(&mut channel);
        leave_to_later_steps(check, &mut worker);
        let accepted = mailbox.letters().len();
        if accepted == 3 && reply == Some(Ok(json!({"counter": 1}))) {
            adds_up(check, &mailbox, &mut channel);
        }
        accepted == 3 && reply == Some(Ok(json!({"counter": 3})))
    })
}

/// The reply to 3 mails was 1. If it is 1 for a mail that is refused, too, then it is the number of tasks.
fn adds_up(check: &Check, mailbox: &Mailbox, channel: &mut Channel) {
    let check = check.spec().check("sent 3 mails, and then one that is refused, with SMTP_CONNECTIONS=1");
    let refused = check.spec().mail();
    mailbox.reply(&refused.to, Reply::Refuse(550));
    channel.send(&check, &mail::job(&[refused]));
    let is_one = channel.try_recv() == Some(Ok(json!({"counter": 1})));
    let came = "1 for either job, which is the number of tasks";
    check.holds("the replies are 3 and 0, which is what the task returns", !is_one, came);
}

#[test]
fn what_each_connection_has_sent_is_added_up() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "sent 4 mails with SMTP_CONNECTIONS=3, held them, and let one after another go";
    let check = spec.early_check(did);
    check.as_far_as_written(|| {
        if !one_connection_does_its_work(&check) {
            return;
        }
        let worker = forked_with_limit(&spec, &mailbox, 3);
        let Some((_worker, mut channel)) = uses_connections(&check, &mailbox, worker, 3, 4) else { return };
        for accepted in 1..=4 {
            mailbox.wait_held(&check, 1);
            mailbox.release_one();
            mailbox.wait_letters(&check, accepted);
        }
        counts(&check, &mut channel, 4);
    });
}

#[test]
fn a_slow_mail_ties_up_only_its_own_connection() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.early_check("sent 9 mails with SMTP_CONNECTIONS=3, while the mailbox holds the first one");
    check.as_far_as_written(|| {
        if !one_connection_does_its_work(&check) {
            return;
        }
        let mails = spec.mails(9);
        mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
        let (_worker, mut channel) = forked_with_limit(&spec, &mailbox, 3);
        let look = |_: &Channel| (mailbox.letters().len(), mailbox.conversations());
        let (accepted, connections) =
            while_held(&check, &mut channel, &mails, look, |(accepted, _)| accepted >= 8);
        // One connection: they wait for one another, which is in step 4, or there are no more.
        let is_right = accepted == 8 || connections <= 1;
        let expected = "8 mails accepted meanwhile, since the other connections take them from the queue";
        check.holds(expected, is_right, format!("{accepted} accepted"));
    });
}
