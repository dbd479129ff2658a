//! Step 2: receive one job after another, send its mails, and reply to each with `{"counter": N}`. What isn't a valid job
//! gets a reply, too. The worker ends with its parent, and finishes the job in hand first.

use super::*;

#[test]
fn the_worker_exits_with_its_parent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("forked the worker, and disconnected without a job");
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.disconnect();
    worker.finish(&check).code(0).stderr_is("nothing", &is_empty());
    worker.leaves_nothing_behind(&check);
}

#[test]
fn an_invalid_job_is_reported_and_gets_one_reply() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (worker, mut channel) = forked_worker(&spec, &mailbox);
    let lacks_fields = json!({"mails": [{"to": "a@b.test"}]});
    let list = json!([[["ann@sender.test", "bob@example.test", "subject", "text"]]]);
    for (before, message) in [json!("hello"), not_a_job(), lacks_fields, list].into_iter().enumerate() {
        let check = spec.check(format!("sent {message}, which is JSON but not a valid job"));
        channel.send(&check, &message);
        counts(&check, &mut channel, 0);
        channel.stays_silent(&check, "each message gets one reply");
        let reported = || worker.logged("error: cannot parse the job: ").len();
        check.eventually_gives("a line `error: cannot parse the job: …` on stderr", || {
            if reported() > before { Ok(()) } else { Err(worker.stderr()) }
        });
        check.equal("the number of lines about invalid jobs on stderr", &reported(), &(before + 1));
    }
    check_ends(&spec, worker, channel, "four invalid jobs");
}

#[test]
fn an_unread_report_stops_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for (reader, what) in Reader::ALL {
        let check = spec.check(format!("sent {}, which isn't a valid job; stderr {what}", not_a_job()));
        let (worker, mut channel) = worker(&spec, &mailbox).stderr(reader).fork();
        channel.send(&check, &not_a_job());
        counts(&check, &mut channel, 0);
        check_ends(&spec, worker, channel, "a reply while nothing read its log");
    }
}

#[test]
fn a_message_that_is_not_json_stops_the_worker() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent a line that isn't valid JSON");
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send_bytes(&check, b"{\"mails\": oops}\n");
    channel.ends(&check);
    worker.finish(&check).code(2).reports_error(&[]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_parent_that_does_not_take_the_reply_has_gone() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec
        .check("sent a message to which the worker can't reply, since the channel takes nothing any more");
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.stop_reading();
    channel.send(&check, &not_a_job());
    worker.wait(&check);
    let finished = worker.finish(&check).code(1);
    let says = contains("error: cannot reply: the parent has gone");
    finished.stderr_is("that the worker cannot reply, since the parent has gone", &says);
}

#[test]
fn the_worker_waits_for_the_next_message() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (worker, mut channel) = forked_worker(&spec, &mailbox);
    let check = spec.check("forked the worker, and sent nothing");
    worker.sleeps(&check, "there is no job yet");
    let check = spec.check("sent a message, and then nothing more");
    channel.send(&check, &not_a_job());
    counts(&check, &mut channel, 0);
    worker.sleeps(&check, "there is no other job");
}

#[test]
fn a_signal_leaves_the_decision_to_the_parent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (worker, mut channel) = forked_worker(&spec, &mailbox);
    let check = spec.check("sent a message to the worker");
    channel.send(&check, &not_a_job());
    counts(&check, &mut channel, 0);
    for (signal, who) in [(Signal::SIGINT, "Ctrl-C"), (Signal::SIGTERM, "a service manager")] {
        let check = spec.check(format!("sent {signal}, as {who} does, and then another message"));
        worker.signal(signal);
        channel.send(&check, &not_a_job());
        counts(&check, &mut channel, 0);
    }
    check_ends(&spec, worker, channel, "SIGINT, SIGTERM and its reply");
}

#[test]
fn the_reply_comes_when_the_job_is_done_and_the_next_job_waits() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let expected = "no reply yet: one job is done after another, and a reply comes when its job is done";
    let did = "sent a job of one mail, which the mailbox holds, and an invalid job behind it";
    let check = spec.early_check(did);
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    mailbox.hold(Point::Rcpt);
    let stops = |_: &Channel| mailbox.held() > 0 || worker.stderr().contains("not yet implemented");
    while_held(&check, &mut channel, &spec.mails(1), stops, |stops| stops);
    if worker.stderr().contains("not yet implemented: 3") && worker.rests() && channel.waiting() > 0 {
        let reply = channel.recv(&check);
        check.fail(expected, &format!("{reply}, although `send_all` has not returned"));
    }
    check.as_far_as_written(|| {
        if mailbox.held() == 0 {
            return leave_to_later_steps(&check, &mut worker);
        }
        channel.send(&check, &not_a_job());
        worker.rests();
        limit::poll(limit::BRIEFLY, || (channel.waiting() > 0).then_some(()));
        // Two replies: `send_all` returns too early.
        if channel.waiting() == 1 {
            let reply = channel.recv(&check);
            check.fail(expected, &format!("{reply} while the first mail is still on its way"));
        }
    });
}

#[test]
fn a_job_without_mails_gets_a_reply_too() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("sent a job without mails, and an invalid job behind it");
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    check.as_far_as_written(|| {
        channel.send_bytes(&check, format!("{}\n{}\n", mail::job(&[]), not_a_job()).as_bytes());
        let replies = [next_reply(&mut channel), next_reply(&mut channel)];
        leave_to_later_steps(&check, &mut worker);
        let came = match replies {
            [Some(Ok(reply)), None] => format!("only {reply}, to the invalid job"),
            [Some(Err(end)), _] if !worker.stderr().contains("panicked at") => end,
            _ => return,
        };
        check.fail("two replies: a job without mails gets one, too", &came);
    });
}

#[test]
fn each_job_has_a_counter_of_its_own() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("sent a job of 2 mails, and then a job without mails");
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    let mut counter = |mails: &[Mail]| {
        channel.send(&check, &mail::job(mails));
        let reply = next_reply(&mut channel).and_then(Result::ok);
        reply.and_then(|reply| reply["counter"].as_u64())
    };
    check.as_far_as_written(|| match (counter(&spec.mails(2)), counter(&[])) {
        (Some(first @ 1..), Some(second)) if second == first => {
            check.fail(
                "the counter for the job without mails is 0",
                &format!("{second}, as for the job before"),
            );
        }
        _ => leave_to_later_steps(&check, &mut worker),
    });
}

#[test]
fn the_worker_goes_on_after_a_job() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("sent a job of one mail, and an invalid job after its reply");
    let (mut worker, mut channel) = forked_worker(&spec, &mailbox);
    check.as_far_as_written(|| {
        channel.send(&check, &mail::job(&spec.mails(1)));
        if next_reply(&mut channel).is_none_or(|reply| reply.is_err()) {
            return leave_to_later_steps(&check, &mut worker);
        }
        channel.send(&check, &not_a_job());
        counts(&check, &mut channel, 0);
    });
}

/// Sends a job of 6 mails, and waits until the mailbox holds one of them. False when none comes, which is a matter of steps 3
/// and 4.
fn is_at_work(check: &Check, mailbox: &Mailbox, channel: &mut Channel) -> bool {
    mailbox.hold(Point::Rcpt);
    while_held(check, channel, &check.spec().mails(6), |_| mailbox.held() > 0, |is_held| is_held)
}

/// Sends a job of 6 mails, does something while the mailbox holds the first ones, then lets all go. `None` when the worker
/// does not come to send any. `Some(false)` when some of them do not arrive.
fn arrive_in_spite_of(
    check: &Check,
    mailbox: &Mailbox,
    act: impl FnOnce(&Running, &mut Channel),
) -> Option<bool> {
    let (mut worker, mut channel) = forked_worker(check.spec(), mailbox);
    if !is_at_work(check, mailbox, &mut channel) {
        leave_to_later_steps(check, &mut worker);
        return None;
    }
    act(&worker, &mut channel);
    // Whatever the worker makes of that, it has done it then.
    worker.rests();
    mailbox.release_all();
    let arrived = check.comes(|| (mailbox.letters().len() >= 6).then_some(()));
    Some(arrived.is_some())
}

/// Whether the worker sends and counts 6 mails where nothing happens meanwhile, and then replies. If not, steps 3 or 4 are
/// wrong.
fn sends_undisturbed(check: &Check) -> bool {
    let mailbox = check.spec().mailbox();
    let (worker, mut channel) = forked_worker(check.spec(), &mailbox);
    is_at_work(check, &mailbox, &mut channel);
    worker.rests();
    let replies_early = channel.waiting() > 0;
    mailbox.release_all();
    let counted = next_reply(&mut channel) == Some(Ok(json!({"counter": 6})));
    !replies_early && counted && mailbox.letters().len() == 6
}

#[test]
fn the_job_in_hand_is_finished_whatever_happens() {
    let spec = support::spec!();
    let events = [
        ("disconnected", None),
        ("sent SIGINT, as Ctrl-C does,", Some(Signal::SIGINT)),
        ("sent SIGTERM, as a service manager does,", Some(Signal::SIGTERM)),
    ];
    spec.early_check("sent jobs of 6 mails, of which the mailbox holds some").as_far_as_written(|| {
        for (did, signal) in events {
            let mailbox = spec.mailbox();
            let check = spec
                .check(format!("sent a job of 6 mails, {did} while the mailbox held some, then let all go"));
            let arrive = arrive_in_spite_of(&check, &mailbox, |worker, channel| match signal {
                Some(signal) => worker.signal(signal),
                None => channel.disconnect(),
            });
            let accepted = mailbox.letters().len();
            if arrive != Some(true) && !sends_undisturbed(&check) {
                return;
            }
            let expected = "6 mails accepted by the mailbox: the worker finishes the job that it has";
            check.holds(expected, arrive == Some(true), format!("{accepted} accepted"));
        }
    });
}
