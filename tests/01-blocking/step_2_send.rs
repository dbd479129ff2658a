//! Step 2: build lettre's `SmtpTransport` to the server that `SMTP_URL` names, and send a mail through it. `send` makes the letter
//! with `to_message`, and returns the error where there is one.

use super::*;

#[test]
fn the_first_mail_of_a_job_arrives_as_it_is() {
    let spec = support::spec!();
    // All of 127.0.0.0/8 is this machine, on Linux.
    let mailbox = spec.mailbox_at(if cfg!(target_os = "linux") { "127.0.0.2" } else { "127.0.0.1" });
    let mails = spec.mails(spec.number(2..6));
    let did = format!("ran the program with a job of {} mails and SMTP_URL={}", mails.len(), mailbox.url());
    let check = spec.early_check(did);
    let mut program = with_job(&spec, &mailbox, &mails).start();
    let letters = mailbox.wait_letters(&check, 1);
    let mail = mails.iter().find(|mail| letters[0].recipients == [&*mail.to]);
    let Some(mail) = mail else {
        check.fail("a letter to a recipient of the job", &format!("letters to {:?}", mailbox.recipients()))
    };
    check.equal("the envelope's sender", &letters[0].from, &mail.from);
    check.equal("the subject", &letters[0].header("Subject"), &mail.subject);
    check.equal("the text", letters[0].text().trim_end(), mail.text.trim_end());
    // What the loop of step 3 sends is its own affair.
    if is_starter(&program.finish(&check)) {
        check.equal(
            "the number of mails that arrive when `send` is called once",
            &mailbox.letters().len(),
            &1,
        );
    }
}

#[test]
fn a_slow_server_is_waited_for() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.early_check("ran the program with a mail; the mailbox takes a moment before it accepts it");
    mailbox.hold(Point::Rcpt);
    let program = with_job(&spec, &mailbox, &spec.mails(1)).start();
    mailbox.wait_held(&check, 1);
    program.rests();
    mailbox.release_all();
    mailbox.wait_letters(&check, 1);
}

/// Whether the program sends the first mail and logs what `send` returned, since step 3 is not written.
fn is_starter(finished: &Finished) -> bool {
    finished.stderr().contains("not yet implemented: 3:")
}

/// Whether `send` returned `Ok` for a mail that failed: it was counted and not reported, as if it had been sent.
fn is_unnoticed(finished: &Finished) -> bool {
    let stderr = finished.stderr();
    match is_starter(finished) {
        true => stderr.contains("the first mail: Some(Ok(()))"),
        false => finished.status().success() && stderr.is_empty(),
    }
}

/// Whether the program panicked before it came to what a later step is about.
fn panicked(finished: &Finished) -> bool {
    finished.status().code() == Some(101) && !finished.stderr().contains("not yet implemented")
}

#[test]
fn a_mail_that_the_server_refuses_is_an_error_with_a_text() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(2);
    let check = spec.early_check("ran the program with 2 mails; the mailbox refuses both of them");
    mails.iter().for_each(|mail| mailbox.reply(&mail.to, Reply::Refuse(550)));
    let finished = with_job(&spec, &mailbox, &mails).run(&check);
    check.holds("an error that `send` returns for each", !is_unnoticed(&finished), finished.describe());
    // Only `send` sees lettre's own error. Step 3 gets a text.
    let early = panicked(&finished) && finished.stderr().contains("lettre::");
    check.holds("an error that `send` returns as a text, and no panic", !early, finished.describe());
}

#[test]
fn a_mail_that_is_not_valid_is_an_error_and_never_sent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let refused = spec.mail();
    mailbox.reply(&refused.to, Reply::Refuse(550));
    let check = spec.early_check("ran the program with a mail that the mailbox refuses");
    // A program that panics at any error does so in step 3.
    if panicked(&with_job(&spec, &mailbox, &[refused]).run(&check)) {
        return;
    }
    let bad_address = Mail { to: "nobody (an address without an @)".into(), ..spec.mail() };
    let two_lines = Mail { subject: "one\r\nBcc: everybody@example.test".into(), ..spec.mail() };
    for (what, mail) in [("a bad address", bad_address), ("a subject of two lines", two_lines)] {
        let check = spec.early_check(format!("ran the program with a mail that has {what}"));
        let finished = with_job(&spec, &mailbox, &[mail]).run(&check);
        check.equal("the list of recipients in the mailbox", &mailbox.recipients(), &Vec::new());
        check.holds("an error that `send` returns, and no panic", !panicked(&finished), finished.describe());
        check.holds("an error that `send` returns", !is_unnoticed(&finished), finished.describe());
    }
}

#[test]
fn a_mail_cannot_bring_commands_or_headers_of_its_own() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let good = spec.mail();
    let mut mails = vec![good.clone(); 6];
    mails[0].to = format!("{}\r\nBcc: everybody@example.test", good.to);
    mails[1].to = format!("{}>\r\nRCPT TO:<everybody@example.test", good.to);
    mails[2].from = format!("{}\r\nBcc: everybody@example.test", good.from);
    mails[3].from = format!("{}>\r\nRCPT TO:<everybody@example.test>\r\nDATA\r\n<", good.from);
    mails[4].subject = "one\nBcc: everybody@example.test".into();
    mails[5].text = format!("one\r\n.\r\nMAIL FROM:<{}>\r\n.\r\n.two\r\nQUIT", good.from);
    let check = spec.check(
        "ran the program with 5 mails that have a line end in an address or in the subject, and one whose text \
         looks like SMTP",
    );

    with_job(&spec, &mailbox, &mails).run(&check);

    for letter in mailbox.letters() {
        let bcc = letter.header("Bcc");
        let expected = "no header Bcc in a letter: a line end in a subject must not begin one";
        check.holds(expected, bcc.is_empty(), format!("Bcc: {bcc}"));
    }
    let recipients = mailbox.recipients();
    let strange: Vec<&str> = recipients.iter().map(String::as_str).filter(|to| *to != good.to).collect();
    let expected = "no other recipient than the good one: a line end in an address must not bring one";
    check.holds(expected, strange.is_empty(), strange.join(" and "));
    for letter in mailbox.letters().iter().filter(|letter| letter.header("Subject") == mails[5].subject) {
        let expected = mails[5].text.replace("\r\n", "\n");
        check.equal("the text, as it was", letter.text().trim_end(), expected.as_str());
    }
}
