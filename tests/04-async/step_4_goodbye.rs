//! Step 4: wait for the conversation, but no longer than `SMTP_TIMEOUT`, turn its error into text, and say goodbye when the
//! mail is accepted. No check waits as long as the time limit. All they see of it is that it isn't far too short.

use super::*;

/// Whether the program has said goodbye in this conversation.
fn has_quit(mailbox: &Mailbox, conversation: usize) -> bool {
    mailbox.commands(conversation).iter().any(|line| line.starts_with(b"QUIT"))
}

#[test]
fn each_conversation_ends_with_a_goodbye() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(spec.number(2..6));
    let check = spec.early_check(format!("posted {} mails", mails.len()));
    let (server, http) = start(&spec, &mailbox.url(), 4, &check);
    mailbox.hold(Point::Accept);
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&mails);
        if are_held(&check, &http, &mailbox) {
            let gave_up = limit::poll(limit::BRIEFLY, || gave_up(&server).then_some(()));
            check.holds("a program that waits for the mailbox", gave_up.is_none(), server.stderr());
        }
        mailbox.release_all();
        // What does not arrive at all is a matter of step 5.
        check.comes(|| (mailbox.letters().len() == mails.len()).then_some(()));
        for letter in mailbox.letters() {
            let quit = || has_quit(&mailbox, letter.conversation).then_some(());
            check.eventually("QUIT at the end of each conversation", quit);
        }
    });
}

#[test]
fn a_mail_keeps_its_permit_until_the_goodbye_is_over() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let connections = spec.number(2..4);
    let mails = spec.mails(connections * 2);
    let did = format!(
        "posted {} mails with SMTP_CONNECTIONS={connections}; the mailbox doesn't answer QUIT",
        mails.len()
    );
    let check = spec.early_check(did);
    let (_server, http) = start(&spec, &mailbox.url(), connections, &check);
    mailbox.quirk(Quirk::Says(ReplyTo::Quit, vec![]));
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&mails);
        // Only what waits for an answer to QUIT is open now, until the program gives that up.
        check.comes(|| (1..=connections).all(|first| has_quit(&mailbox, first)).then_some(()));
        let open = || mailbox.open_conversations();
        let too_many = limit::poll(limit::BRIEFLY, || Some(open()).filter(|open| *open > connections));
        let expected =
            format!("at most {connections} SMTP conversations at once, those with a goodbye included");
        check.holds(&expected, too_many.is_none(), format!("{} at once", too_many.unwrap_or_default()));
    });
}

#[test]
fn a_refusal_is_an_error_that_says_why() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let mails = spec.mails(1);
    let code = [450, 550][spec.number(0..2)];
    let check = spec.early_check(format!("posted a mail, which the mailbox refuses with {code}"));
    let (server, http) = start(&spec, &mailbox.url(), 4, &check);
    mailbox.reply(&mails[0].to, Reply::Refuse(code));
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&mails);
        server.log_line(&check, &contains("Number of mails sent "));
        // Where `converse` has not noticed the refusal, the program says goodbye: a matter of step 5.
        if mailbox.conversations() > 0 && !has_quit(&mailbox, 1) {
            let expected = format!(
                "a line `error: …` on stderr that names the recipient, \"{}\", and says why, as text: {code}",
                mails[0].to
            );
            let says = |line: &&str| line.starts_with("error: ") && line.contains(&mails[0].to);
            let stderr = server.stderr();
            let is_text = |line: &str| !["Refused(", "NotNow("].iter().any(|debug| line.contains(debug));
            let said = stderr.lines().find(says);
            let said = said.is_some_and(|line| line.contains(&code.to_string()) && is_text(line));
            check.holds(&expected, said, &stderr);
            check.holds("an error that `send` returns, and no panic", !stderr.contains("panicked"), &stderr);
        }
    });
}
