//! Step 5: one conversation without blocking: connect, send the message, and return the session when the mail is accepted, or
//! the error when it is not. With this step all is written, so these checks look at the whole program.

use super::*;

fn check_stats(check: &Check, http: &Http, mails_sent: usize) {
    let expected = json!({"mails_sent": mails_sent});
    check.json("the body of GET /stats", &http.get(check, "/stats").json(), &expected);
}

/// Every mail has arrived once, in whatever order.
fn check_arrived<'a>(check: &Check, mailbox: &Mailbox, mails: impl IntoIterator<Item = &'a Mail>) {
    let expected = mails.into_iter().map(|mail| mail.to.clone()).collect();
    let what = "the sorted list of recipients in the mailbox";
    check.equal(what, &sorted(mailbox.recipients()), &sorted(expected));
}

#[test]
fn one_thread_keeps_running_while_mails_are_held() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let connections = spec.number(2..6);
    let mails = spec.mails(connections + 3);
    let did =
        format!("posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox holds each", mails.len());
    let check = spec.check(did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.hold([Point::Connect, Point::Rcpt, Point::Accept][spec.number(0..3)]);

    post(&check, &http, &mails);
    mailbox.wait_held(&check, 1);
    http.is_healthy(&check);
    check_stats(&check, &http, 0);
    mailbox.wait_held(&check, connections);
    if let Some(threads) = support::process::threads(server.pid()) {
        check.equal("the number of threads while mails are in flight", &threads, &1);
    }
    server.sleeps(&check, "it waits for the mailbox");
    mailbox.release_all();
    check_logged(&check, &server, mails.len());
    check_arrived(&check, &mailbox, &mails);
    check_stats(&check, &http, mails.len());
}

#[test]
fn a_mail_that_fails_does_not_disturb_its_neighbours() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let connections = spec.number(2..5);
    let mails = spec.mails(connections * 5 + 1);
    let bad: Vec<&Mail> = mails.iter().skip(1).step_by(2).collect();
    let did = format!(
        "posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox refuses or drops {} of them",
        mails.len(),
        bad.len()
    );
    let check = spec.check(did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);
    for mail in &bad {
        let replies = [Reply::Refuse(450), Reply::Refuse(550), Reply::Unavailable, Reply::Drop];
        mailbox.reply(&mail.to, replies[spec.number(0..replies.len())]);
    }

    post(&check, &http, &mails);
    check_logged(&check, &server, mails.len() - bad.len());
    for mail in &bad {
        server.log_line(&check, &starts_with("error: ").and(contains(mail.to.clone())));
    }
    check_arrived(&check, &mailbox, mails.iter().step_by(2));
    check_stats(&check, &http, mails.len() - bad.len());
}

#[test]
fn an_smtp_server_that_is_down_means_that_no_mail_is_sent() {
    let spec = support::spec!();
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let mails = spec.mails(spec.number(5..9));
    let did = format!("posted {} mails with SMTP_CONNECTIONS=2; nobody listens on {url}", mails.len());
    let check = spec.check(did);
    let (server, http) = start(&spec, &url, 2, &check);

    post(&check, &http, &mails);
    check_logged(&check, &server, 0);
    for mail in &mails {
        server.log_line(&check, &starts_with("error: ").and(contains(mail.to.clone())));
    }
    check_stats(&check, &http, 0);
}

#[test]
fn concurrent_requests_add_up() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let requests: Vec<_> = (0..20).map(|_| spec.mails(spec.number(0..6))).collect();
    let connections = spec.number(1..9);
    let check = spec.check(format!("posted 20 requests at once with SMTP_CONNECTIONS={connections}"));
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);

    let posted: Vec<_> = requests.iter().map(|mails| http.begin_post_mails(mails)).collect();
    posted.into_iter().for_each(|posted| check.is_sent(&posted.wait(&check)));
    mailbox.wait_letters(&check, requests.iter().map(Vec::len).sum());
    let line = |mails: &Vec<Mail>| format!("Number of mails sent {}", mails.len());
    let expected = sorted(requests.iter().map(line).collect());
    check.eventually("20 log lines `Number of mails sent N` on stderr", || {
        (server.numbers_logged().len() >= expected.len()).then_some(())
    });
    check.equal("the sorted list of log lines", &server.numbers_logged(), &expected);
    check_arrived(&check, &mailbox, requests.iter().flatten());
    check_stats(&check, &http, requests.iter().map(Vec::len).sum());
}
