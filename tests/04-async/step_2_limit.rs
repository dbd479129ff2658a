//! Step 2: start a task for each mail, each with a permit of `app.permits`, which it puts back at its end: at most
//! `SMTP_CONNECTIONS` conversations are open at once, whatever requests they belong to.

use super::*;

/// The gates are closed: exactly `connections` conversations are held, and not one more is opened.
fn check_exactly(check: &Check, server: &Running, mailbox: &Mailbox, connections: usize) {
    mailbox.wait_held(check, connections);
    server.rests();
    let more = || (mailbox.open_conversations() > connections).then_some(());
    let too_many = limit::poll(limit::BRIEFLY, more).is_some();
    let expected = format!(
        "at most {connections} SMTP conversations at once, since that is SMTP_CONNECTIONS (4 when it is not set)"
    );
    check.holds(&expected, !too_many, format!("{} at once", mailbox.open_conversations()));
}

/// Lets one mail after another go. Each makes room for exactly one more. What becomes of the last ones is a
/// matter of step 3.
fn release_each(check: &Check, mailbox: &Mailbox, mails: usize, connections: usize) {
    for sent in 1..mails - connections {
        mailbox.release_one();
        mailbox.wait_held(check, connections);
        let open = mailbox.open_conversations();
        let expected =
            format!("at most {connections} SMTP conversations at once after mail {sent} of {mails}");
        check.holds(&expected, open <= connections, format!("{open} at once"));
    }
}

#[test]
fn each_mail_has_a_task_whatever_becomes_of_those_before_it() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let connections = spec.number(2..5);
    let mails = failing_mails(&spec, connections * 4);
    let did = format!(
        "posted {} mails with SMTP_CONNECTIONS={connections}; one half has no address, the other makes the \
         sending code panic",
        mails.len()
    );
    let check = spec.early_check(did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);

    let _posted = http.begin_post_mails(&mails);
    // All but the last ones: whether these are waited for is a matter of step 3.
    for mail in without_address(&mails[..connections * 3]) {
        server.log_line(&check, &starts_with("error: ").and(contains(mail.to.clone())));
    }
}

#[test]
fn one_request_has_as_many_mails_in_flight_as_the_limit_allows() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let connections = spec.number(2..9);
    let mails = spec.mails(connections * 2 + spec.number(1..4));
    let did =
        format!("posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox holds each", mails.len());
    let check = spec.early_check(did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold([Point::Rcpt, Point::Data, Point::Accept][spec.number(0..3)]);
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&mails);
        if are_held(&check, &http, &mailbox) {
            check_exactly(&check, &server, &mailbox, connections);
            server.sleeps(&check, "it waits for a permit");
            release_each(&check, &mailbox, mails.len(), connections);
        }
    });
}

#[test]
fn all_requests_share_one_limit() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    // Not the default, so that a program that does not read SMTP_CONNECTIONS is seen.
    let connections = [2, 3, 5, 6][spec.number(0..4)];
    let requests: Vec<_> = (1..5).map(|number| spec.mails(connections + number)).collect();
    let total: usize = requests.iter().map(Vec::len).sum();
    let did = format!(
        "posted {total} mails in 4 requests with SMTP_CONNECTIONS={connections}; the mailbox holds each"
    );
    let check = spec.early_check(did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold(Point::Rcpt);
    check.as_far_as_written(|| {
        let _first = http.begin_post_mails(&requests[0]);
        if are_held(&check, &http, &mailbox) {
            check_exactly(&check, &server, &mailbox, connections);
            let others: Vec<_> = requests[1..].iter().map(|mails| http.begin_post_mails(mails)).collect();
            others.into_iter().for_each(|posted| drop(posted.comes(&check)));
            check_exactly(&check, &server, &mailbox, connections);
        }
    });
}

#[test]
fn the_limit_is_4_by_default() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(9);
    let check = spec.early_check("posted 9 mails without SMTP_CONNECTIONS; the mailbox holds each");
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Rcpt);
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&mails);
        if are_held(&check, &http, &mailbox) {
            check_exactly(&check, &server, &mailbox, 4);
        }
    });
}

#[test]
fn a_slow_mail_ties_up_only_its_own_permit() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let connections = spec.number(2..5);
    let mails = spec.mails(connections * 3 + 1);
    let slow = &mails[spec.number(0..connections)];
    let did = format!(
        "posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox holds one of the first",
        mails.len()
    );
    let check = spec.early_check(did);
    let (_server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold_recipient(Point::Accept, &slow.to);
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&mails);
        if are_held(&check, &http, &mailbox) {
            // All but the last ones, as above.
            mailbox.wait_letters(&check, connections * 2);
        }
    });
}

#[test]
fn a_bad_number_of_connections_is_bad_configuration() {
    let spec = support::spec!();
    spec.refuses_values("SMTP_CONNECTIONS", &["", "0", "-1", "four", "2.5"], "4");
}
