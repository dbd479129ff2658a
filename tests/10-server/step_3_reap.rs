//! Step 3: disconnect the worker, wait for its exit, and log that, whatever it has replied. Don't kill it.

use super::*;

/// The exit of the worker must be logged, and nothing of it may be left.
fn is_reaped(check: &Check, server: &Running) {
    server.log_line(check, &contains("ended"));
    wait_without_children(check, server);
}

#[test]
fn a_worker_that_has_replied_is_waited_for() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted a mail, which the mailbox holds, and then let it go");
    mailbox.hold(Point::Rcpt);
    let (server, http) = spec.server(&mailbox).serve(&check);
    post(&check, &http, &spec.mails(1));
    mailbox.wait_held(&check, 1);
    let worker = pids_of_children(&server).first().copied().unwrap_or_default();
    mailbox.release_all();
    logs_number(&check, &server, 1);
    server.log_line(&check, &contains(worker.to_string()).and(contains("ended")));
    wait_without_children(&check, &server);
}

#[test]
fn the_worker_is_disconnected_and_not_killed() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(
        "posted a mail; the worker replies, waits for the end of its channel, says goodbye for a while, and exits",
    );
    let go = scratch("go");
    let body = format!(
        "read -r job <&3\nsay '{{\"counter\":1}}'\nread -r end <&3 || echo 'the channel is closed' >&2\n\
         while ! [ -e '{}' ]; do sleep 0.01; done\necho 'goodbye' >&2",
        go.path().display()
    );
    let worker = script(&check, &body);
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(1));
    logs_number(&check, &server, 1);
    server.logs(&check, "the channel is closed");
    server.sleeps(&check, "it waits for its worker to exit");
    let ended = server.logged("ended");
    check.holds("nothing about an end yet: the worker lives", ended.is_empty(), ended.join("\n"));
    if let Err(error) = fs::write(go.path(), "") {
        check.fail("a file in the target folder", &error.to_string());
    }
    server.logs(&check, "goodbye");
    is_reaped(&check, &server);
}

#[test]
fn a_worker_without_a_reply_is_waited_for() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 2 mails to a server whose worker takes the job and ends without a reply");
    let (server, http) = spec.server(&mailbox).env("WORKER", takes_the_job_and_ends()).serve(&check);
    post(&check, &http, &spec.mails(2));
    is_reaped(&check, &server);
}

#[test]
fn a_worker_that_writes_garbage_is_waited_for() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted a mail to a server whose worker writes a line that isn't JSON");
    let worker = script(&check, "read -r job <&3\nsay 'Hello, world!'\nread -r end <&3");
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(1));
    is_reaped(&check, &server);
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_over_from_a_request() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 20 requests of two mails, one after another");
    let (server, http) = spec.server(&mailbox).serve(&check);
    let count = || process::descriptors(server.pid()).unwrap_or_default().len();
    post(&check, &http, &spec.mails(2));
    wait_without_children(&check, &server);
    let before = count();
    for _ in 0..20 {
        post(&check, &http, &spec.mails(2));
    }
    mailbox.wait_letters(&check, 42);
    wait_without_children(&check, &server);
    let expected = format!("no more than {before} open descriptors, as after the first request");
    check.eventually_gives(&expected, || {
        let now = count();
        if now <= before { Ok(()) } else { Err(format!("{now} open descriptors")) }
    });
}

#[test]
fn an_unread_log_does_not_keep_a_worker() {
    let spec = support::spec!();
    let [stays, left, disk, full] = Reader::ALL;
    for (reader, what) in [stays, full, left, disk] {
        let mailbox = spec.mailbox();
        let check = spec.check(format!("posted a mail, and then another one; stderr {what}"));
        let (server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        for sent in [1, 2] {
            post(&check, &http, &spec.mails(1));
            mailbox.wait_letters(&check, sent);
            wait_without_children(&check, &server);
        }
    }
}
