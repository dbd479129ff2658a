//! Step 3: wait for all tasks, and count those that returned `true`. Report a task that panicked, and go on: a panic costs one
//! mail.

use super::*;

#[test]
fn what_fails_is_not_counted_and_a_panic_is_reported() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let connections = spec.number(2..5);
    let mails = failing_mails(&spec, 8);
    let did = format!(
        "posted 8 mails with SMTP_CONNECTIONS={connections}; 4 have no address, 4 make the sending code panic"
    );
    let check = spec.early_check(did);
    let (server, http) = start(&spec, &mailbox.url(), connections, &check);

    let _posted = http.begin_post_mails(&mails);
    check_logged(&check, &server, 0);
    // What was said before that line has come before it.
    let errors: Vec<String> = server.logged("error: ");
    let names = |mail: &&Mail| errors.iter().any(|line| line.contains(&mail.to));
    let named = without_address(&mails).iter().filter(|mail| names(mail)).count();
    check.equal("the number of lines `error: …` for mails that have no address", &named, &4);
    let others = errors.len() - named;
    check.equal("the number of lines `error: …` for tasks that panicked", &others, &4);
}

#[test]
fn the_number_is_known_when_the_last_mail_is_accepted() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.early_check("posted 2 good mails");
    let (server, http) = start(&spec, &mailbox.url(), 9, &check);
    check.as_far_as_written(|| {
        let _posted = http.begin_post_mails(&spec.mails(2));
        server.log_line(&check, &contains("Number of mails sent "));
        // Where these two have not arrived, or were not accepted in the program's eyes, that is a matter of steps 4 and 5.
        if mailbox.letters().len() < 2 || !server.logged("error: ").is_empty() {
            return;
        }
        check_logged(&check, &server, 2);

        let (failing, good) = (failing_mails(&spec, 4), spec.mails(5));
        let did = "posted 9 mails more: 2 have no address, 2 make the sending code panic, and the mailbox holds the \
                   5 good ones";
        let check = spec.check(did);
        mailbox.hold(Point::Rcpt);
        let all = [failing.as_slice(), good.as_slice()].concat();
        let _posted = http.begin_post_mails(&all);
        let are_held = are_held(&check, &http, &mailbox);
        let what = "the list of log lines `Number of mails sent N`: that of the first request, and no other yet";
        let logged = server.numbers_logged();
        if gave_up(&server) {
            return;
        }
        check.equal(what, &logged, &vec!["Number of mails sent 2".to_owned()]);
        if !are_held {
            return;
        }
        server.sleeps(&check, "it waits for its tasks");
        mailbox.release_all();
        check.eventually("the log line of the second request", || server.numbers_logged().get(1).map(drop));
        if !gave_up(&server) {
            server.logs(&check, "Number of mails sent 5");
        }
    });
}

#[test]
fn unread_reports_of_a_panic_stop_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for (reader, what) in Reader::ALL {
        let did = format!("posted mails that make the sending code panic to a server whose stderr {what}");
        let check = spec.early_check(did);
        let (_server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        for _ in 0..2 {
            post(&check, &http, &failing_mails(&spec, 2));
        }
        http.is_healthy(&check);
    }
}
