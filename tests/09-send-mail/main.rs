//! The spec of lesson 09: the article's `send_mail`, a worker that its parent forks. The spec is the parent.

mod step_1_take;
mod step_2_reply;
mod step_3_limit;
mod step_4_send;

use support::ipc::Channel;
use support::predicates::str::{contains, is_empty};
use support::{
    Check, ClosedPort, Mail, Mailbox, Point, Program, Quirk, Reader, Reply, Running, Signal, Spec, Value,
    json, limit, mail, not_utf8, sorted,
};

const HOLDS_ALL: &str = "the mailbox holds every mail at RCPT";

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
    if !worker.is_running() {
        let finished = worker.finish(check);
        let unwritten = finished.stderr().contains("not yet implemented");
        check.holds("a worker that waits for the next job", !unwritten, finished.describe());
    }
}
