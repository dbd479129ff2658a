//! Step 2: start a task for each mail, each with a permit of `app.permits`, which it puts back at its end: at most
//! `SMTP_CONNECTIONS` conversations are open at once, whatever requests they belong to.

use super::*;
use std::time::{Duration, Instant};

/// How long the program waits for an answer of the mailbox: the given `SMTP_TIMEOUT`.
const GIVES_UP: Duration = Duration::from_secs(10);

const HELD: &str = "SMTP conversations held at once";

/// Waits until there are so many. False when the program has given up a mail, or a whole request: steps 3 to 5 answer for
/// that.
fn are_there(check: &Check, server: &Running, count: usize, what: &str, now: impl Fn() -> usize) -> bool {
    check.eventually_gives(&format!("{count} {what} by the mailbox"), || match now() {
        now if now >= count => Ok(true),
        _ if gave_up(server) || !server.numbers_logged().is_empty() => Ok(false),
        now => Err(format!("{now} {what}")),
    })
}

/// The gates are closed: exactly `connections` conversations are held, and not one more is opened. False as above.
fn are_exactly(check: &Check, server: &Running, mailbox: &Mailbox, connections: usize) -> bool {
    if !are_there(check, server, connections, HELD, || mailbox.held()) {
        return false;
    }
    server.rests();
    let more = || (mailbox.open_conversations() > connections).then_some(());
    let too_many = limit::poll(limit::BRIEFLY, more).is_some();
    let expected = format!(
        "at most {connections} SMTP conversations at once, since that is SMTP_CONNECTIONS (4 when it is not set)"
    );
    check.holds(&expected, !too_many, format!("{} at once", mailbox.open_conversations()));
    true
}

/// Lets one mail after another go. Each makes room for exactly one more. What becomes of the last ones is a
/// matter of step 3.
fn release_each(check: &Check, server: &Running, mailbox: &Mailbox, mails: usize, connections: usize) {
    for sent in 1..mails - connections {
        mailbox.release_one();
        if !are_there(check, server, connections, HELD, || mailbox.held()) {
            return;
        }
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
    // Tasks that wait for their permits themselves begin only when step 3 waits for them.
    let check = spec.check(did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);

    let _posted = http.begin_post_mails(&mails);
    // All but the last ones: whether these are waited for is a matter of step 3, and so is a count that comes before them.
    let due = without_address(&mails[..connections * 3]);
    check.eventually_gives("a line `error: …` on stderr for each mail that has no address", || {
        let said = server.logged("error: ");
        let are_reported = due.iter().all(|mail| said.iter().any(|line| line.contains(&mail.to)));
        let are_over = server.numbers_logged() == ["Number of mails sent 0"];
        if are_reported || are_over { Ok(()) } else { Err(server.stderr()) }
    });
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
        if are_held(&check, &http, &mailbox) && are_exactly(&check, &server, &mailbox, connections) {
            release_each(&check, &server, &mailbox, mails.len(), connections);
        }
    });
}

#[test]
fn all_requests_share_one_limit() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    // Not the default, so that a program that does not read SMTP_CONNECTIONS is seen.
    let connections = [2, 3, 5, 6][spec.number(0..4)];
    let requests: Vec<_> = (0..4).map(|number| spec.mails(connections + number)).collect();
    let total: usize = requests.iter().map(Vec::len).sum();
    let did = format!(
        "posted {total} mails in 4 requests with SMTP_CONNECTIONS={connections}; the mailbox holds each"
    );
    let check = spec.early_check(did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold(Point::Rcpt);
    check.as_far_as_written(|| {
        let _first = http.begin_post_mails(&requests[0]);
        if !are_held(&check, &http, &mailbox) || !are_exactly(&check, &server, &mailbox, connections) {
            return;
        }
        // Nothing waits for a permit yet. So a program that doesn't sleep now waits for its tasks, or for the mailbox: steps 3
        // and 5.
        let slept = server.is_busy_waiting().is_none();
        let others: Vec<_> = requests[1..].iter().map(|mails| http.begin_post_mails(mails)).collect();
        others.into_iter().for_each(|posted| drop(posted.comes(&check)));
        if are_exactly(&check, &server, &mailbox, connections) && slept {
            server.sleeps(&check, "it waits for a permit");
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
            are_exactly(&check, &server, &mailbox, 4);
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
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold_recipient(Point::Accept, &slow.to);
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&mails);
        if are_held(&check, &http, &mailbox) {
            // All but the last ones, as above.
            let began = Instant::now();
            are_there(&check, &server, connections * 2, "mails accepted", || mailbox.letters().len());
            // After 10 seconds the client gives up the slow mail, and the others come after all. One that gives up much sooner
            // is a matter of step 4.
            let in_time = mailbox.held() == 1 || began.elapsed() < GIVES_UP / 2;
            let expected = "the other mails accepted while the mailbox holds the slow one";
            check.holds(expected, in_time, "they came when the client had given it up");
        }
    });
}

#[test]
fn a_bad_number_of_connections_is_bad_configuration() {
    let spec = support::spec!();
    spec.refuses_values("SMTP_CONNECTIONS", &["", "0", "-1", "four", "2.5"], "4");
}
