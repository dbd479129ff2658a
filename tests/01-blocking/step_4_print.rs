//! Step 4: print the reply `{"counter": N}` on stdout, as one line of JSON.

use super::*;

/// The program must print this reply, and nothing else.
fn replies(check: &Check, finished: Finished, counter: usize) -> Finished {
    let finished = finished.prints_json(&json!({"counter": counter}));
    let stdout = finished.stdout();
    check.holds("a line end behind the reply", stdout.ends_with('\n'), format!("{stdout:?}"));
    finished
}

#[test]
fn the_reply_says_how_many_mails_were_accepted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(3..8));
    let check =
        spec.check(format!("ran the program with {} mails; the mailbox refuses the first", mails.len()));
    mailbox.reply(&mails[0].to, Reply::Refuse(550));
    let finished = with_job(&spec, &mailbox, &mails).run(&check);
    replies(&check, finished, mails.len() - 1).code(1);
}

#[test]
fn an_empty_job_is_done_at_once() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("ran the program with {\"mails\": []}");
    replies(&check, with_job(&spec, &mailbox, &[]).run(&check), 0).code(0);
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &0);
}

#[test]
fn a_reply_that_cannot_be_printed_is_an_error() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let program = || with_job(&spec, &mailbox, &spec.mails(1));
    spec.cannot_print("ran the program with a mail", &["cannot print"], program);
}
