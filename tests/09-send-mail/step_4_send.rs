//! Step 4: send the mails of the queue over one connection, count those that the server accepts, and report the others.
//! Then say goodbye.

use super::*;

/// The mails that were not sent have a line each in the log, and no other mail has one.
fn reports(check: &Check, worker: &Running, mails: &[&Mail]) {
    for mail in mails {
        let begin = format!("error: cannot send the mail to \"{}\": ", mail.to);
        let line = worker.log_line(check, &contains(begin.as_str()));
        check.holds("a report that says why", line.len() > begin.len(), &line);
    }
    let lines = worker.logged("error: ");
    let expected = format!("{} lines `error: …` on stderr, one for each mail that failed", mails.len());
    check.holds(&expected, lines.len() == mails.len(), lines.join("\n"));
}

fn check_letters(check: &Check, mailbox: &Mailbox, mails: &[Mail]) {
    let accepted = mailbox.letters().len();
    check.equal("the number of mails in the mailbox when the reply comes", &accepted, &mails.len());
    for mail in mails {
        let letters = mailbox.letters();
        let letter = letters.iter().find(|letter| letter.recipients == [mail.to.as_str()]);
        let Some(letter) = letter else { check.fail(&format!("a mail to {}", mail.to), "none") };
        check.equal("the envelope's sender", &letter.from, &mail.from);
        check.equal("the subject", &letter.header("Subject"), &mail.subject);
        check.equal("the text", letter.text().trim_end(), mail.text.trim_end());
    }
}

#[test]
fn a_job_comes_in_and_a_reply_goes_out() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(spec.number(3..9));
    mails[1].subject = format!("Grüße an {}", spec.word());
    mails[2].text = format!("Ein Punkt\n.\n..{}\nund Ende 📨", spec.word());
    let check = spec.check(format!("forked the worker and sent it a job of {} mails", mails.len()));
    let (worker, mut channel) = forked_worker(&spec, &mailbox);

    sends(&check, &mut channel, &mails);

    check_letters(&check, &mailbox, &mails);
    reports(&check, &worker, &[]);
    check_ends(&spec, worker, channel, "its last reply");
}

#[test]
fn several_jobs_get_their_replies_in_order() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let sizes: Vec<usize> = (0..5).map(|_| spec.number(0..6)).collect();
    let told: Vec<String> = sizes.iter().map(usize::to_string).collect();
    let check = spec.check(format!("sent five jobs in one write, with {} mails", told.join(", ")));
    let jobs: String = sizes.iter().map(|size| format!("{}\n", mail::job(&spec.mails(*size)))).collect();
    let (_worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send_bytes(&check, jobs.as_bytes());
    let counters: Vec<Value> = sizes.iter().map(|_| channel.recv(&check)["counter"].clone()).collect();
    check.json("the list of counters", &json!(counters), &json!(sizes));
}

#[test]
fn several_mails_are_on_their_way_at_once() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check(format!("sent 8 mails with SMTP_CONNECTIONS=2; {HOLDS_ALL}"));
    mailbox.hold(Point::Rcpt);
    let (_worker, mut channel) = forked_with_limit(&spec, &mailbox, 2);
    channel.send(&check, &mail::job(&spec.mails(8)));
    mailbox.wait_held(&check, 2);
    mailbox.release_all();
    counts(&check, &mut channel, 8);
}

#[test]
fn a_server_that_is_down_means_counter_0_and_the_worker_goes_on() {
    let spec = support::spec!();
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let (worker, mut channel) = spec.program().env("SMTP_URL", &url).fork();
    let mails = spec.mails(4);
    for (which, job, failed) in [("a job", &mails[..2], 2), ("a second job", &mails[2..], 4)] {
        let check = spec.check(format!("sent {which} of 2 mails; nobody listens on {url}"));
        channel.send(&check, &mail::job(job));
        counts(&check, &mut channel, 0);
        reports(&check, &worker, &mails[..failed].iter().collect::<Vec<_>>());
    }
}

#[test]
fn what_cannot_be_sent_is_reported_and_the_rest_is_sent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(9);
    mailbox.reply(&mails[0].to, Reply::Refuse(550));
    mailbox.reply(&mails[2].to, Reply::Refuse(450));
    mailbox.reply(&mails[4].to, Reply::Drop);
    mailbox.reply(&mails[6].to, Reply::Unavailable);
    mails[7].to = format!("no address {}", spec.word());
    mails[8].subject = "one\r\nBcc: everybody@example.test".into();
    let check = spec.check(
        "sent 9 mails: two are refused, one is dropped, one gets 421, one address and one subject are bad",
    );
    let (worker, mut channel) = forked_worker(&spec, &mailbox);
    channel.send(&check, &mail::job(&mails));
    counts(&check, &mut channel, 3);
    let good = [1, 3, 5].map(|number: usize| mails[number].to.clone());
    let delivered = sorted(mailbox.recipients());
    check.equal("the sorted list of recipients in the mailbox", &delivered, &sorted(good.to_vec()));
    reports(&check, &worker, &[0, 2, 4, 6, 7, 8].map(|number: usize| &mails[number]));
}

#[test]
fn a_server_that_closes_after_some_mails_gets_a_new_connection() {
    let spec = support::spec!();
    for quirk in [Quirk::ClosesAfter(2), Quirk::UnavailableAfter(2)] {
        let mailbox = spec.mailbox();
        let check = spec.check(format!("sent 9 mails to a mail server that {quirk}"));
        mailbox.quirk(quirk);
        let (_worker, mut channel) = forked_with_limit(&spec, &mailbox, 1);
        sends(&check, &mut channel, &spec.mails(9));
        check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &9);
    }
}

#[test]
fn an_unread_log_stops_nothing() {
    let spec = support::spec!();
    for (reader, what) in Reader::ALL {
        let mailbox = spec.mailbox();
        let mails = spec.mails(5);
        mailbox.reply(&mails[1].to, Reply::Refuse(550));
        let check = spec.check(format!("sent a job of 5 mails, one of them refused; stderr {what}"));
        let (worker, mut channel) = worker(&spec, &mailbox).stderr(reader).fork();
        channel.send(&check, &mail::job(&mails));
        counts(&check, &mut channel, 4);
        check_ends(&spec, worker, channel, "a reply while nothing read its log");
    }
}

#[test]
fn each_connection_says_goodbye() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(4..9));
    let check = spec.check(format!("sent a job of {} mails", mails.len()));
    let (_worker, mut channel) = forked_worker(&spec, &mailbox);
    sends(&check, &mut channel, &mails);
    mailbox.wait_all_closed(&check);
    for conversation in 1..=mailbox.conversations() {
        let last = mailbox.commands(conversation).pop().unwrap_or_default();
        let last = String::from_utf8_lossy(&last).into_owned();
        check.equal("the last command of each SMTP conversation", last.trim_end(), "QUIT");
    }
}

#[test]
fn a_connection_is_used_for_many_mails() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent 20 mails with SMTP_CONNECTIONS=1");
    let (_worker, mut channel) = forked_with_limit(&spec, &mailbox, 1);
    let mails = spec.mails(20);
    sends(&check, &mut channel, &mails);
    let accepted = mailbox.letters().len();
    check.equal("the number of mails in the mailbox when the reply comes", &accepted, &20);
    check.equal("the number of SMTP conversations", &mailbox.conversations(), &1);
    let recipients = mail::recipients(&mails);
    let place = |to| recipients.iter().position(|recipient| *recipient == to).map_or(0, |place| place + 1);
    let came: Vec<usize> = mailbox.recipients().into_iter().map(place).collect();
    let in_order: Vec<usize> = (1..=mails.len()).collect();
    check.json("the order in which the mails of the job came", &json!(came), &json!(in_order));
}

#[test]
fn it_works_under_a_real_node_server() {
    let spec = support::spec!();
    let Some(node) = support::node::node() else { return };
    let mailbox = spec.mailbox();
    let count = spec.number(2..7);
    let check =
        spec.check(format!("let the article's server in real Node fork the worker for {count} mails"));
    let server = spec.other_program(node, "node").arg(support::node_program!("server.mjs")).env("PORT", "0");
    let server = server.env("SMTP_URL", mailbox.url()).env("WORKER_EXEC", spec.program_path());
    let (server, http) = server.serve(&check);
    check.is_sent(&http.post_mails(&check, &spec.mails(count)));
    server.log_line(&check, &contains(format!("Number of mails sent {count}")));
    server.log_line(&check, &contains("ended: 0"));
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &count);
}
