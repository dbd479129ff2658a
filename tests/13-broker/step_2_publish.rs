//! Step 2: publish each mail with its id, all of them before the first acknowledgement is awaited. `Ok` only when
//! the broker has acknowledged every one.

use super::*;

#[test]
fn what_is_accepted_is_in_the_broker() {
    let Some((check, site)) = begin(support::spec!(), "posted mails; there is no worker", LONG) else {
        return;
    };
    let mails = site.spec.mails(site.spec.number(2..9));
    let server = site.server();
    server.post(&check, &mails);
    let messages = site.broker.messages(&check);
    check.equal("the number of messages in the broker", &messages, &Some(mails.len() as u64));
    check_nothing_logged(&check, &server);
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_has() {
    let did = "posted mails of 1 kB each while there is no worker, with QUEUE_BYTES=10000";
    let Some((check, mut site)) = begin(support::spec!(), did, LONG) else { return };
    site.set("QUEUE_BYTES", 10_000);
    let server = site.server();
    let large = |mail: Mail| [Mail { text: "x".repeat(1000), ..mail }];
    let mails: Vec<_> = site.spec.mails(20).into_iter().map(large).collect();
    let answers: Vec<_> = mails.iter().map(|mail| server.offer(&check, mail)).collect();
    let accepted = answers.iter().take_while(|answer| answer.status == 202).count();
    let refused = &answers[accepted.min(19)];
    check.equal("the status of the answer when the queue is full", &refused.status, &503);
    check.holds("a header Retry-After", refused.header("retry-after").is_some(), refused.describe_headers());
    check.holds("some mails are accepted before that", accepted > 1, accepted);
    let held = site.broker.messages(&check);
    check.equal("the number of messages in the broker", &held, &Some(accepted as u64));
    let lines = server.stderr().lines().count();
    check.holds("about a line in the log for each refusal", lines <= 25, counted(lines, "line"));
}

#[test]
fn each_job_has_an_id_of_its_own() {
    let Some((check, site)) =
        begin(support::spec!(), "posted 2 mails and 3 mails while there is no worker", LONG)
    else {
        return;
    };
    let server = site.server();
    let jobs = [2, 3].map(|count| server.post(&check, &site.spec.mails(count)));
    check.holds("each job has an id of its own", jobs[0] != jobs[1], &jobs[0]);
    check.equal("the number of messages in the broker", &site.broker.messages(&check), &Some(5));
    check_nothing_logged(&check, &server);
}

#[test]
fn a_client_is_answered_when_the_broker_has_stored_the_job() {
    let did = "posted mails; the last one does not reach the broker";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let mails = site.spec.mails(site.spec.number(2..6));
    let last = &mails[mails.len() - 1];
    let proxy = Proxy::cut_before(site.broker.port(), last.to.as_bytes()).expect("a free port");
    let server = site.server_of(site.program().env("NATS_URL", url(&proxy)));
    let pending = server.http.begin_post("/endpoint", &mail::request(&mails));
    check.eventually("the server publishes each mail", || proxy.was_cut().then_some(()));
    for _ in 0..5 {
        pending.stays_open(&check, "the broker has not acknowledged the last mail");
    }
}

#[test]
fn all_mails_are_published_before_the_first_acknowledgement() {
    let did = "posted mails; from the first one on, nothing reaches the broker, so that it acknowledges none";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let mails = site.spec.mails(site.spec.number(3..6));
    let proxy = Proxy::cut_before(site.broker.port(), mails[0].to.as_bytes()).expect("a free port");
    let server = site.server_of(site.program().env("NATS_URL", url(&proxy)));
    let _pending = server.http.begin_post("/endpoint", &mail::request(&mails));
    check.eventually("the server publishes the first mail", || proxy.was_cut().then_some(()));
    let expected =
        format!("all {} are published before an acknowledgement has come", counted(mails.len(), "mail"));
    check.eventually_gives(&expected, || {
        let said = proxy.said();
        let published = mails.iter().filter(|mail| said.contains(&mail.to)).count();
        if published == mails.len() { Ok(()) } else { Err(counted(published, "mail")) }
    });
}

/// Posts mails with this Idempotency-Key.
fn post_with(check: &Check, server: &JobServer, key: &str, mails: &[Mail]) -> support::Answer {
    server.http.post_with(check, "/endpoint", &[("idempotency-key", key)], &mail::request(mails))
}

#[test]
fn a_job_that_is_posted_twice_with_one_key_is_stored_once() {
    let Some((check, site)) = begin(support::spec!(), "posted mails twice with one Idempotency-Key", LONG)
    else {
        return;
    };
    let mails = site.spec.mails(site.spec.number(2..6));
    let key = format!("{}-{}", site.spec.word(), site.spec.number(0..1000));
    let server = site.server();
    for _ in 0..2 {
        let job = jobs::job_of(&check, &post_with(&check, &server, &key, &mails));
        check.json("the job's id", &job, &json!(key));
    }
    let (held, all) = (messages(&check, &site), counted(mails.len(), "message"));
    check.holds(&format!("{all} in the broker: it recognizes the ids"), held == all, held);
    let other = post_with(&check, &server, &key, &site.spec.mails(1)).status;
    check.equal("the status of the answer to the same key with other mails", &other, &422);
    let bad = post_with(&check, &server, "two words", &[]).status;
    check.equal("the status of the answer to an invalid key", &bad, &400);
}

#[test]
fn big_jobs_and_empty_ones() {
    let did =
        "posted a job without mails, one of 6000 small mails, one of a big mail, and one that is too big";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let server = site.server();
    server.post(&check, &[]);
    logs_number(&check, &server, 0);
    let mails = |count, size| {
        let [from, to, subject] = ["a@b.test", "c@d.test", "x"].map(str::to_owned);
        vec![Mail { from, to, subject, text: "x".repeat(size) }; count]
    };
    // More than the client lets wait for an acknowledgement at once, which is 5000.
    let many = server.http.begin_post("/endpoint", &mail::request(&mails(6000, 1)));
    site.broker.wait_messages(&check, 6000);
    check.equal("the status of the answer", &many.wait(&check).status, &202);
    server.post(&check, &mails(1, 900_000));
    let overhead = mail::request(&mails(1, 0)).to_string().len();
    let answer = server.offer(&check, &mails(1, 1024 * 1024 - overhead));
    check.equal("the status for a mail larger than the broker's limit", &answer.status, &413);
    let bad = server.http.post_bytes(&check, "/endpoint", b"{\"emails\": [");
    check.equal("the status for malformed JSON", &bad.status, &400);
}
