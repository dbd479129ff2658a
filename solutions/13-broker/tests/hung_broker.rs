//! What the spec of lesson 13 does not wait for: a broker that is there and says nothing is given up in the end. Each
//! of these takes seven seconds.

use std::time::Duration;
use support::predicates::str::contains;
use support::{Broker, Point, Reply, Spec, limit, mail};

const PUBLISH: &str = "2. Publish, and wait for the acknowledgement";
const HANDLE: &str = "4. Send, report, acknowledge";

fn spec() -> Spec {
    support::spec!("13-broker")
}

#[test]
fn a_client_is_told_that_the_broker_does_not_answer() {
    let spec = spec();
    let Some(broker) = Broker::start(&spec) else { return };
    let check = spec.check(PUBLISH, "stopped the broker with SIGSTOP and posted a mail");
    let mut server = spec.program().env("NATS_URL", broker.url()).env("PORT", "0").start();
    let http = server.listening(&check);
    broker.pause(&check);
    let pending = http.begin_post("/endpoint", &mail::request(&spec.mails(1)));
    // The first of three attempts is over. So the rest of them has a limit of its own.
    server.log_line(&check, &contains("error: the broker did not acknowledge"));
    check.equal("the status of the answer", &pending.wait(&check).status, &503);
}

#[test]
fn a_worker_tries_more_than_once_to_say_that_a_mail_has_to_wait() {
    let spec = spec();
    let Some(broker) = Broker::start(&spec) else { return };
    let mailbox = spec.mailbox();
    let mails = spec.mails(1);
    let check = spec.check(HANDLE, "stopped the broker with SIGSTOP while a worker had a mail in hand");
    mailbox.hold(Point::Rcpt);
    mailbox.reply(&mails[0].to, Reply::Unavailable);
    let mut server = spec.program().env("NATS_URL", broker.url()).env("PORT", "0").start();
    let http = server.listening(&check);
    let worker = spec.program().arg("send-mail").env("NATS_URL", broker.url()).env("SMTP_URL", mailbox.url());
    let worker = worker.start();
    http.post(&check, "/endpoint", &mail::request(&mails));
    mailbox.wait_held(&check, 1);
    broker.pause(&check);
    mailbox.release_all();
    worker.log_line(&check, &contains("has to wait"));
    let gives_up = || worker.stderr().contains("error: cannot acknowledge").then_some(());
    // An attempt takes two seconds. It goes on with them for five.
    let at_once = limit::poll(Duration::from_secs(3), gives_up);
    check.holds("another attempt after the first one", at_once.is_none(), worker.stderr());
    check.eventually("a line `error: cannot acknowledge …` in the end", gives_up);
}
