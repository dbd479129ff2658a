//! Step 3: send one mail after another, report each that is not accepted, and return how many were accepted. What all threads
//! share is a matter of step 5.

use super::*;

#[test]
fn what_is_not_accepted_is_reported_and_not_counted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(spec.number(5..8));
    mails[0].to = "nobody (an address without an @)".into();
    let did = format!(
        "posted {} mails, which the mailbox lets go one after another, then 1 more: the first has a bad address, the \
         mailbox refuses the second and drops the third",
        mails.len()
    );
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    let code = [450, 550][spec.number(0..2)];
    mailbox.reply(&mails[1].to, Reply::Refuse(code));
    mailbox.reply(&mails[2].to, Reply::Drop);
    mailbox.hold(Point::Accept);

    let _posted = http.begin_post_mails(&mails);
    let accepted = mails.len() - 3;
    mailbox.wait_held(&check, 1);
    is_alone(&check, &server, &mailbox);
    let early = server.numbers_logged();
    for number in 1..=accepted {
        mailbox.wait_held(&check, 1);
        mailbox.release_one();
        mailbox.wait_letters(&check, number);
    }
    let what = "the list of recipients in the mailbox";
    check.equal(what, &mailbox.recipients(), &mail::recipients(&mails[3..]));
    for (mail, why) in mails.iter().zip(["valid mail address", &code.to_string(), "error: "]) {
        let is_it = |line: &String| line.contains(&mail.to) && line.contains(why);
        let expected =
            format!("a line `error: …` on stderr that names the recipient, \"{}\", and says why", mail.to);
        check.eventually_gives(&expected, || {
            if server.logged("error: ").iter().any(is_it) { Ok(()) } else { Err(server.stderr()) }
        });
    }
    mailbox.release_all();
    // A number that comes before the work is done is a matter of step 2 or 4.
    if !early.is_empty() {
        return;
    }
    check.as_far_as_written(|| {
        let _next = http.begin_post_mails(&spec.mails(1));
        // Whether each request has exactly one line, and where, is a matter of step 4.
        let is_done = || server.numbers_logged().len() > 1 || said_of_requests(&server).len() > 4;
        check.comes(|| is_done().then_some(()));
        let lines = server.numbers_logged();
        let expected = [accepted, 1].map(|number| format!("Number of mails sent {number}"));
        let holds = lines.iter().all(|line| expected.contains(line));
        check.holds(&format!("the log lines `{}`", expected.join("` and `")), holds, lines.join("\n"));
    });
}

/// The mailbox holds a mail, and no other one of this request is on its way.
fn is_alone(check: &Check, server: &Running, mailbox: &Mailbox) {
    server.rests();
    let more = || (mailbox.open_conversations() > 1).then_some(());
    let at_once = limit::poll(limit::BRIEFLY, more).map_or(1, |()| mailbox.open_conversations());
    check.equal("the number of SMTP conversations at once", &at_once, &1);
}

#[test]
fn a_panic_costs_its_own_mail_and_those_behind_it() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let before = spec.number(1..5);
    let mut mails = spec.mails(before + 2);
    mails[before].subject = PANIC_SUBJECT.into();
    let did =
        format!("posted {} mails, number {} of which makes the sending code panic", mails.len(), before + 1);
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    let _posted = http.begin_post_mails(&mails);
    // If the mails before the panic don't arrive, another check of this step says so.
    if check.comes(|| (mailbox.letters().len() >= before).then_some(())).is_none() {
        return;
    }
    check.comes(|| server.stderr().contains(PANIC_MESSAGE).then_some(()));
    // What a program sends behind the panic, it has sent when it rests.
    if server.rests() {
        let what = "the list of recipients in the mailbox, with none of the mails behind the panic";
        check.equal(what, &mailbox.recipients(), &mail::recipients(&mails[..before]));
    }
}

#[test]
fn unread_reports_stop_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(3);
        mails[0].to = "no address at all".into();
        let did = format!("posted 3 mails, one with a bad address, to a server whose stderr {what}");
        let check = spec.early_check(did);
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        let all = mailbox.letters().len() + 2;
        let _posted = http.begin_post_mails(&mails);
        let arrive = || (mailbox.letters().len() >= all).then_some(());
        // If they don't arrive even though the log is read, another check of this step says so.
        if reader == Reader::Stays && check.comes(arrive).is_none() {
            return;
        }
        mailbox.wait_letters(&check, all);
    }
}
