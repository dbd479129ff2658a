//! Step 1: in the worker, offer a mail, report that it is started, hand it over, and report what became of it. When the
//! parent is gone, a mail must not go out.

use super::*;

/// The worker alone, with a channel to the spec.
fn worker(spec: &Spec, mailbox: &Mailbox) -> (Running, Channel) {
    spec.server(mailbox).arg("send-mail").fork()
}

/// Sends the worker an assignment as the server does, with a Message-ID for each mail. Returns these.
fn assign(check: &Check, channel: &mut Channel, mails: &[Mail]) -> Vec<String> {
    let mut assignment = mail::job(mails);
    assignment["reports"] = json!(true);
    let id = |number| format!("<{number}.{}@spec.test>", check.spec().word());
    let ids: Vec<_> = (0..mails.len()).map(id).collect();
    for (number, id) in ids.iter().enumerate() {
        assignment["mails"][number]["messageId"] = json!(id);
    }
    channel.send(check, &assignment);
    ids
}

/// The next report must be about this mail, and say why.
fn reports(check: &Check, channel: &mut Channel, what: &str, state: &str, id: &str) -> String {
    let report = channel.recv(check);
    check.json(&format!("the report about {what}: its {state:?}"), &report[state], &json!(id));
    let why = report["why"].as_str().unwrap_or_default();
    check.holds("a report that says \"why\"", !why.is_empty(), &report);
    why.to_owned()
}

#[test]
fn the_worker_reports_each_mail_before_and_after_the_dangerous_moment() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.check("sent the worker an assignment of 3 mails; the mailbox holds the first one at RCPT");
    let mails = spec.mails(3);
    mailbox.reply(&mails[1].to, Reply::Refuse(450));
    mailbox.hold_recipient(Point::Rcpt, &mails[0].to);
    let (_worker, mut channel) = worker(&spec, &mailbox);
    let ids = assign(&check, &mut channel, &mails);
    mailbox.wait_held(&check, 1);
    channel.stays_silent(&check, "the mail server has not taken the recipient yet");
    mailbox.hold_recipient(Point::Data, &mails[0].to);
    mailbox.hold_recipient(Point::Answer, &mails[0].to);
    let check = spec.check("let the first of 3 mails pass RCPT; the mailbox holds it at DATA");
    mailbox.release_one();
    mailbox.wait_held(&check, 1);
    check.json("the report before DATA", &channel.recv(&check), &json!({"started": ids[0]}));
    let check = spec.check("let the letter of the first mail in; the mailbox holds its answer");
    mailbox.release_one();
    mailbox.wait_letters(&check, 1);
    mailbox.wait_held(&check, 1);
    channel.stays_silent(&check, "the mail server has not answered yet");
    let check = spec.check("let the first of 3 mails go; the second one is refused");
    mailbox.release_one();
    check.json("the report after it", &channel.recv(&check), &json!({"sent": ids[0]}));
    let why = reports(&check, &mut channel, "the second mail", "failed", &ids[1]);
    check.holds("a \"why\" with the mail server's words", why.contains("the mailbox refuses"), why);
    for report in [json!({"started": ids[2]}), json!({"sent": ids[2]}), json!({"counter": 2})] {
        check.json("the next message", &channel.recv(&check), &report);
    }
    let got: Vec<_> = mailbox.letters().iter().map(|letter| letter.header("Message-ID")).collect();
    check.equal("the Message-IDs in the mailbox", &got, &vec![ids[0].clone(), ids[2].clone()]);
}

#[test]
fn an_article_style_parent_hears_the_reply_only() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent the worker a job without \"reports\"; one mail is refused");
    let mails = spec.mails(spec.number(3..6));
    mailbox.reply(&mails[1].to, Reply::Refuse(550));
    let (_worker, mut channel) = worker(&spec, &mailbox);
    channel.send(&check, &mail::job(&mails));
    let expected = json!({"counter": mails.len() - 1});
    check.json("the first message, which is to be the reply,", &channel.recv(&check), &expected);
}

#[test]
fn a_letter_without_an_answer_is_unknown_and_the_rest_has_failed() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent the worker 3 mails; the mail server closes after the second letter");
    let mails = spec.mails(3);
    mailbox.hold_recipient(Point::Accept, &mails[1].to);
    let (_worker, mut channel) = worker(&spec, &mailbox);
    let ids = assign(&check, &mut channel, &mails);
    for expected in [json!({"started": ids[0]}), json!({"sent": ids[0]}), json!({"started": ids[1]})] {
        check.json("the next report", &channel.recv(&check), &expected);
    }
    mailbox.wait_held(&check, 1);
    drop(mailbox);
    reports(&check, &mut channel, "the second mail", "unknown", &ids[1]);
    reports(&check, &mut channel, "the third mail", "failed", &ids[2]);
    check.json("the reply", &channel.recv(&check), &json!({"counter": 1}));
}

/// The mail server says no to a letter that is started, so it is certain that the mail isn't sent.
fn is_refused(spec: &Spec, mailbox: &Mailbox, point: ReplyTo, when: &str) {
    let check = spec.check(format!("sent the worker a mail, which the mail server refuses {when}"));
    mailbox.quirk(Quirk::Says(point, b"554 no, thank you\r\n".to_vec()));
    let (_worker, mut channel) = worker(spec, mailbox);
    let ids = assign(&check, &mut channel, &spec.mails(1));
    check.json("the report before DATA", &channel.recv(&check), &json!({"started": ids[0]}));
    let why = reports(&check, &mut channel, "the letter that is refused", "failed", &ids[0]);
    check.holds("a \"why\" with the mail server's words", why.contains("no, thank you"), why);
    check.json("the reply", &channel.recv(&check), &json!({"counter": 0}));
}

#[test]
fn a_mail_that_is_refused_at_data_has_failed() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    is_refused(&spec, &mailbox, ReplyTo::Data, "at DATA");
}

#[test]
fn a_mail_that_is_refused_after_the_letter_has_failed() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    is_refused(&spec, &mailbox, ReplyTo::Letter, "after the letter");
}

/// The parent goes while the mailbox holds a mail. Only what was started before may arrive.
fn loses_its_parent(spec: &Spec, mailbox: &Mailbox, point: Point, when: &str, sent: usize) {
    let check =
        spec.check(format!("closed the channel, as a parent that dies does, while the worker {when}"));
    let mails = spec.mails(5);
    match point {
        Point::Connect => mailbox.hold(point),
        _ => mailbox.hold_recipient(point, &mails[1].to),
    }
    let (mut worker, mut channel) = worker(spec, mailbox);
    assign(&check, &mut channel, &mails);
    mailbox.wait_held(&check, 1);
    drop(channel);
    mailbox.release_all();
    worker.leaves_nothing_behind(&check);
    let expected = mail::recipients(&mails[..sent]);
    check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &expected);
}

#[test]
fn a_worker_that_loses_its_parent_before_the_first_mail_sends_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let when = "has the first of 5 mails and waits for the greeting";
    loses_its_parent(&spec, &mailbox, Point::Connect, when, 0);
}

#[test]
fn a_worker_that_loses_its_parent_before_a_start_does_not_start() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    loses_its_parent(&spec, &mailbox, Point::Rcpt, "names the recipient of the second of 5 mails", 1);
}

#[test]
fn a_worker_that_loses_its_parent_finishes_the_letter_in_hand() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    loses_its_parent(&spec, &mailbox, Point::Accept, "has sent the second letter of 5", 2);
}

#[test]
fn the_worker_does_what_it_did_in_lesson_09() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent the worker {\"mails\":5}, which is JSON and not a job");
    let (mut worker, mut channel) = worker(&spec, &mailbox);
    channel.send(&check, &json!({"mails": 5}));
    check.json("the counter for what is not a job", &channel.recv(&check)["counter"], &json!(0));
    let check = spec.check("sent SIGINT to the worker, and then a job of 2 mails");
    worker.signal(Signal::SIGINT);
    channel.send(&check, &mail::job(&spec.mails(2)));
    check.json("the counter for the job", &channel.recv(&check)["counter"], &json!(2));
    let check = spec.check("sent the worker a line that isn't JSON");
    channel.send_bytes(&check, b"{\"mails\": oops}\n");
    channel.ends(&check);
    worker.finish(&check).code(2);
}

#[test]
fn a_real_node_parent_goes_on_working() {
    let Some(node) = support::node::node() else { return };
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("let the article's server in real Node fork the worker");
    let script = Scratch::new(SCRIPTS, "worker.sh");
    let text = format!("exec '{}' send-mail", spec.program_path().display());
    jobs::write_executable(&check, script.path(), &text);
    let program = spec.other_program(node, "node").arg(support::node_program!("server.mjs")).env("PORT", "0");
    let program = program.env("SMTP_URL", mailbox.url()).env("WORKER_EXEC", script.path());
    let (server, http) = program.serve(&check);
    check.is_sent(&http.post_mails(&check, &spec.mails(4)));
    server.log_line(&check, &contains("Number of mails sent 4"));
}
