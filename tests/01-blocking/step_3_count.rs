//! Step 3: send all mails, one after another, in the order of the job. Count those that the server accepted, and report the
//! rest on stderr, each on a line that names the recipient. One that fails does not stop the others.

use super::*;

/// How many mails were counted: what stands in the reply, however it is written, and in the exit status. `asked` is the
/// number of mails in the job.
fn counts(check: &Check, finished: &Finished, counter: usize, asked: usize) {
    let printed: Option<Value> = finished.stdout().lines().find_map(|line| line.parse().ok());
    if let Some(printed) = printed.map(|reply| reply["counter"].clone()).filter(Value::is_number) {
        check.holds(&format!("the counter is {counter}"), printed == counter, finished.describe());
    }
    let (status, expected) = match counter == asked {
        true => (0, "exit status 0, since every mail was accepted"),
        false => (1, "exit status 1, since not every mail was accepted"),
    };
    check.holds(expected, finished.status().code() == Some(status), finished.describe());
}

/// One line `error: …` for each of these mails, which names its recipient, and no other such line.
fn reports_each(check: &Check, finished: &Finished, failed: &[Mail]) {
    let stderr = finished.stderr();
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    check.holds(
        &format!("{} `error: …` on stderr, one for each mail that failed", counted(failed.len(), "line")),
        errors.len() == failed.len(),
        &stderr,
    );
    for line in &errors {
        check.holds("`error: ` once in a line", !line.contains("error: error:"), line);
    }
    for mail in failed {
        // A line end in an address is escaped, so look for what stands before it.
        let begin = mail.to.lines().next().unwrap_or_default();
        let named = errors.iter().any(|line| line.contains(begin));
        check.holds(
            &format!("a line `error: …` on stderr that names the recipient, \"{begin}\""),
            named,
            &stderr,
        );
    }
}

/// The mailbox has these mails, in this order, and no others.
fn have_arrived(check: &Check, mailbox: &Mailbox, mails: &[Mail]) {
    let what = "the list of recipients in the mailbox";
    check.equal(what, &mailbox.recipients(), &mail::recipients(mails));
}

#[test]
fn every_mail_of_the_job_arrives_and_is_counted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(spec.number(2..6));
    mails.push(Mail { to: mails[0].to.clone(), ..spec.mail() });
    let check = spec.early_check(format!("ran the program with a job of {} mails on stdin", mails.len()));
    let finished = with_job(&spec, &mailbox, &mails).run(&check);
    have_arrived(&check, &mailbox, &mails);
    reports_each(&check, &finished, &[]);
    check.as_far_as_written(|| counts(&check, &finished, mails.len(), mails.len()));
}

#[test]
fn one_conversation_at_a_time() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(3);
    let check = spec.early_check("ran the program with 3 mails while the mailbox holds each at RCPT");
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
    mailbox.release_all();
    let finished = program.finish(&check);
    have_arrived(&check, &mailbox, &mails);
    check.equal("the most SMTP conversations at once", &mailbox.peak(), &1);
    check.as_far_as_written(|| counts(&check, &finished, mails.len(), mails.len()));
}

#[test]
fn a_refused_recipient_is_not_counted_and_does_not_stop_the_rest() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(spec.number(4..8));
    let refused = spec.number(0..mails.len() - 2);
    let check = spec.early_check(format!(
        "ran the program with {} mails; the mailbox refuses number {}",
        mails.len(),
        refused + 1
    ));
    let code = [450, 550][spec.number(0..2)];
    mailbox.reply(&mails[refused].to, Reply::Refuse(code));

    let finished = with_job(&spec, &mailbox, &mails).run(&check);
    let refused = mails.remove(refused);
    have_arrived(&check, &mailbox, &mails);
    reports_each(&check, &finished, &[refused]);
    let (stderr, expected) =
        (finished.stderr(), format!("a report that says why: the mailbox has said {code}"));
    let says_why = stderr.lines().any(|line| line.starts_with("error: ") && line.contains(&code.to_string()));
    check.holds(&expected, says_why, stderr);
    check.as_far_as_written(|| counts(&check, &finished, mails.len(), mails.len() + 1));
}

#[test]
fn what_cannot_be_sent_is_reported_and_the_rest_is_sent() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(4);
    mails[0].to = "nobody (an address without an @)".into();
    mails[1].subject = "one\r\nBcc: everybody@example.test".into();
    let did = "ran the program with 4 mails: one with a bad address, one with a subject of two lines, one for \
               which the mailbox closes the connection, and a good one";
    let check = spec.early_check(did);
    mailbox.reply(&mails[2].to, Reply::Drop);

    let finished = with_job(&spec, &mailbox, &mails).run(&check);

    have_arrived(&check, &mailbox, &mails[3..]);
    reports_each(&check, &finished, &mails[..3]);
    check.as_far_as_written(|| counts(&check, &finished, 1, 4));
}

#[test]
fn an_smtp_server_that_is_down_means_counter_0() {
    let spec = support::spec!();
    let mails = spec.mails(2);
    let port = ClosedPort::new().expect("a free port");
    let url = format!("smtp://127.0.0.1:{}", port.number());
    let check =
        spec.early_check(format!("ran the program with 2 mails and SMTP_URL={url}, where nobody listens"));
    let program = spec.program().env("SMTP_URL", url).stdin(mail::job(&mails).to_string());
    let finished = program.run(&check);
    reports_each(&check, &finished, &mails);
    check.as_far_as_written(|| counts(&check, &finished, 0, 2));
}

#[test]
fn unread_reports_stop_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut arrived = Vec::new();
    for (reader, what) in Reader::ALL {
        let mut mails = spec.mails(3);
        mails[1].to = "nobody (an address without an @)".into();
        let did = format!("ran the program with 3 mails, one with a bad address; its stderr {what}");
        let check = spec.check(did);
        let finished = with_job(&spec, &mailbox, &mails).stderr(reader).run(&check);
        arrived.extend([mails[0].clone(), mails[2].clone()]);
        have_arrived(&check, &mailbox, &arrived);
        counts(&check, &finished, 2, 3);
    }
}

#[test]
fn a_report_is_one_line_whatever_the_address_is() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mut mails = spec.mails(2);
    mails[0].to = format!("{}\r\nerror: cannot send any mail", mails[0].to);
    let check =
        spec.early_check("ran the program with 2 mails; the first address has a line end in its middle");
    let finished = with_job(&spec, &mailbox, &mails).run(&check);
    reports_each(&check, &finished, &mails[..1]);
    check.as_far_as_written(|| counts(&check, &finished, 1, 2));
}
