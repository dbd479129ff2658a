//! Step 4: wait for the number with `.await`, so that the event loop goes on, and log `Number of mails sent N` on one line.
//! When the thread has panicked, log an error that says so instead.

use super::*;

#[test]
fn each_request_has_its_line_when_the_work_is_done() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let requests = [2, 0, 3].map(|count| spec.mails(count));
    let check = spec.early_check("posted 2 mails, none, and 3 mails, one request after another");
    let (server, http) = spec.server(&mailbox).serve(&check);
    for mails in &requests {
        check.is_sent(&http.post_mails(&check, mails));
        server.logs(&check, &format!("Number of mails sent {}", mails.len()));
    }
    let expected: Vec<_> = [0, 2, 3].map(|count| format!("Number of mails sent {count}")).into();
    check.equal("the sorted list of log lines", &server.numbers_logged(), &expected);
}

#[test]
fn requests_at_once_have_a_line_each() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let requests: Vec<_> = (0..20).map(|_| spec.mails(spec.number(1..3))).collect();
    let did = "posted 20 requests while the mailbox holds every mail, then let all go at once";
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Accept);

    let posted: Vec<_> = requests.iter().map(|mails| http.begin_post_mails(mails)).collect();
    posted.into_iter().for_each(|posted| check.is_sent(&posted.wait(&check)));
    mailbox.wait_held(&check, 1);
    mailbox.release_all();

    let line = |mails: &Vec<Mail>| format!("Number of mails sent {}", mails.len());
    let expected = sorted(requests.iter().map(line).collect());
    check.eventually("20 log lines `Number of mails sent N` on stderr", || {
        (server.numbers_logged().len() >= expected.len()).then_some(())
    });
    check.equal("the sorted list of log lines", &server.numbers_logged(), &expected);
}

#[test]
fn the_event_loop_goes_on_and_rests_while_log_waits() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("posted 2 mails, got the answer, and the mailbox holds the first mail");
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Rcpt);

    check.is_sent(&http.post_mails(&check, &spec.mails(2)));
    mailbox.wait_held(&check, 1);
    server.sleeps(&check, "it waits");
    http.is_healthy(&check);
    let what = "the list of log lines `Number of mails sent N` before the work is done";
    check.equal(what, &server.numbers_logged(), &vec![]);
    mailbox.release_all();
    server.logs(&check, "Number of mails sent 2");
}

#[test]
fn a_panic_is_logged() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(spec.number(2..5));
    mails[1].subject = PANIC_SUBJECT.into();
    let did = format!("posted {} mails, the second of which makes the sending code panic", mails.len());
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);

    check.is_sent(&http.post_mails(&check, &mails));
    server.log_line(&check, &starts_with("error: ").and(contains("panicked")));
    let panics = server.stderr().matches("panicked at ").count();
    check.equal("the number of panics: that of `send` alone", &panics, &1);
    let check = spec.early_check("posted 1 more mail after the panic");
    check.is_sent(&http.post_mails(&check, &spec.mails(1)));
    server.logs(&check, "Number of mails sent 1");
    let expected = vec!["Number of mails sent 1".to_owned()];
    check.equal("the list of log lines, with none for the panic", &server.numbers_logged(), &expected);
    http.is_healthy(&check);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(2);
        mails[1].subject = PANIC_SUBJECT.into();
        let did = format!(
            "posted mails, some of which make the sending code panic, to a server whose stderr {what}"
        );
        let check = spec.early_check(did);
        let (server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        let before = mailbox.letters().len();
        for (number, mails) in [&mails[..1], &mails, &mails[..1]].into_iter().enumerate() {
            check.is_sent(&http.post_mails(&check, mails));
            mailbox.wait_letters(&check, before + number + 1);
        }
        http.is_healthy(&check);
        if matches!(reader, Reader::Stays) {
            server.logs(&check, "Number of mails sent 1");
        }
    }
}
