//! The spec of lesson 09: the article's `send_mail`, a worker that its parent forks. The spec is the parent.

mod step_1_take;
mod step_2_reply;
mod step_3_limit;
mod step_4_send;

use std::time::{Duration, Instant};
use support::ipc::Channel;
use support::predicates::str::{contains, is_empty};
use support::{
    Check, ClosedPort, Mail, Mailbox, Point, Program, Quirk, Reader, Reply, Running, Signal, Spec, Value,
    json, limit, mail, not_utf8, sorted,
};

const HOLDS_ALL: &str = "the mailbox holds every mail at RCPT";

/// After this time, the SMTP client gives up a mail that the mailbox holds, and the worker goes on: `SMTP_TIMEOUT`.
const CLIENT_WAITS: Duration = Duration::from_secs(10);

/// The worker as a child of the spec, with the mailbox as its SMTP server.
fn forked_worker(spec: &Spec, mailbox: &Mailbox) -> (Running, Channel) {
    worker(spec, mailbox).fork()
}

fn worker(spec: &Spec, mailbox: &Mailbox) -> Program {
    spec.program().env("SMTP_URL", mailbox.url())
}

/// The worker with a limit of its own for connections.
fn forked_with_limit(spec: &Spec, mailbox: &Mailbox, connections: usize) -> (Running, Channel) {
    worker(spec, mailbox).env("SMTP_CONNECTIONS", connections.to_string()).fork()
}

/// JSON that isn't a job.
fn not_a_job() -> Value {
    json!({"mail": []})
}

/// The reply to a job must be that so many mails were sent.
fn counts(check: &Check, channel: &mut Channel, number: usize) {
    check.json("the reply", &channel.recv(check), &json!({"counter": number}));
}

/// Sends a job of these mails. All of them must be counted.
fn sends(check: &Check, channel: &mut Channel, mails: &[Mail]) {
    channel.send(check, &mail::job(mails));
    counts(check, channel, mails.len());
}

/// Sends a job while the mailbox holds mails of it, looks until what it sees `is_enough`, and returns what it saw last. It does
/// not look once the client may have given up a mail: then others come even if everything waited for that one.
fn while_held<T: Copy>(
    check: &Check,
    channel: &mut Channel,
    mails: &[Mail],
    mut look: impl FnMut(&Channel) -> T,
    is_enough: impl Fn(T) -> bool,
) -> T {
    let began = Instant::now();
    channel.send(check, &mail::job(mails));
    let mut last = look(channel);
    check.comes(|| {
        let seen = look(channel);
        let in_time = began.elapsed() < CLIENT_WAITS;
        if in_time {
            last = seen;
        }
        (!in_time || is_enough(last)).then_some(())
    });
    last
}

/// The next reply, for a check that does not fail without one. The second wait is for a busy machine.
fn next_reply(channel: &mut Channel) -> Option<Result<Value, String>> {
    channel.try_recv().or_else(|| channel.try_recv())
}

/// A worker without a parent has nothing to do.
fn check_ends(spec: &Spec, mut worker: Running, mut channel: Channel, after: &str) {
    let check = spec.check(format!("disconnected from the worker after {after}"));
    channel.disconnect();
    worker.finish(&check).code(0);
    worker.leaves_nothing_behind(&check);
}

/// What the worker does not do is the matter of a later step, since that is wrong, or not written yet. In
/// [`Check::as_far_as_written`], the check passes if it is not written.
fn leave_to_later_steps(check: &Check, worker: &mut Running) {
    // Its channel closes a moment before it has ended.
    worker.rests();
    if !worker.is_running() {
        let finished = worker.finish(check);
        let unwritten = finished.stderr().contains("not yet implemented");
        check.holds("a worker that waits for the next job", !unwritten, finished.describe());
    }
}
