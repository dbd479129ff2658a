//! Step 3: send one mail after another, and report each that is not accepted. Count those that are: for this request, and at
//! once where all threads can see it, in one step that no other thread can come between.

use super::*;

/// The number in the answer to `GET /stats`. That there is one is a matter of step 5.
fn mails_sent(check: &Check, http: &Http) -> Option<u64> {
    http.get(check, "/stats").json()["mails_sent"].as_u64()
}

/// The work is done, or about to be. Then this must be the number of all mails that were accepted. A program that never
/// rests, and so does not come to it, is a matter of step 4.
fn adds_up(check: &Check, server: &Running, http: &Http, expected: usize) {
    let wrong = || mails_sent(check, http).filter(|number| *number != expected as u64);
    if check.comes(|| wrong().is_none().then_some(())).is_none() && server.rests() {
        let expected = format!("the number {expected} in the answer to GET /stats when all work is done");
        let number = wrong();
        check.holds(&expected, number.is_none(), number.unwrap_or_default());
    }
}

/// The mailbox holds a mail, and no other one of this request is on its way.
fn is_alone(check: &Check, server: &Running, mailbox: &Mailbox) {
    server.rests();
    let more = || (mailbox.open_conversations() > 1).then_some(());
    let at_once = limit::poll(limit::BRIEFLY, more).map_or(1, |()| mailbox.open_conversations());
    check.equal("the number of SMTP conversations at once", &at_once, &1);
}

#[test]
fn each_mail_is_counted_as_soon_as_it_is_accepted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(3..6));
    let did = format!("posted {} mails, which the mailbox lets go one after another", mails.len());
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Accept);

    let _posted = http.begin_post_mails(&mails);
    mailbox.wait_held(&check, 1);
    check.as_far_as_written(|| {
        // Where the event loop is blocked or busy, /stats has no answer either: a matter of step 2 or 4.
        if !server.rests() || http.begin_get("/health").comes(&check).is_none() {
            return;
        }
        for accepted in 0..mails.len() {
            // The thread is at the next mail, so it has counted those before.
            mailbox.wait_held(&check, 1);
            is_alone(&check, &server, &mailbox);
            let number = mails_sent(&check, &http).unwrap_or(accepted as u64);
            let expected = format!(
                "the number {accepted} in the answer to GET /stats, since the mailbox holds mail {} of {}",
                accepted + 1,
                mails.len()
            );
            check.holds(&expected, number == accepted as u64, number);
            mailbox.release_one();
            mailbox.wait_letters(&check, accepted + 1);
        }
        adds_up(&check, &server, &http, mails.len());
        let what = "the list of recipients in the mailbox";
        check.equal(what, &mailbox.recipients(), &mail::recipients(&mails));
    });
}

#[test]
fn what_is_not_accepted_is_reported_and_not_counted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(spec.number(5..8));
    mails[0].to = "nobody (an address without an @)".into();
    let did = format!(
        "posted 1 mail, then {} mails: the first has a bad address, the mailbox refuses the second and drops the \
         third",
        mails.len()
    );
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    let code = [450, 550][spec.number(0..2)];
    mailbox.reply(&mails[1].to, Reply::Refuse(code));
    mailbox.reply(&mails[2].to, Reply::Drop);

    let before = spec.mails(1);
    let _first = http.begin_post_mails(&before);
    mailbox.wait_letters(&check, 1);
    let _second = http.begin_post_mails(&mails);
    let accepted = mails.len() - 3;
    mailbox.wait_letters(&check, 1 + accepted);
    let what = "the list of recipients in the mailbox";
    let expected = [mail::recipients(&before), mail::recipients(&mails[3..])].concat();
    check.equal(what, &mailbox.recipients(), &expected);
    for (mail, why) in mails.iter().zip(["valid mail address", &code.to_string(), "error: "]) {
        let is_it = |line: &String| line.contains(&mail.to) && line.contains(why);
        let expected =
            format!("a line `error: …` on stderr that names the recipient, \"{}\", and says why", mail.to);
        check.eventually_gives(&expected, || {
            if server.logged("error: ").iter().any(is_it) { Ok(()) } else { Err(server.stderr()) }
        });
    }
    check.as_far_as_written(|| {
        // That there is such a line, and one only, is a matter of step 4.
        let line = format!("Number of mails sent {accepted}");
        check.comes(|| server.numbers_logged().contains(&line).then_some(()));
        let mut lines = server.numbers_logged();
        lines.retain(|line| line != "Number of mails sent 1");
        let expected = format!("the log line `{line}` for the second request");
        check.holds(&expected, lines.iter().all(|other| *other == line), lines.join("\n"));
        adds_up(&check, &server, &http, 1 + accepted);
    });
}

#[test]
fn a_panic_costs_its_own_mail_and_those_behind_it() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let before = spec.number(1..5);
    let mut mails = spec.mails(before + 2);
    mails[before].subject = PANIC_SUBJECT.into();
    let did = format!(
        "posted {} mails, number {} of which makes the sending code panic; asked GET /stats after the panic",
        mails.len(),
        before + 1
    );
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    let _posted = http.begin_post_mails(&mails);
    mailbox.wait_letters(&check, before);
    check.comes(|| server.stderr().contains(PANIC_MESSAGE).then_some(()));
    // What a program sends behind the panic, it has sent when it rests.
    if server.rests() {
        let what = "the list of recipients in the mailbox, with none of the mails behind the panic";
        check.equal(what, &mailbox.recipients(), &mail::recipients(&mails[..before]));
    }
    check.as_far_as_written(|| adds_up(&check, &server, &http, before));
}

#[test]
fn requests_at_the_same_time_add_up() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let requests: Vec<_> = (0..20).map(|_| spec.mails(spec.number(1..3))).collect();
    let total = requests.iter().map(Vec::len).sum();
    let did =
        format!("posted {total} mails in 20 requests while the mailbox holds each, then let all go at once");
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Accept);

    let _posted: Vec<_> = requests.iter().map(|mails| http.begin_post_mails(mails)).collect();
    // As many as there are threads. One thread for all requests is enough.
    let held = || Some(mailbox.held()).filter(|held| *held == requests.len());
    check.comes(held);
    mailbox.release_all();
    mailbox.wait_letters(&check, total);
    check.as_far_as_written(|| adds_up(&check, &server, &http, total));
}

#[test]
fn reports_that_nobody_reads_stop_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(3);
        mails[0].to = "no address at all".into();
        let did = format!("posted 3 mails, one with a bad address, to a server whose stderr {what}");
        let check = spec.early_check(did);
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        let before = mailbox.letters().len();
        let _posted = http.begin_post_mails(&mails);
        mailbox.wait_letters(&check, before + 2);
    }
}
