//! Step 5: count each mail as soon as it is accepted where all threads can see it, in one step that no other thread can come
//! between. `GET /stats` answers `{"mails_sent": N}`, the number since the server began.

use super::*;

/// The answer to `GET /stats` must be this number.
fn says(check: &Check, http: &Http, number: usize) {
    let expected = json!({"mails_sent": number});
    check.json("the body of GET /stats", &http.get(check, "/stats").json(), &expected);
}

/// The answer to `GET /stats` must be this number when the work is done. Each mail is counted before anything is said about its
/// request, so nothing more will come.
fn comes_to_say(check: &Check, http: &Http, number: usize, is_done: impl Fn() -> bool) {
    let expected = json!({"mails_sent": number});
    check.comes(|| (is_done() || http.get(check, "/stats").json() == expected).then_some(()));
    says(check, http, number);
}

#[test]
fn each_mail_is_counted_as_soon_as_it_is_accepted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("asked GET /stats at the beginning");
    let (server, http) = spec.server(&mailbox).serve(&check);
    says(&check, &http, 0);

    let accepted = spec.number(3..6);
    let mut mails = spec.mails(accepted + 2);
    mailbox.reply(&mails[0].to, Reply::Refuse(550));
    mails[accepted + 1].subject = PANIC_SUBJECT.into();
    let did = format!(
        "posted {} mails; the mailbox refuses the first one and lets the others go one after another, and the last one \
         makes the sending code panic; asked GET /stats before each one and after the last",
        mails.len()
    );
    let check = spec.check(did);
    mailbox.hold(Point::Accept);
    let _posted = http.begin_post_mails(&mails);
    for number in 0..accepted {
        // The thread is at the next mail, so it has counted those before.
        mailbox.wait_held(&check, 1);
        says(&check, &http, number);
        mailbox.release_one();
        mailbox.wait_letters(&check, number + 1);
    }
    comes_to_say(&check, &http, accepted, || server.stderr().contains(PANIC_MESSAGE));
}

#[test]
fn requests_at_the_same_time_add_up() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let requests: Vec<_> = (0..20).map(|_| spec.mails(spec.number(1..3))).collect();
    let total: usize = requests.iter().map(Vec::len).sum();
    let did = format!(
        "posted 1 mail, then {total} in 20 requests while the mailbox holds each, and let all of them go at once"
    );
    let check = spec.check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    let _first = http.begin_post_mails(&spec.mails(1));
    // If one mail alone isn't counted, the check above says so.
    let counts = || http.get(&check, "/stats").json() == json!({"mails_sent": 1});
    check.comes(|| (!server.numbers_logged().is_empty() || counts()).then_some(()));
    if !counts() {
        return;
    }
    mailbox.hold(Point::Accept);
    let _posted: Vec<_> = requests.iter().map(|mails| http.begin_post_mails(mails)).collect();
    all_held(&check, &mailbox, requests.len());
    mailbox.release_all();
    comes_to_say(&check, &http, 1 + total, || server.numbers_logged().len() > requests.len());
}
