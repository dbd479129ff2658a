//! Step 4: wait for the number with `.await`, so that the event loop goes on, and log `Number of mails sent N` on one line.
//! When the thread has panicked, log an error that says so instead.

use super::*;

#[test]
fn each_request_has_its_line_when_the_work_is_done() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let line = |mails: &Vec<Mail>| format!("Number of mails sent {}", mails.len());
    let what = "the sorted list of log lines";
    let requests = [2, 0, 3].map(|count| spec.mails(count));
    let check = spec.early_check("posted 2 mails, none, and 3 mails, one request after another");
    let (server, http) = spec.server(&mailbox).serve(&check);
    for mails in &requests {
        let _posted = http.begin_post_mails(mails);
        server.logs(&check, &line(mails));
    }
    let mut expected: Vec<_> = requests.iter().map(line).collect();
    check.equal(what, &server.numbers_logged(), &sorted(expected.clone()));

    let requests: Vec<_> = (0..20).map(|_| spec.mails(spec.number(1..3))).collect();
    let did = "posted 20 requests more while the mailbox holds every mail, then let all go at once";
    let check = spec.early_check(did);
    mailbox.hold(Point::Accept);
    let _posted: Vec<_> = requests.iter().map(|mails| http.begin_post_mails(mails)).collect();
    all_held(&check, &mailbox, requests.len());
    mailbox.release_all();
    expected.extend(requests.iter().map(line));
    check.eventually("20 more log lines `Number of mails sent N` on stderr", || {
        (server.numbers_logged().len() >= expected.len()).then_some(())
    });
    check.equal(what, &server.numbers_logged(), &sorted(expected));
}

#[test]
fn the_event_loop_goes_on_and_rests_while_log_waits() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("posted 2 mails, and the mailbox holds the first one");
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Rcpt);
    let _posted = http.begin_post_mails(&spec.mails(2));
    mailbox.wait_held(&check, 1);
    server.sleeps(&check, "it waits");
    http.is_healthy(&check);
    let lines = [server.numbers_logged(), server.logged("error: ")].concat();
    check.equal("the list of log lines before the work is done", &lines, &vec![]);
}

#[test]
fn a_panic_is_logged() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(spec.number(2..5));
    mails[1].subject = PANIC_SUBJECT.into();
    let did = format!("posted {} mails, the second of which makes the sending code panic", mails.len());
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);

    let _posted = http.begin_post_mails(&mails);
    server.log_line(&check, &starts_with("error: ").and(contains("panicked")));
    http.is_healthy(&check);
    let panics = server.stderr().matches("panicked at ").count();
    check.equal("the number of panics: that of `send` alone", &panics, &1);
    let what = "the list of log lines `Number of mails sent N`: a panic has none";
    check.equal(what, &server.numbers_logged(), &vec![]);
}

#[test]
fn an_unread_log_stops_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let servers = Reader::ALL.map(|(reader, what)| {
        let mut mails = spec.mails(2);
        mails[1].subject = PANIC_SUBJECT.into();
        let did = format!(
            "posted 1 mail, then 2, the second of which makes the sending code panic, to a server whose stderr {what}"
        );
        let check = spec.early_check(did);
        let (server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        for mails in [&mails[..1], &mails] {
            let before = mailbox.letters().len();
            let _posted = http.begin_post_mails(mails);
            mailbox.wait_letters(&check, before + 1);
        }
        if reader == Reader::Stays {
            check.comes(|| (!said_of_requests(&server).is_empty()).then_some(()));
        }
        (check, server, http)
    });
    for (check, server, http) in servers {
        // Now `log` has said what it has to say, or waits for a reader.
        server.rests();
        http.is_healthy(&check);
    }
}
