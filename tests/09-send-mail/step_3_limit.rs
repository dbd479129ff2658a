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

/// Sends three times as many mails as the limit, while the mailbox holds each at RCPT: so many connections must be open, no
/// more and no less, and the worker must wait for them.
fn uses_connections(
    check: &Check,
    mailbox: &Mailbox,
    (mut worker, mut channel): (Running, Channel),
    limit: usize,
) {
    let mails = check.spec().mails(limit * 3);
    mailbox.hold(Point::Rcpt);
    channel.send(check, &mail::job(&mails));
    check.comes(|| (mailbox.held() >= limit || channel.waiting() > 0 || !worker.is_running()).then_some(()));
    if channel.waiting() > 0 {
        return replied_early(check, mailbox, &mut channel, mails.len());
    }
    if !worker.is_running() {
        return leave_to_later_steps(check, &mut worker);
    }
    let held = mailbox.held();
    if held >= limit {
        worker.sleeps(check, "the mail server has not answered yet");
    }
    let peak = mailbox.peak();
    mailbox.release_all();
    channel.try_recv();
    // Where connections wait for one another, there are several all the same: that is in step 4.
    let wait_for_one_another = held == 1 && peak <= limit && mailbox.conversations() > 1;
    let is_right = held == limit && peak == limit || wait_for_one_another;
    let expected = format!("{limit} SMTP conversations at once, and no more");
    check.holds(&expected, is_right, format!("{held} held, {peak} open at once"));
}

#[test]
fn connections_are_bounded_and_used() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    // Never the 4 that is the default.
    let limit = [2, 3, 5, 6][spec.number(0..4)];
    let did = format!("sent {} mails with SMTP_CONNECTIONS={limit}; {HOLDS_ALL}", limit * 3);
    let check = spec.early_check(did);
    let worker = forked_with_limit(&spec, &mailbox, limit);
    check.as_far_as_written(|| uses_connections(&check, &mailbox, worker, limit));
}

#[test]
fn there_are_four_connections_by_default() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check(format!("sent 12 mails without SMTP_CONNECTIONS; {HOLDS_ALL}"));
    let worker = forked_worker(&spec, &mailbox);
    check.as_far_as_written(|| uses_connections(&check, &mailbox, worker, 4));
}

/// Whether a single connection sends and counts all mails of a job, which is the matter of step 4. One worker tells for all
/// checks.
fn one_connection_does_its_work(check: &Check) -> bool {
    static DOES: OnceLock<bool> = OnceLock::new();
    *DOES.get_or_init(|| {
        let mailbox = check.spec().mailbox();
        let (mut worker, mut channel) = forked_with_limit(check.spec(), &mailbox, 1);
        channel.send(check, &mail::job(&check.spec().mails(3)));
        let counted = channel.try_recv() == Some(Ok(json!({"counter": 3})));
        leave_to_later_steps(check, &mut worker);
        counted && mailbox.letters().len() == 3
    })
}

#[test]
fn what_each_connection_has_sent_is_added_up() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check(
        "sent 3 mails with SMTP_CONNECTIONS=3, held each on a connection of its own, \
                                  and let one after another go",
    );
    check.as_far_as_written(|| {
        if !one_connection_does_its_work(&check) {
            return;
        }
        mailbox.hold(Point::Rcpt);
        let (_worker, mut channel) = forked_with_limit(&spec, &mailbox, 3);
        channel.send(&check, &mail::job(&spec.mails(3)));
        if check.comes(|| (mailbox.held() == 3).then_some(())).is_none() {
            return;
        }
        for accepted in 1..=3 {
            mailbox.release_one();
            mailbox.wait_letters(&check, accepted);
        }
        counts(&check, &mut channel, 3);
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
        channel.send(&check, &mail::job(&mails));
        check.comes(|| (mailbox.letters().len() == 8).then_some(()));
        let accepted = mailbox.letters().len();
        // None: the connections wait for one another, which is in step 4, or there is only one.
        let expected = "8 mails accepted meanwhile, since the other connections take them from the queue";
        check.holds(expected, [0, 8].contains(&accepted), format!("{accepted} accepted"));
    });
}
