//! Step 2: send the worker its job, and wait for the reply, whatever else it says before. Log `Number of mails sent N`, or
//! an error that says for how many mails there was no reply.

use super::*;

#[test]
fn the_number_is_logged_when_the_reply_comes() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(2..9));
    let check = spec.check(format!("posted {} mails while the mailbox holds every mail", mails.len()));
    mailbox.hold(Point::Rcpt);
    let (server, http) = spec.server(&mailbox).serve(&check);
    post(&check, &http, &mails);
    mailbox.wait_held(&check, 1);
    http.is_healthy(&check);
    server.sleeps(&check, "it waits for the reply");
    logs_no_number(&check, &server);
    mailbox.release_all();
    let check = spec.check("let all mails go");
    logs_number(&check, &server, mails.len());
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &mails.len());
}

#[test]
fn only_what_was_accepted_is_counted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(3..8));
    let check = spec.check(format!("posted {} mails; the mailbox refuses one", mails.len()));
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let (server, http) = spec.server(&mailbox).serve(&check);
    post(&check, &http, &mails);
    logs_number(&check, &server, mails.len() - 1);
}

#[test]
fn an_empty_list_is_a_job_too() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted {\"emails\": []}");
    let (server, http) = spec.server(&mailbox).serve(&check);
    post(&check, &http, &[]);
    logs_number(&check, &server, 0);
}

#[test]
fn a_mail_is_sent_as_the_client_has_written_it() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = mail::bait(&spec);
    let check = spec.check(format!("posted {} mails with commands of a shell in them", mails.len()));
    let (server, http) = spec.server(&mailbox).serve(&check);
    post(&check, &http, &mails);
    logs_number(&check, &server, mails.len());
    for mail in &mails {
        let letters = mailbox.letters();
        let letter = letters.iter().find(|letter| letter.recipients == [mail.to.as_str()]);
        let Some(letter) = letter else { check.fail(&format!("a mail to {}", mail.to), "none") };
        check.equal("the subject", &letter.header("Subject"), &mail.subject);
        check.equal("the text", letter.text().trim_end(), mail.text.trim_end());
    }
}

#[test]
fn requests_at_the_same_time_do_not_mix() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let sizes: Vec<usize> = (1..=6).collect();
    let check = spec.check("posted 1, 2, 3, 4, 5 and 6 mails at the same time");
    let (server, http) = spec.server(&mailbox).serve(&check);
    let pending: Vec<_> = sizes.iter().map(|size| http.begin_post_mails(&spec.mails(*size))).collect();
    for answer in pending {
        has_status(&check, &answer.wait(&check), 200);
    }
    for size in &sizes {
        logs_number(&check, &server, *size);
    }
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &sizes.iter().sum());
}

#[test]
fn messages_before_the_reply_are_skipped() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let number = spec.number(3..1000);
    let check = spec.check(format!(
        "posted 2 mails; the worker sends \"ready\", progress, a number, null, a list, and then {{\"counter\":{number}}}"
    ));
    let body = format!(
        "say '\"ready\"'\nread -r job <&3\nsay '{{\"progress\":0.5}}'\nsay 7\nsay null\nsay '[\"text\"]'\n\
         say '{{\"counter\":{number},\"failed\":[]}}'\nread -r end <&3"
    );
    let worker = script(&check, &body);
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(2));
    logs_number(&check, &server, number);
    let log = server.stderr();
    let usual = ["forked", "Number of mails sent", "ended"];
    // Its words are free: it may have one of the usual ones in it.
    let is_more = |line: &str| !usual.iter().any(|word| line.contains(word));
    let has_more = log.lines().any(is_more) || log.lines().count() > usual.len();
    check.holds("a line of stderr about what was skipped", has_more, &log);
}

/// The server must log that there was no reply, and for how many mails.
fn logs_no_reply(check: &Check, server: &Running, mails: usize) {
    server.log_line(check, &starts_with("error: ").and(contains(format!("{mails} mails"))));
    logs_no_number(check, server);
}

#[test]
fn a_worker_that_exits_without_a_reply_is_an_error() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 3 mails to a server whose worker takes the job and ends without a reply");
    let (server, http) = spec.server(&mailbox).env("WORKER", takes_the_job_and_ends()).serve(&check);
    post(&check, &http, &spec.mails(3));
    logs_no_reply(&check, &server, 3);
    http.is_healthy(&check);
}

#[test]
fn a_worker_that_exits_right_away_is_an_error() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 3 mails to a server with WORKER=false, which exits at once with status 1");
    let (server, http) = spec.server(&mailbox).env("WORKER", "false").serve(&check);
    post(&check, &http, &spec.mails(3));
    logs_no_reply(&check, &server, 3);
    http.is_healthy(&check);
}

#[test]
fn a_worker_that_writes_garbage_is_an_error() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 3 mails to a server whose worker writes a line that isn't JSON");
    let worker = script(&check, "read -r job <&3\nsay 'Hello, world!'\nread -r end <&3");
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(3));
    logs_no_reply(&check, &server, 3);
    http.is_healthy(&check);
}

#[test]
fn an_unread_log_stops_nothing() {
    let spec = support::spec!();
    // The log that blocks for certain comes early.
    let [stays, left, disk, full] = Reader::ALL;
    for (reader, what) in [stays, full, left, disk] {
        let mailbox = spec.mailbox();
        let check = spec
            .check(format!("posted 2 mails five times, of which one is refused each time; stderr {what}"));
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        // The reply to the first ones may come only after a later request was accepted.
        for sent in 1..=5 {
            let mails = spec.mails(2);
            mailbox.reply(&mails[0].to, Reply::Refuse(550));
            post(&check, &http, &mails);
            mailbox.wait_letters(&check, sent);
        }
    }
}

#[test]
fn workers_finish_their_job_when_the_server_is_killed() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let begun = spec.check("posted 6 mails, and 6 more, while the mailbox holds every mail");
    mailbox.hold(Point::Rcpt);
    let (mut server, http) = spec.server(&mailbox).serve(&begun);
    for held in [4, 8] {
        post(&begun, &http, &spec.mails(6));
        mailbox.wait_held(&begun, held);
    }
    let check = spec.check("killed the server with SIGKILL while two workers have 6 mails each");
    server.signal(Signal::SIGKILL);
    server.wait(&check);
    mailbox.release_all();
    server.leaves_nothing_behind(&check);
    let what = "the number of mails in the mailbox when all workers have exited";
    check.equal(what, &mailbox.letters().len(), &12);
}

/// Posts some mails, of which one is refused, to a server whose worker is this program in Node.
fn with_a_node_worker(spec: &Spec, mailbox: &Mailbox, worker: &str) {
    let mails = spec.mails(spec.number(2..6));
    let check = spec.check(format!("posted {} mails to a server with WORKER={worker}", mails.len()));
    mailbox.reply(&mails[0].to, Reply::Refuse(550));
    let (server, http) = spec.server(mailbox).env("WORKER", worker).serve(&check);
    post(&check, &http, &mails);
    logs_number(&check, &server, mails.len() - 1);
}

#[test]
fn a_real_node_worker_may_say_more_than_its_reply() {
    let Some(worker) = support::node::worker(support::node_program!("talkative.mjs")) else { return };
    let (spec, mailbox) = support::spec_with_mailbox!();
    with_a_node_worker(&spec, &mailbox, &worker);
}

#[test]
fn the_worker_can_be_a_real_node_program() {
    let Some(worker) = support::node::worker(support::node_program!("send_mail.mjs")) else { return };
    let (spec, mailbox) = support::spec_with_mailbox!();
    with_a_node_worker(&spec, &mailbox, &worker);
}
