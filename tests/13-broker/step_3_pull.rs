//! Step 3: pull one mail at a time, through a consumer that all workers share by its name.

use super::*;

/// What the broker says about the consumer of the stream of mails.
fn consumer(check: &Check, site: &Site) -> Result<Value, String> {
    let stream = site.broker.stream(check, "mails").unwrap_or_default();
    stream["consumer_detail"].get(0).cloned().ok_or_else(|| "a stream without a consumer".to_owned())
}

#[test]
fn all_workers_share_a_consumer_by_its_name() {
    let did = "started two workers with ACK_WAIT_MS=7000, and asked the broker about the consumer";
    let Some((check, site)) = begin(support::spec!(), did, "7000") else { return };
    let mailbox = site.spec.mailbox();
    let _workers = [site.worker(&mailbox), site.worker(&mailbox)];
    let found = check.eventually_gives("a consumer of the stream \"mails\"", || consumer(&check, &site));
    for (what, name, value) in [
        ("its durable name, which is the same for all workers,", "durable_name", json!("mails")),
        ("its ack policy", "ack_policy", json!("explicit")),
        ("how long it waits for an ack, ACK_WAIT_MS, in nanoseconds", "ack_wait", json!(7_000_000_000_u64)),
    ] {
        check.json(what, &found["config"][name], &value);
    }
    check.eventually_gives("both workers wait for a mail", || {
        let waiting = consumer(&check, &site)?["num_waiting"].clone();
        if waiting == json!(2) { Ok(()) } else { Err(format!("{waiting} requests for mails")) }
    });
}

#[test]
fn a_worker_takes_one_mail_and_leaves_the_others() {
    let spec = support::spec!();
    let Some(site) = Site::start(spec, LONG) else { return };
    let (mailbox, mails) = (site.spec.mailbox(), site.spec.mails(site.spec.number(3..9)));
    let check = site.spec.early_check("posted mails, and started a worker whose mailbox holds the first");
    let server = site.server();
    server.post(&check, &mails);
    mailbox.hold(Point::Connect);
    let _worker = site.worker(&mailbox);
    let waiting = || Ok::<_, String>(consumer(&check, &site)?["num_pending"].as_u64().unwrap_or_default());
    let left = mails.len() as u64 - 1;
    let first_seen = check.eventually_gives("the worker takes a mail", || match waiting()? {
        count if count <= left => Ok(count),
        _ => Err("no mail was delivered".to_owned()),
    });
    let expected = format!("the broker has delivered 1 mail, and {left} wait for any worker");
    check.holds(&expected, first_seen == left, format!("{first_seen} wait"));
}

#[test]
fn a_request_for_a_mail_has_an_end_and_a_heartbeat() {
    let did = "started a worker, and read what it says to the broker, in nanoseconds";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    let proxy = Proxy::cut_before(site.broker.port(), b"(nothing is cut)").expect("a free port");
    let _worker = site.worker_program(mailbox.url()).env("NATS_URL", url(&proxy)).start();
    let request = check.eventually_gives("a request for the next message", || {
        let said = proxy.said();
        let mut lines =
            said.lines().skip_while(|line| !line.contains("PUB $JS.API.CONSUMER.MSG.NEXT.mails."));
        let request: Option<Value> = lines.nth(1).and_then(|line| serde_json::from_str(line).ok());
        request.ok_or_else(|| lines.next().unwrap_or("no request").to_owned())
    });
    for (what, name, value) in [
        ("how many messages it asks for", "batch", json!(1)),
        ("how long it is open: `expires` PULL_LIMIT", "expires", json!(10_000_000_000_u64)),
        (
            "how often it hears from the broker: `heartbeat` HEARTBEAT",
            "idle_heartbeat",
            json!(2_000_000_000_u64),
        ),
    ] {
        check.json(what, &request[name], &value);
    }
}
