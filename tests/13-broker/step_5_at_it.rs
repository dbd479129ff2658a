//! Step 5: while a mail takes long, tell the broker again and again that its worker is still at it.

use super::*;

/// How long a mail is held. Whether something does not happen only time can tell.
const HELD: Duration = Duration::from_millis(2500);

#[test]
fn a_mail_that_takes_long_is_not_given_to_another() {
    let did = format!("posted a mail and held it for 2.5 times ACK_WAIT_MS={SHORT}");
    let Some((check, site)) = begin(support::spec!(), did, SHORT) else { return };
    let (here, there, mails) = (site.spec.mailbox(), site.other_mailbox(), site.spec.mails(1));
    here.hold(Point::Rcpt);
    let server = site.server();
    let first = site.worker(&here);
    server.post(&check, &mails);
    wait_in_hand(&check, &here);
    let _second = site.worker(&there);
    limit::poll(HELD, || (!there.letters().is_empty()).then_some(()));
    let given = counted(there.letters().len(), "mail");
    check.holds("no mail at another host meanwhile", there.letters().is_empty(), given);
    first.sleeps(&check, "its mail server takes its time");
    here.release_all();
    logs_number(&check, &server, 1);
    arrived_once(&check, &[&here, &there], &mails);
}

#[test]
fn a_mail_that_takes_long_is_not_lost_when_its_worker_is_killed() {
    let did = format!("posted a mail, held it for 0.8 times ACK_WAIT_MS={SHORT}, and killed the worker");
    let Some((check, site)) = begin(support::spec!(), did, SHORT) else { return };
    let (here, there, mails) = (site.spec.mailbox(), site.other_mailbox(), site.spec.mails(1));
    here.hold(Point::Rcpt);
    let server = site.server();
    let mut first = site.worker(&here);
    server.post(&check, &mails);
    wait_in_hand(&check, &here);
    // Time itself is what this check is about: within it, the worker tells the broker twice that it is still at it, which
    // nothing shows from outside.
    std::thread::sleep(Duration::from_millis(800));
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let _second = site.worker(&there);
    wait_letters_again(&check, &there, 1);
    logs_number(&check, &server, 1);
    wait_until_gone(&check, &site);
}

#[test]
fn a_mail_that_goes_out_twice_has_one_name_and_counts_once() {
    let did = "stopped a worker in the middle of a mail, let another send it, then went on";
    let Some((check, site)) = begin(support::spec!(), did, SHORT) else { return };
    let (here, there) = (site.spec.mailbox(), site.other_mailbox());
    here.hold(Point::Rcpt);
    let server = site.server();
    let first = site.worker(&here);
    server.post(&check, &site.spec.mails(1));
    wait_in_hand(&check, &here);
    first.signal(Signal::SIGSTOP);
    let _second = site.worker(&there);
    wait_letters_again(&check, &there, 1);
    here.release_all();
    first.signal(Signal::SIGCONT);
    here.wait_letters(&check, 1);
    check_message_ids(&check, &[&here, &there], 1);
    wait_logged(&check, &server, 1);
    wait_until_gone(&check, &site);
    let logged = logged(&server);
    let expected = "one line in the log: the job was done when the second report came";
    check.holds(expected, logged.len() == 1, format!("{logged:?}"));
}

#[test]
fn nothing_is_lost_when_the_broker_is_restarted() {
    let did = "posted mails, ended the broker while a worker had one in hand, and started it again";
    let Some((check, mut site)) = begin(support::spec!(), did, SHORT) else { return };
    let (spec, mailbox) = (site.spec.clone(), site.spec.mailbox());
    let (before, after) = (spec.mails(spec.number(5..20)), spec.mails(spec.number(2..5)));
    let signal = [Signal::SIGTERM, Signal::SIGKILL][spec.number(0..2)];
    mailbox.hold(Point::Rcpt);
    let server = site.server();
    let _worker = site.worker(&mailbox);
    server.post(&check, &before);
    wait_in_hand(&check, &mailbox);
    let held_before = Holdings::of(&server);
    site.broker.stop(&check, signal);

    let away = spec.check("posted a mail while the broker is away");
    server.log_line(&away, &contains("broker: disconnected"));
    let unwanted = spec.mails(1);
    let refused = server.offer(&away, &unwanted);
    away.equal("the status of the answer", &refused.status, &503);
    let come_again = refused.header("retry-after").is_some();
    away.holds("a header Retry-After", come_again, refused.describe_headers());
    server.is_healthy(&away);

    site.broker.restart(&check);
    eventually_again(&check, "the mails are in the broker again: its streams are on disk", || {
        let count = site.broker.messages(&check).unwrap_or_default();
        if count > 0 { Ok(()) } else { Err("no message in its streams".into()) }
    });
    mailbox.release_all();
    wait_logged(&check, &server, before.len());
    server.post(&check, &after);
    wait_logged(&check, &server, after.len());
    let all = [before.clone(), after].concat();
    wait_until_gone(&check, &site);
    let sent_though = mailbox.recipients().contains(&unwanted[0].to);
    let expected = "the mail that was answered with 503 is not sent when the broker is back";
    away.holds(expected, !sent_though, format!("a mail to {}", unwanted[0].to));
    arrived(&check, &[&mailbox], &all);
    let what = format!("the broker got {signal} with 1 mail in hand and {} in the queue", before.len() - 1);
    let account = account(&check, &site, &server, &[&mailbox], &all, held_before);
    figures::publish("13-restart", &format!("{what}\n{account}"));
}
