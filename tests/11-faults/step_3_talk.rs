//! Step 3: send the assignment, and record the reports up to the reply. What can go wrong with that is in
//! `step_3_faults.rs`.

use super::*;

/// Waits until so many mails of the running job are sent, started and not started.
fn is_at(check: &Check, server: &JobServer, job: &Value, [sent, started, not_started]: [usize; 3]) {
    let expected = format!("a running job: sent {sent}, started {started}, not started {not_started}");
    let wanted = json!(["running", sent, started, not_started]);
    check.eventually_gives(&expected, || {
        let status = server.status(check, job);
        let now = json!([status["state"], status["sent"], status["started"], status["not_started"]]);
        if now == wanted { Ok(()) } else { Err(status.to_string()) }
    });
}

#[test]
fn each_report_is_taken_down_when_it_comes() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(3..7));
    let count = mails.len();
    let did = format!("posted {count} mails; the mailbox holds the second one at RCPT, and then at DATA");
    let check = spec.check(did);
    mailbox.hold_recipient(Point::Rcpt, &mails[1].to);
    mailbox.hold_recipient(Point::Data, &mails[1].to);
    let server = server(&check, &mailbox);
    let job = server.post(&check, &mails);
    server.wait_held(&check, &job, &mailbox);
    is_at(&check, &server, &job, [1, 0, count - 1]);
    mailbox.release_one();
    mailbox.wait_held(&check, 1);
    is_at(&check, &server, &job, [1, 1, count - 2]);
    server.sleeps(&check, "its worker has a mail in its hands");
    mailbox.release_all();
    server.ends_with(&check, &job, "done", [count, 0, 0, 0]);
    server.log_line(&check, &contains(format!("Number of mails sent {count}")));
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
    server.wait_for_workers(&check, 0);
}

#[test]
fn a_refused_mail_has_failed_and_its_reason_is_reported() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 5 mails: one is refused, one address is bad");
    let mut mails = spec.mails(5);
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    mails[3].to = format!("no address {}", spec.word());
    let server = server(&check, &mailbox);
    let status = server.runs(&check, &mails, "done", [3, 2, 0, 0]);
    for (problem, mail) in [(0, &mails[1]), (1, &mails[3])] {
        let problem = &status["problems"][problem];
        check.json("the recipient of a problem", &problem["to"], &json!(mail.to));
        check.json("its state", &problem["state"], &json!("failed"));
    }
    let problem = &status["problems"][0];
    let why = problem["why"].as_str().unwrap_or_default();
    check.holds("a \"why\" that says what the mail server said", why.contains("refuses"), problem);
}

#[test]
fn message_ids_are_different_between_jobs_and_between_runs() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted two jobs of the same two mails to each of two servers");
    let mails = spec.mails(2);
    for _ in 0..2 {
        let server = server(&check, &mailbox);
        for _ in 0..2 {
            server.runs(&check, &mails, "done", [2, 0, 0, 0]);
        }
    }
    check.equal("the number of different Message-IDs", &message_ids(&mailbox).len(), &8);
}

#[test]
fn an_article_style_worker_is_believed_when_it_counts_all() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 4 mails to a server whose worker only replies {\"counter\":4}");
    let body = r#"say '{"counter":4}'; disconnected"#;
    let (server, status) = run_played(&check, &mailbox, body, PATIENT);
    check_account(&check, &status, "done", [4, 0, 0, 0]);
    server.log_line(&check, &contains("Number of mails sent 4"));
}

#[test]
fn the_worker_can_be_a_real_node_program() {
    let Some(worker) = support::node::worker(support::node_program!("send_mail.mjs")) else { return };
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(format!("posted 4 mails to a server with WORKER={worker}"));
    let server = JobServer::start(&check, spec.server(&mailbox).env("WORKER", worker));
    server.runs(&check, &spec.mails(4), "done", [4, 0, 0, 0]);
    server.wait_for_workers(&check, 0);
}

/// Posts 8 mails, sends signals while the worker has one of them in hand, and looks that all are sent.
fn finishes_when_stopped(spec: &Spec, mailbox: &Mailbox, did: &str, signal: impl FnOnce(&Running)) {
    let check = spec.check(did);
    let mails = spec.mails(8);
    mailbox.hold_recipient(Point::Rcpt, &mails[1].to);
    let mut server = server(&check, mailbox);
    server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    signal(&server);
    server.wait_closed(&check);
    mailbox.release_all();
    server.ends_well(&check);
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &mail::recipients(&mails));
    server.leaves_nothing_behind(&check);
}

#[test]
fn a_signal_ends_the_server_after_the_job_in_hand() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "sent SIGTERM to a server with a job of 8 mails, of which one is held";
    finishes_when_stopped(&spec, &mailbox, did, |server| server.signal(Signal::SIGTERM));
}

#[test]
fn a_signal_to_the_whole_group_cuts_nothing_off() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "sent SIGTERM twice to the server and its worker (as a service manager and `timeout` do), with 8 \
               mails in hand";
    let twice = |server: &Running| (0..2).for_each(|_| server.signal_group(Signal::SIGTERM));
    finishes_when_stopped(&spec, &mailbox, did, twice);
}

#[test]
fn an_unread_log_does_not_stop_the_server() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.check("posted 80 bad addresses, twice, to a server whose stderr is read, full, or closed");
    for reader in [Reader::Stays, Reader::Stopped, Reader::Left] {
        let mut server = JobServer::start(&check, spec.server(&mailbox).stderr(reader));
        for _ in 0..2 {
            server.runs(&check, &jobs::bad_mails(&check, 80), "done", [0, 80, 0, 0]);
        }
        server.stops(&check);
    }
}

#[test]
fn a_mail_server_that_talks_much_is_cut_short() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 3 mails; the mail server refuses each with 450 characters, and an escape sequence";
    let check = spec.check(did);
    let refusal = format!("550 \u{1b}[31m{}\r\n", "no ".repeat(150));
    mailbox.quirk(Quirk::Says(ReplyTo::Rcpt, refusal.into_bytes()));
    let server = server(&check, &mailbox);
    let status = server.runs(&check, &spec.mails(3), "done", [0, 3, 0, 0]);
    let why = status["problems"][0]["why"].as_str().unwrap_or_default();
    let is_cut = why.contains("no no") && why.chars().count() <= 300;
    check.holds("a \"why\" with the mail server's words, and at most 300 characters", is_cut, &status);
    let raw = server.stderr().contains('\u{1b}') || why.contains('\u{1b}');
    check.holds("no escape character from the mail server in the log", !raw, server.stderr());
}
