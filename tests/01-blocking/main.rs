//! The spec of lesson 01: a program that reads a job from stdin and sends its mails with blocking calls.

mod step_1_read;
mod step_2_send;
mod step_3_count;
mod step_4_print;

use support::predicates::str::is_empty;
use support::{Check, ClosedPort, Finished, Mail, Mailbox, Point, Program, Reader, Reply, Spec, Value};
use support::{counted, json, mail};

/// The program with a job on its stdin and the mailbox as its SMTP server.
fn with_job(spec: &Spec, mailbox: &Mailbox, mails: &[Mail]) -> Program {
    spec.program().env("SMTP_URL", mailbox.url()).stdin(mail::job(mails).to_string())
}
