//! The task of lesson 01: a program that reads a job from stdin and sends its mails with blocking calls.
//!
//! 1. Parse `{"mails": [mail, …]}` from stdin.
//! 2. Build lettre's `SmtpTransport`, and send a mail through it (look up: `lettre::Transport::send`).
//! 3. Send all mails, one after another; count what the server accepted; report the rest on stderr.
//! 4. Print the reply `{"counter": N}` on stdout.

use support::predicates::str::is_empty;
use support::{Check, ClosedPort, Finished, Mail, Mailbox, Point, Program, Reader, Reply, Spec, Value};
use support::{json, mail};

const READ: &str = "1. Read the job";
const SEND: &str = "2. Send one mail";
const COUNT: &str = "3. One after another, and count";
const PRINT: &str = "4. Print the reply";

/// The program with a job on its stdin and the mailbox as its SMTP server.
fn with_job(spec: &Spec, mailbox: &Mailbox, mails: &[Mail]) -> Program {
    spec.program().env("SMTP_URL", mailbox.url()).stdin(mail::job(mails).to_string())
}

/// The reply must be `{"counter": N}`. What came instead tells which section helps.
fn replies(finished: Finished, counter: usize) -> Finished {
    let stdout = finished.stdout();
    let reply: Value = stdout.parse().unwrap_or_default();
    let finished = match reply["counter"].as_u64() {
        // It ended before it printed anything.
        None if stdout.is_empty() => finished,
        None => finished.about(PRINT),
        // Too many, and nothing was reported: `send` returned `Ok` for a mail that failed.
        Some(counted) if counted > counter as u64 && finished.stderr().is_empty() => finished.about(SEND),
        Some(_) => finished.about(COUNT),
    };
    // The exit status, which the next check looks at, is told where the reply is.
    finished.prints_json(&json!({"counter": counter})).about(PRINT)
}

/// One line `error: …` for each of these mails, which names its recipient, and no other such line.
fn reports_each(check: &Check, finished: &Finished, failed: &[Mail]) {
    let errors = errors(finished);
    check.equal("the number of lines `error: …` on stderr", &errors.len(), &failed.len());
    for mail in failed {
        let named = errors.iter().any(|line| line.contains(&mail.to));
        check.holds(
            &format!("a line `error: …` on stderr that says `{}`", mail.to),
            named,
            finished.stderr(),
        );
    }
}

fn errors(finished: &Finished) -> Vec<String> {
    finished.stderr().lines().filter(|line| line.starts_with("error: ")).map(str::to_owned).collect()
}

/// The mailbox has these mails, in this order, and no others.
fn have_arrived(check: &Check, mailbox: &Mailbox, mails: &[Mail]) {
    let what = "the list of recipients in the mailbox";
    check.about(COUNT).equal(what, &mailbox.recipients(), &mail::recipients(mails));
}

#[test]
fn every_mail_of_the_job_arrives() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let mails = spec.mails(spec.number(2..6));
    let check = spec.check(SEND, format!("ran the program with a job of {} mails on stdin", mails.len()));

    replies(with_job(&spec, &mailbox, &mails).run(&check), mails.len()).code(0);

    let letters = mailbox.letters();
    check.holds("mails in the mailbox, since the program has counted them", !letters.is_empty(), "none");
    have_arrived(&check, &mailbox, &mails);
    for (letter, mail) in letters.iter().zip(&mails) {
        check.equal("the envelope's sender", &letter.from, &mail.from);
        check.equal("the subject", &letter.header("Subject"), &mail.subject);
        check.equal("the text", letter.text().trim_end(), mail.text.trim_end());
    }
}

#[test]
fn one_conversation_at_a_time() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let mails = spec.mails(3);
    let check = spec.check(COUNT, "ran the program with 3 mails while the mailbox holds each at RCPT");
    mailbox.hold(Point::Rcpt);

    let mut program = with_job(&spec, &mailbox, &mails).start();
    for number in 0..mails.len() {
        mailbox.wait_held(&check, 1);
        let open = mailbox.open_conversations();
        check.equal("the number of SMTP conversations at once", &open, &1);
        check.equal("the number of mails accepted so far", &mailbox.letters().len(), &number);
        check.holds("no reply before every mail is done", program.stdout().is_empty(), program.stdout());
        mailbox.release_one();
        mailbox.wait_letters(&check, number + 1);
    }
    program.finish(&check).code(0);
    have_arrived(&check, &mailbox, &mails);
    check.equal("the most SMTP conversations at once", &mailbox.peak(), &1);
}

#[test]
fn a_refused_recipient_is_not_counted_and_does_not_stop_the_rest() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let mut mails = spec.mails(spec.number(4..8));
    let refused = spec.number(0..mails.len() - 2);
    let check = spec.check(
        COUNT,
        format!("ran the program with {} mails; the mailbox refuses number {}", mails.len(), refused + 1),
    );
    mailbox.reply(&mails[refused].to, Reply::Refuse([450, 550][spec.number(0..2)]));

    let finished = with_job(&spec, &mailbox, &mails).run(&check);
    let refused = mails.remove(refused);
    replies(finished, mails.len()).code(1).about(COUNT).reports_error(&[&refused.to]);
    have_arrived(&check, &mailbox, &mails);
}

#[test]
fn what_cannot_be_sent_is_reported_and_the_rest_is_sent() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let mut mails = spec.mails(4);
    mails[0].to = "no address at all".into();
    mails[1].subject = "one\r\nBcc: everybody@example.test".into();
    let did = "ran the program with 4 mails: one with a bad address, one with a subject of two lines, one for \
               which the mailbox closes the connection, and a good one";
    let check = spec.check(COUNT, did);
    mailbox.reply(&mails[2].to, Reply::Drop);

    let finished = replies(with_job(&spec, &mailbox, &mails).run(&check), 1).code(1);

    reports_each(&check, &finished, &mails[..3]);
    have_arrived(&check, &mailbox, &mails[3..]);
}

#[test]
fn a_mail_cannot_bring_commands_or_headers_of_its_own() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let good = spec.mail();
    let mut mails = vec![good.clone(); 6];
    mails[0].to = format!("{}\r\nBcc: everybody@example.test", good.to);
    mails[1].to = format!("{}>\r\nRCPT TO:<everybody@example.test", good.to);
    mails[2].from = format!("{}\r\nBcc: everybody@example.test", good.from);
    mails[3].from = format!("{}>\r\nRCPT TO:<everybody@example.test>\r\nDATA\r\n<", good.from);
    mails[4].subject = "one\nBcc: everybody@example.test".into();
    mails[5].text = format!("one\r\n.\r\nMAIL FROM:<{}>\r\n.\r\n.two\r\nQUIT", good.from);
    let check = spec.check(
        SEND,
        "ran the program with 5 mails that have a line end in an address or in the subject, and one whose text \
         looks like SMTP",
    );

    let finished = with_job(&spec, &mailbox, &mails).run(&check);

    for letter in mailbox.letters() {
        let bcc = letter.header("Bcc");
        let expected = "no header Bcc in a letter: a line end in a subject must not begin one";
        check.holds(expected, bcc.is_empty(), format!("Bcc: {bcc}"));
    }
    let recipients = mailbox.recipients();
    let strange: Vec<&str> = recipients.iter().map(String::as_str).filter(|to| *to != good.to).collect();
    let expected = "no other recipient than the good one: a line end in an address must not bring one";
    check.holds(expected, strange.is_empty(), strange.join(" and "));
    have_arrived(&check, &mailbox, &mails[5..]);
    for letter in mailbox.letters() {
        let expected = mails[5].text.replace("\r\n", "\n");
        check.equal("the text, as it was", letter.text().trim_end(), expected.as_str());
    }
    let finished = replies(finished, 1);
    check.about(COUNT).equal("the number of lines `error: …` on stderr", &errors(&finished).len(), &5);
    finished.code(1);
}

#[test]
fn an_smtp_server_that_is_down_means_counter_0() {
    let spec = support::spec!("01-blocking");
    let mails = spec.mails(2);
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let check =
        spec.check(COUNT, format!("ran the program with 2 mails and SMTP_URL={url}, where nobody listens"));
    let program = spec.program().env("SMTP_URL", url).stdin(mail::job(&mails).to_string());
    let finished = replies(program.run(&check), 0).code(1);
    reports_each(&check, &finished, &mails);
}

#[test]
fn a_job_may_be_written_on_several_lines() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let mails = spec.mails(2);
    let check = spec.check(READ, "ran the program with a job of 2 mails that is written on several lines");
    let program = spec.program().env("SMTP_URL", mailbox.url()).stdin(format!("{:#}\n", mail::job(&mails)));
    replies(program.run(&check), mails.len()).code(0);
    have_arrived(&check, &mailbox, &mails);
}

#[test]
fn an_empty_job_is_done_at_once() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let check = spec.check(PRINT, "ran the program with {\"mails\": []}");
    replies(with_job(&spec, &mailbox, &[]).run(&check), 0).code(0);
    check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &0);
}

#[test]
fn a_reply_that_cannot_be_printed_is_an_error() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let program = || with_job(&spec, &mailbox, &spec.mails(1));
    spec.cannot_print(PRINT, "ran the program with a mail", &["cannot print"], program);
}

#[test]
fn reports_that_nobody_reads_stop_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(3);
        mails[1].to = "no address at all".into();
        let did = format!("ran the program with 3 mails, one with a bad address; its stderr {what}");
        let check = spec.check(COUNT, did);
        let finished = with_job(&spec, &mailbox, &mails).stderr(reader).run(&check);
        finished.prints_json(&json!({"counter": 2})).code(1);
    }
}

#[test]
fn a_job_that_is_no_job_is_bad_input() {
    let (spec, mailbox) = support::spec_with_mailbox!("01-blocking");
    let good = spec.mail().json();
    let mut lacking = good.clone();
    let field = ["from", "to", "subject", "text"][spec.number(0..4)];
    lacking.as_object_mut().map(|fields| fields.remove(field));
    let jobs = [
        ("nothing", String::new(), "line"),
        ("broken JSON", "{\"mails\": [".into(), "line"),
        ("a list instead of an object", "[1, 2]".into(), "line"),
        ("a list of mails instead of an object", json!([[good]]).to_string(), "line"),
        ("a mail that is a list", json!({"mails": [["a@x.test", "b@x.test", "s", "t"]]}).to_string(), "line"),
        ("no \"mails\"", json!({"mail": [good]}).to_string(), "mails"),
        ("a mail without a field", json!({"mails": [good, lacking]}).to_string(), field),
        ("two documents", "{\"mails\": []} {\"mails\": []}".into(), "line"),
    ];
    for (what, job, word) in jobs {
        let did = format!("ran the program with {what} on stdin: {job}");
        let check = spec.check(READ, did.trim_end_matches(": "));
        let finished = spec.program().env("SMTP_URL", mailbox.url()).stdin(job).run(&check).code(2);
        finished.reports_error(&["cannot parse the job: ", word]).stdout_is("nothing", &is_empty());
        check.equal("the number of mails in the mailbox", &mailbox.letters().len(), &0);
    }
}

#[test]
fn a_bad_smtp_url_is_bad_configuration() {
    let spec = support::spec!("01-blocking");
    let other = ["http://127.0.0.1:2525", "smtps://127.0.0.1", "smtp://a@127.0.0.1", "smtp://:b@127.0.0.1"];
    let bad = [&["", "not a url", "smtp://"][..], &other].concat();
    spec.refuses_values(READ, "SMTP_URL", &bad, "smtp://127.0.0.1:2525/");
}
