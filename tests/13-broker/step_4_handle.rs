//! Step 4: send, report, acknowledge, in this order. A mail that can't be sent now is given back for later, and
//! after five deliveries it is given up.

use super::*;

#[test]
fn a_job_is_accepted_sent_reported_and_gone() {
    let Some((check, site)) = begin(support::spec!(), "posted mails to a server with one worker", LONG)
    else {
        return;
    };
    let (mailbox, mails) = (site.spec.mailbox(), site.spec.mails(site.spec.number(3..9)));
    let server = site.server();
    let _worker = site.worker(&mailbox);
    server.post(&check, &mails);
    mailbox.wait_letters(&check, mails.len());
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&mailbox], &mails);
    for letter in mailbox.letters() {
        let mail = mails.iter().find(|mail| letter.recipients == [mail.to.as_str()]);
        let subject = mail.map(|mail| mail.subject.clone()).unwrap_or_default();
        check.equal("the subject", &letter.header("Subject"), &subject);
    }
    check_message_ids(&check, &[&mailbox], mails.len());
    let did = format!("looked into the broker when {} were sent and reported", counted(mails.len(), "mail"));
    wait_until_gone(&site.spec.check(did), &site);
}

#[test]
fn what_is_accepted_waits_for_a_worker() {
    let did = "posted 2 mails and 3 mails while there is no worker, then started one";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    let (first, second) = (site.spec.mails(2), site.spec.mails(3));
    let server = site.server();
    server.post(&check, &first);
    server.post(&check, &second);
    let _worker = site.worker(&mailbox);
    for number in [2, 3] {
        wait_logged(&check, &server, number);
    }
    arrived_once(&check, &[&mailbox], &[first, second].concat());
}

#[test]
fn a_full_queue_has_room_again_when_a_worker_has_done_something() {
    let did =
        "posted mails of 1 kB each, with QUEUE_BYTES=10000, until the queue was full, and started a worker";
    let Some((check, mut site)) = begin(support::spec!(), did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    site.set("QUEUE_BYTES", 10_000);
    let server = site.server();
    let large = || [Mail { text: "x".repeat(1000), ..site.spec.mail() }];
    let accepted = (0..20).take_while(|_| server.offer(&check, &large()).status == 202).count();
    let _worker = site.worker(&mailbox);
    mailbox.wait_letters(&check, accepted);
    wait_until_gone(&check, &site);
    server.post(&check, &large());
    mailbox.wait_letters(&check, accepted + 1);
}

#[test]
fn a_job_that_was_done_is_not_done_again_for_the_same_key() {
    let did = "posted mails with an Idempotency-Key, restarted the broker when they were sent, and posted them again";
    let Some((check, mut site)) = begin(support::spec!(), did, LONG) else { return };
    let (mailbox, mails) = (site.spec.mailbox(), site.spec.mails(site.spec.number(2..6)));
    let server = site.server();
    let _worker = site.worker(&mailbox);
    let post_it = || {
        server.http.post_with(&check, "/endpoint", &[("idempotency-key", "a-key")], &mail::request(&mails))
    };
    jobs::job_of(&check, &post_it());
    logs_number(&check, &server, mails.len());
    wait_until_gone(&check, &site);
    // A broker forgets ids when it is restarted and their messages are gone. The ledger does not.
    site.broker.stop(&check, Signal::SIGTERM);
    site.broker.restart(&check);
    let lines = || server.logged("broker: connected").len();
    // A client tries to connect again after a pause.
    eventually_again(&check, "a second line `broker: connected` in the log", || match lines() {
        2 => Ok(()),
        count => Err(counted(count, "line")),
    });
    jobs::job_of(&check, &post_it());
    // What comes after it in the queue shows that nothing of the first job is in it.
    let last = site.spec.mails(mails.len() + 1);
    server.post(&check, &last);
    wait_logged(&check, &server, last.len());
    arrived_once(&check, &[&mailbox], &[mails.clone(), last].concat());
    check.equal("the number of lines about jobs in the log", &logged(&server).len(), &2);
}

#[test]
fn hosts_share_the_work() {
    let did = "posted mails to two hosts; the mailbox of the first one holds its mail";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let (here, there) = (site.spec.mailbox(), site.other_mailbox());
    let mails = site.spec.mails(site.spec.number(4..9));
    here.hold(Point::Rcpt);
    let server = site.server();
    let _first = site.worker(&here);
    server.post(&check, &mails);
    wait_in_hand(&check, &here);
    let _second = site.worker(&there);
    // All but the one that the first host has in hand.
    there.wait_letters(&check, mails.len() - 1);
    check.equal("the number of mails that the first host has in hand", &here.held(), &1);
    here.release_all();
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&here, &there], &mails);
}

#[test]
fn the_mail_of_a_killed_worker_is_delivered_to_another_host() {
    let did = "posted mails, killed the worker that has the first in hand, started another";
    let Some((check, site)) = begin(support::spec!(), did, SHORT) else { return };
    let (here, there) = (site.spec.mailbox(), site.other_mailbox());
    let mails = site.spec.mails(site.spec.number(2..5));
    here.hold(Point::Data);
    let server = site.server();
    let mut first = site.worker(&here);
    server.post(&check, &mails);
    wait_in_hand(&check, &here);
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let _second = site.worker(&there);
    there.wait_letters(&check, mails.len() - 1);
    let expected = "the mail that the killed worker had in hand comes again: it was not acknowledged";
    eventually_again(&check, expected, || {
        let count = there.letters().len();
        let came = format!("{} at the other host of {} posted", counted(count, "mail"), mails.len());
        if count >= mails.len() { Ok(()) } else { Err(came) }
    });
    logs_number(&check, &server, mails.len());
    arrived_once(&check, &[&here, &there], &mails);
    wait_until_gone(&check, &site);
}

#[test]
fn a_worker_that_is_cut_off_after_its_acknowledgement_has_reported() {
    let did = "posted a mail; after its acknowledgement, nothing of what the worker says reaches the broker";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    let proxy = Proxy::cut_after(site.broker.port(), b"PUB $JS.ACK.").expect("a free port");
    let server = site.server();
    let mut worker = site.worker_program(mailbox.url()).env("NATS_URL", url(&proxy)).start();
    server.post(&check, &site.spec.mails(1));
    let expected = "an acknowledgement, +ACK, on the worker's connection";
    check.eventually(expected, || proxy.was_cut().then_some(()));
    worker.signal(Signal::SIGKILL);
    worker.wait(&check);
    // The mail is gone from the queue. If it was not reported before, it never will be.
    logs_number(&check, &server, 1);
    wait_until_gone(&check, &site);
}

#[test]
fn every_mail_arrives_however_many_workers_are_killed() {
    // At the last one the mail is accepted already, so it comes twice.
    const POINTS: [Point; 8] = [
        Point::Connect,
        Point::Rcpt,
        Point::Data,
        Point::Answer,
        Point::Accept,
        Point::Rcpt,
        Point::Data,
        Point::Answer,
    ];
    let did = format!("posted mails to two hosts, and killed {} workers at work", POINTS.len());
    let Some((check, site)) = begin(support::spec!(), did, SHORT) else { return };
    let (here, there) = (site.spec.mailbox(), site.other_mailbox());
    // Each job has another number of mails, by which its line in the log is known.
    let least = site.spec.number(10..15);
    let jobs: Vec<_> = (least..least + POINTS.len()).map(|count| site.spec.mails(count)).collect();
    let server = site.server();
    let before = Holdings::of(&server);
    let hosts = [&here, &there];
    let mut workers = hosts.map(|mailbox| site.worker(mailbox));
    let mut posted = 0;
    for (kill, (point, job)) in POINTS.into_iter().zip(&jobs).enumerate() {
        // Both hosts, or the other one might do all of the job before this one gets a mail.
        hosts.iter().for_each(|host| host.hold(point));
        server.post(&check, job);
        posted += job.len();
        let victim = kill % 2;
        hosts[victim].wait_held(&check, 1);
        workers[victim].signal(Signal::SIGKILL);
        workers[victim].wait(&check);
        hosts.iter().for_each(|host| host.release_all());
        workers[victim] = site.worker(hosts[victim]);
        // What a killed worker had in hand comes again later.
        let goal = posted - kill - 1;
        eventually_again(&check, &format!("{goal} mails in the mailboxes"), || {
            let count = here.letters().len() + there.letters().len();
            if count >= goal { Ok(()) } else { Err(counted(count, "mail")) }
        });
    }
    jobs.iter().for_each(|job| wait_logged(&check, &server, job.len()));
    check.equal("the number of lines about jobs in the log", &logged(&server).len(), &jobs.len());
    let mails = jobs.concat();
    arrived(&check, &hosts, &mails);
    wait_until_gone(&check, &site);
    let kills = format!(
        "{} workers killed, each with a mail in hand, three of them when the mail server had all of it",
        POINTS.len()
    );
    let account = account(&check, &site, &server, &hosts, &mails, before);
    figures::publish("13-kills", &format!("{kills}\n{account}"));
}

/// A mail server that is down lets mails wait, and each `error: cannot send …` is about a refusal.
#[test]
fn a_refused_mail_is_not_counted() {
    let did = "posted 6 mails; the mail server refuses a mail, and 3 others are bad mails";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let (mailbox, mut mails) = (site.spec.mailbox(), site.spec.mails(6));
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    mails[2].to = format!("no address\nNumber of mails sent {}", site.spec.number(10..100));
    // The mailbox does not offer SMTPUTF8.
    mails[4].to = "grüße@example.org".into();
    mails[5].subject = "two\nlines".into();
    let server = site.server();
    let worker = site.worker(&mailbox);
    server.post(&check, &mails);
    for to in [&mails[1].to, &mails[2].to, &mails[4].to, &mails[5].to] {
        let begin = format!("error: cannot send the mail to {to:?}");
        let waits = || worker.stderr().contains("has to wait");
        check.eventually_gives(&format!("a line `{begin}…` on the worker's stderr"), || {
            let log = worker.stderr();
            if waits() || log.lines().any(|line| line.starts_with(&begin)) { Ok(()) } else { Err(log) }
        });
        check.holds("no line with `has to wait` about a refused mail", !waits(), worker.stderr());
    }
    logs_number(&check, &server, 2);
    arrived_once(&check, &[&mailbox], &[mails[0].clone(), mails[3].clone()]);
    wait_until_gone(&check, &site);
}

#[test]
fn a_mail_server_that_is_down_has_refused_nothing() {
    let did = "posted 2 mails to a host without a mail server, and then started a worker on another host";
    let Some((check, site)) = begin(support::spec!(), did, SHORT) else { return };
    let (mailbox, mails) = (site.other_mailbox(), site.spec.mails(2));
    let (_port, url) = no_mail_server();
    let server = site.server();
    let mut first = site.worker_program(url).start();
    server.post(&check, &mails);
    first.log_line(&check, &contains("has to wait"));
    first.stops(&check);
    let _second = site.worker(&mailbox);
    logs_number(&check, &server, 2);
    arrived_once(&check, &[&mailbox], &mails);
    wait_until_gone(&check, &site);
}

#[test]
fn a_mail_that_cannot_be_sent_is_given_up_after_five_deliveries() {
    let did = "posted a mail to a worker whose mail server is down";
    let Some((check, site)) = begin(support::spec!(), did, "300") else { return };
    let (_port, url) = no_mail_server();
    let server = site.server();
    let worker = site.worker_program(url).start();
    let began = Instant::now();
    server.post(&check, &site.spec.mails(1));
    logs_number(&check, &server, 0);
    let took = began.elapsed();
    // Not how long it takes at most, which a busy machine would decide: the broker keeps the mail for so long.
    let expected = "between two deliveries a pause of ACK_WAIT_MS=300: 1.2 s before the mail is given up";
    check.holds(expected, took >= Duration::from_millis(1000), format!("{} ms", took.as_millis()));
    worker.log_line(&check, &contains("error: cannot send the mail to"));
    let waits = worker.logged("has to wait").len();
    check.holds("4 lines with `has to wait` at most", waits <= 4, counted(waits, "line"));
    wait_until_gone(&check, &site);
}

#[test]
fn a_server_that_is_killed_still_says_what_was_sent() {
    let did = "posted 3 mails, killed the server when one was sent, started another server";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let (mailbox, mails) = (site.spec.mailbox(), site.spec.mails(3));
    mailbox.hold_recipient(Point::Rcpt, &mails[1].to);
    let mut first = site.server();
    let _worker = site.worker(&mailbox);
    first.post(&check, &mails);
    wait_in_hand(&check, &mailbox);
    first.signal(Signal::SIGKILL);
    first.wait(&check);
    let second = site.server();
    mailbox.release_all();
    logs_number(&check, &second, 3);
    arrived_once(&check, &[&mailbox], &mails);
}

#[test]
fn a_worker_finishes_the_mail_in_hand_before_it_exits() {
    let did = "sent SIGTERM to a worker with a mail in hand and one in the queue";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    mailbox.hold(Point::Data);
    let mut server = site.server();
    let mut worker = site.worker(&mailbox);
    server.post(&check, &site.spec.mails(2));
    wait_in_hand(&check, &mailbox);
    worker.signal(Signal::SIGTERM);
    mailbox.release_all();
    worker.ends_well(&check);
    check.holds("a mail in the mailbox", !mailbox.letters().is_empty(), "none");
    server.stops(&check);
}
