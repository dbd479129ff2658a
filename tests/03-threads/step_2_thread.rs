//! Step 2: call `send_all` on a new thread, so that the event loop goes on, and send the number that it returns over a
//! channel when the work is done.

use super::*;

/// The line in which Rust names the thread that has run into the `todo!` of step 3, while that is not written.
fn thread_at_step_3(server: &Running) -> Option<String> {
    let stderr = server.stderr();
    let lines: Vec<&str> = stderr.lines().collect();
    let place = lines.windows(2).find(|lines| lines[1].starts_with("not yet implemented: 3:"))?[0];
    Some(place.to_owned())
}

#[test]
fn the_event_loop_goes_on_while_a_mail_is_sent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(2..5));
    let did =
        "posted mails to /endpoint; the mailbox holds the first one, and the server must answer all the same";
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold([Point::Connect, Point::Rcpt, Point::Accept][spec.number(0..3)]);
    let posted = http.begin_post_mails(&mails);
    let has_begun = || (mailbox.held() > 0 || thread_at_step_3(&server).is_some()).then_some(());
    if check.comes(has_begun).is_none() {
        return;
    }
    let place = thread_at_step_3(&server).unwrap_or_default();
    let expected = "`send_all` called on a thread of its own, not on `main`, the event loop's";
    check.holds(expected, !place.contains("thread 'main'"), &place);
    check.as_far_as_written(|| {
        // /endpoint may wait for the work (step 1), and `log` may block the event loop (step 4), but not both.
        let expected = "an HTTP answer to POST /endpoint or to GET /health: nothing blocks the event loop";
        let came = PendingAnswer::any_comes(&check, [posted, http.begin_get("/health")]);
        check.holds(expected, came, "neither of them, and by now every process only waits");
        // A loop that never rests is one of step 4.
        let has_one_thread = process::threads(server.pid()).is_none_or(|threads| threads == 1);
        if has_one_thread && server.rests() {
            let is_healthy = http.begin_get("/health").comes(&check).is_some();
            let expected = "an HTTP answer to GET /health: a thread of its own waits for the mailbox";
            check.holds(expected, is_healthy, "none: the event loop's thread waits for the mailbox");
        }
    });
}

#[test]
fn the_number_comes_over_the_channel_when_the_work_is_done() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(2..5));
    let did = format!("posted {} mails; the mailbox holds the first one, and then accepts all", mails.len());
    let check = spec.early_check(did);
    let (server, http) = spec.server(&mailbox).serve(&check);
    mailbox.hold(Point::Accept);
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&mails);
        let has_said = || !said_of_requests(&server).is_empty();
        if check.comes(|| (mailbox.held() > 0 || has_said()).then_some(())).is_none() {
            return;
        }
        if holds_a_mail(&check, &mailbox) {
            server.rests();
            // Another line that comes too early is a matter of step 4.
            let line = format!("Number of mails sent {}", mails.len());
            let expected =
                format!("no log line `{line}` yet: the thread sends the number when the work is done");
            check.holds(&expected, !server.numbers_logged().contains(&line), server.stderr());
        }
        mailbox.release_all();
        check.comes(|| has_said().then_some(()));
        // A `log` that doesn't wait (step 4) is too early for the number now and then, but not always.
        let still_lies = |_| {
            ask_again(&check, &server, &http);
            says_only_panicked(&server)
        };
        let lies = says_only_panicked(&server) && (0..20).all(still_lies);
        let expected = "no line that says `panicked`: no thread has, so its number comes over the channel";
        check.holds(expected, !lies, server.stderr());
    });
}

/// Whether each line about a request says that a thread has panicked, although none has.
fn says_only_panicked(server: &Running) -> bool {
    let said = said_of_requests(server);
    let is_lie = |line: &String| line.starts_with("error: ") && line.contains("panicked");
    !said.is_empty() && said.iter().all(is_lie) && !server.stderr().contains("panicked at ")
}

/// Posts 16 requests without a mail in one go, and waits for what is said of them. No `log` runs before all their threads are
/// started, and by then the first ones are done.
fn ask_again(check: &Check, server: &Running, http: &Http) {
    const REQUESTS: usize = 16;
    let all = said_of_requests(server).len() + REQUESTS;
    let _client = post_in_one_go(check, http, &[const { Vec::new() }; REQUESTS]);
    check.comes(|| (said_of_requests(server).len() >= all).then_some(()));
}

#[test]
fn the_next_request_is_sent_after_a_panic() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (before, after) = (spec.mails(2), spec.mails(3));
    let bad = [Mail { subject: PANIC_SUBJECT.into(), ..spec.mail() }];
    let check =
        spec.early_check("posted 2 mails, then 1 that makes the sending code panic, and then 3 more mails");
    let (server, http) = spec.server(&mailbox).serve(&check);
    check.as_far_as_written(|| {
        let _first = http.begin_post_mails(&before);
        // Where nothing arrives before the panic, it is not the panic's fault.
        let arrived = || mailbox.letters().len() == before.len();
        check.comes(|| (arrived() || !said_of_requests(&server).is_empty()).then_some(()));
        if !arrived() {
            return;
        }
        let _second = http.begin_post_mails(&bad);
        check.comes(|| server.stderr().contains(PANIC_MESSAGE).then_some(()));
        let _third = http.begin_post_mails(&after);
        // A thread that panics once more has begun, at least.
        let panics = || server.stderr().matches("panicked at ").count();
        let expected = "the 3 mails that were posted after the panic in the mailbox: they have a thread, too";
        let all = before.len() + after.len();
        check.eventually(expected, || (mailbox.letters().len() == all || panics() > 1).then_some(()));
    });
}
