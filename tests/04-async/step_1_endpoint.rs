//! Step 1: hand the work to a task, which sends the mails with `send_all` and logs `Number of mails sent N` when that is done,
//! and answer right away.

use super::*;

#[test]
fn the_answer_does_not_wait_for_the_mails() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(9);
    let did = "posted 9 mails while the mailbox holds every mail: the answer must not wait for them";
    let check = spec.early_check(did);
    let (server, http) = start(&spec, &mailbox.url(), 4, &check);
    mailbox.hold([Point::Connect, Point::Rcpt, Point::Accept][spec.number(0..3)]);

    post(&check, &http, &mails);
    check.as_far_as_written(|| {
        // There are more mails than permits: whatever `send_all` does, it cannot be done.
        if are_held(&check, &http, &mailbox) {
            check_not_logged(&check, &server);
        }
    });
}

#[test]
fn a_task_sends_the_mails_and_logs_their_number() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.early_check("posted a mail with a bad address, which is done at once, and then another one");
    let (server, http) = start(&spec, &mailbox.url(), 4, &check);
    check.as_far_as_written(|| {
        for number in 1..=2 {
            http.begin_post_mails(&failing_mails(&spec, 1)).comes(&check);
            let lines = || server.numbers_logged().len();
            // A program that never rests does not come to its end in step 3.
            if check.comes(|| (lines() >= number).then_some(())).is_none() && !server.rests() {
                return;
            }
            let expected = "one log line `Number of mails sent N` on stderr for each request";
            check.holds(expected, lines() == number, server.stderr());
        }
    });
}

#[test]
fn an_unread_log_stops_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for (reader, what) in Reader::ALL {
        let did = format!("posted mails with a bad address to a server whose stderr {what}");
        let check = spec.early_check(did);
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        for _ in 0..2 {
            post(&check, &http, &failing_mails(&spec, 1));
        }
        http.is_healthy(&check);
    }
}
