//! Step 6: which mails does a retry send? Those that are not sent, as far as the server knows, each under its old
//! Message-ID.

use super::*;
use crate::storm::random_kills;
use support::figures;

pub fn retry(check: &Check, server: &JobServer, job: &Value) {
    let again = jobs::job_of(check, &server.retry(check, job));
    check.equal("the number of the job that is tried again", &again, job);
}

/// The worker does this with 4 mails, and all that it should the second time. So many mails must be left for that.
fn is_tried_again(spec: &Spec, mailbox: &Mailbox, what: &str, body: &str, left: &[usize]) {
    let check =
        spec.check(format!("posted 4 mails to a server whose worker {what}; then tried the job again"));
    let [first, second] = ["first", "second"].map(Flag::new);
    let body = format!(
        "if [ -e {first} ]; then echo $@ > {second}; all $@; disconnected; exit; fi; echo $@ > {first}; {body}",
        first = first.quoted(),
        second = second.quoted()
    );
    let server = server_of_played(&check, mailbox, &body, PATIENT);
    let job = server.post(&check, &spec.mails(4));
    server.ended(&check, &job);
    retry(&check, &server, &job);
    let status = server.ended(&check, &job);
    let (old, new) = (first.words(&check), second.words(&check));
    let expected: Vec<&String> = left.iter().filter_map(|number| old.get(number - 1)).collect();
    let what = format!("the Message-IDs of the retry, which are those of mails {left:?}, are {expected:?}");
    check.holds(&what, new.iter().eq(expected), format!("{new:?}"));
    check_account(&check, &status, "done", [4, 0, 0, 0]);
    has_no_error(&check, &status);
}

#[test]
fn a_mail_that_failed_is_tried_again() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let body = r#"sent $1; say "{\"failed\":\"$2\"}"; sent $3; say "{\"failed\":\"$4\"}"; say '{"counter":2}'; disconnected"#;
    is_tried_again(&spec, &mailbox, "reports that the second and the last one have failed", body, &[2, 4]);
}

#[test]
fn an_unknown_mail_is_tried_again() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let body = "sent $1; sent $2; started $3; sent $4; exit 3";
    is_tried_again(&spec, &mailbox, "starts the third one, sends the others, and exits", body, &[3]);
}

#[test]
fn a_mail_that_is_not_started_is_tried_again() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    is_tried_again(&spec, &mailbox, "sends the second one, and exits", "sent $2; exit 3", &[1, 3, 4]);
}

#[test]
fn a_job_with_too_small_a_count_is_tried_again_as_a_whole() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let body = r#"say '{"counter":3}'; disconnected"#;
    is_tried_again(&spec, &mailbox, "only replies {\"counter\":3}", body, &[1, 2, 3, 4]);
}

#[test]
fn a_mail_that_may_have_arrived_arrives_again_under_its_message_id() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(
        "posted 3 mails, killed the worker when the second one was accepted and not answered, and tried the job again",
    );
    let mails = spec.mails(3);
    mailbox.hold_recipient(Point::Answer, &mails[1].to);
    let server = server(&check, &mailbox);
    let job = server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    server.kill_worker(&check);
    server.ended(&check, &job);
    mailbox.wait_all_closed(&check);
    mailbox.release_all();
    retry(&check, &server, &job);
    server.ends_with(&check, &job, "done", [3, 0, 0, 0]);
    let again = [&mails[0], &mails[1], &mails[1], &mails[2]].map(|mail| mail.to.clone());
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &again.to_vec());
    let different = message_ids(&mailbox);
    check.equal("the number of different Message-IDs", &different.len(), &3);
    check.holds("every mail has a Message-ID", !different.contains(""), "one has none");
}

#[test]
fn a_retry_is_for_a_finished_job_with_something_to_send() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did =
        "tried a job of 3 mails again that still runs: one is refused, and the mailbox holds the last one";
    let check = spec.check(did);
    let mails = spec.mails(3);
    mailbox.reply(&mails[1].to, Reply::Refuse(450));
    mailbox.hold_recipient(Point::Rcpt, &mails[2].to);
    let server = server(&check, &mailbox);
    let job = server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    check.equal("the status of the answer", &server.retry(&check, &job).status, &409);
    let check = spec.check("let the job of 3 mails end, of which one is refused, and tried it again");
    mailbox.release_all();
    server.ends_with(&check, &job, "done", [2, 1, 0, 0]);
    retry(&check, &server, &job);
    server.ends_with(&check, &job, "done", [2, 1, 0, 0]);
    let expected = vec![mails[0].to.clone(), mails[2].to.clone()];
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &expected);

    let check = spec.check("posted one mail, and tried the job again when it was sent");
    let job = server.post(&check, &mails[..1]);
    server.ends_with(&check, &job, "done", [1, 0, 0, 0]);
    let status = server.retry(&check, &job).status;
    check.equal("the status of the answer when there is nothing to send", &status, &409);
}

#[test]
fn after_random_kills_every_mail_is_accounted_for() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    println!("{}", random_kills(&spec, &mailbox, 3));
}

#[test]
#[ignore = "takes some seconds: cargo test -p solution-11 -- --ignored --nocapture two_hundred"]
fn two_hundred_jobs_with_random_kills() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    figures::publish("11-kills", &random_kills(&spec, &mailbox, 20));
}
