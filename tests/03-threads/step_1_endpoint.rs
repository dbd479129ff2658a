//! Step 1: begin the work with `start_thread`, let a task wait for its result with `log`, and answer at once: before the
//! first mail is accepted.

use super::*;

#[test]
fn the_answer_comes_before_the_first_mail_is_accepted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(2..6));
    let did = "posted no mails, and mails right behind on the same connection, while the mailbox holds every mail: the answer \
               must not wait for them";
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Accept);
    check.as_far_as_written(|| {
        let mut client = post_in_one_go(&check, &http, &[vec![], mails.clone()]);
        let is_held = holds_a_mail(&check, &mailbox);
        if http.begin_get("/health").comes(&check).is_none() {
            // A handler that blocks the event loop is a matter of step 2, and `log` that does so one of step 4.
            let mut is_answered = || !client.is_silent() && client.answer(&check).status == 200;
            let said = said_of_requests(&server);
            let expected = "no line about the first request yet: `log` writes it, in a task, and no task runs while the \
                            handler of the second request blocks the event loop";
            check.holds(expected, (0..2).all(|_| is_answered()) || said.is_empty(), said.join("\n"));
            return;
        }
        for _ in 0..2 {
            let expected = "an HTTP answer to POST /endpoint";
            check.eventually(expected, || (!client.is_silent()).then_some(()));
            check.is_sent(&client.answer(&check));
        }
        check.equal("the number of mails accepted before the answer", &mailbox.letters().len(), &0);
        let numbers = || server.numbers_logged().into_iter().filter(|line| !line.ends_with(" 0")).count();
        let early = numbers();
        if is_held && early > 0 {
            // If the thread sends the number too early (step 2), this line is the only one. If `endpoint` logs it, `log` adds
            // another.
            mailbox.release_all();
            let follows = check.comes(|| (numbers() > early).then_some(()));
            let expected = "no log line `Number of mails sent N` before the work is done";
            check.holds(expected, follows.is_none(), server.numbers_logged().join("\n"));
        }
    });
}

#[test]
fn a_task_waits_for_the_result() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (good, mut bad) = (spec.mails(2), spec.mails(1));
    bad[0].subject = PANIC_SUBJECT.into();
    let check = spec.early_check("posted 2 mails, and 1 more that makes the sending code panic");
    let (server, http) = spec.server(&mailbox).serve(&check);
    check.as_far_as_written(|| {
        let _posted = [good, bad].map(|mails| http.begin_post_mails(&mails));
        // Which words these are is a matter of step 4.
        let expected = "a line on stderr about one of the requests: a task waits for the result, and logs it";
        check.eventually(expected, || (!said_of_requests(&server).is_empty()).then_some(()));
    });
}
