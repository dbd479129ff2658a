//! Step 5: `GET /stats` answers `{"mails_sent": N}`, the number of mails that were accepted since the server began.

use super::*;

#[test]
fn stats_answers_the_number_of_all_mails_so_far() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("asked GET /stats at the beginning");
    let (_server, http) = spec.server(&mailbox).serve(&check);
    check.json("the body of GET /stats", &http.get(&check, "/stats").json(), &json!({"mails_sent": 0}));

    let mut sent = 0;
    for mails in [spec.mails(2), spec.mails(3)] {
        sent += mails.len();
        let check = spec.check(format!("posted mails, {sent} so far, and asked GET /stats"));
        check.is_sent(&http.post_mails(&check, &mails));
        let expected = json!({"mails_sent": sent});
        check.eventually_gives(&format!("the body of GET /stats is {expected}"), || {
            let answer = http.get(&check, "/stats");
            if answer.json() == expected { Ok(()) } else { Err(answer.body) }
        });
        let again = http.get(&check, "/stats").json();
        check.json("the body of GET /stats, asked once more,", &again, &expected);
    }
}

#[test]
fn stats_answers_while_a_mail_is_held() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 2 mails; the mailbox holds the first one; asked GET /stats");
    let (_server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Rcpt);

    let _posted = http.begin_post_mails(&spec.mails(2));
    mailbox.wait_held(&check, 1);
    check.json("the body of GET /stats", &http.get(&check, "/stats").json(), &json!({"mails_sent": 0}));
}
