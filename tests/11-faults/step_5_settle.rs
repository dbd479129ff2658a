//! Step 5: settle the account of a worker that is gone. What was started and never reported is unknown. What is not started
//! stays so, unless the worker doesn't report.

use super::*;

/// Kills the worker at this point of the conversation about a random mail. What the server says must be exact.
fn is_killed(spec: &Spec, mailbox: &Mailbox, point: Point, when: &str, unknown: usize) {
    let mails = spec.mails(spec.number(3..7));
    let count = mails.len();
    // All mails go over one connection, so only the first one can be held at its beginning.
    let sent = if point == Point::Connect { 0 } else { spec.number(0..count) };
    let reported = if unknown == 1 { "has reported" } else { "has not reported" };
    let check = spec.check(format!(
        "posted {count} mails and killed the worker at mail {} when {when}, so it {reported} \"started\"",
        sent + 1
    ));
    match point {
        Point::Connect => mailbox.hold(point),
        _ => mailbox.hold_recipient(point, &mails[sent].to),
    }
    let server = server(&check, mailbox);
    let job = server.post(&check, &mails);
    mailbox.wait_held(&check, 1);
    server.kill_worker(&check);
    let status = server.ends_with(&check, &job, "failed", [sent, 0, unknown, count - sent - unknown]);
    has_error(&check, &status, "disconnected");
    if unknown == 1 {
        let problem = &status["problems"][0];
        check.json("the recipient of the unknown mail", &problem["to"], &json!(mails[sent].to));
        check.json("the state of that mail", &problem["state"], &json!("unknown"));
        check.json("the reason, its \"why\", which is the job's error,", &problem["why"], &status["error"]);
    }
    server.wait_for_workers(&check, 0);
}

#[test]
fn a_worker_that_is_killed_when_it_connects() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    is_killed(&spec, &mailbox, Point::Connect, "it connects", 0);
}

#[test]
fn a_worker_that_is_killed_when_it_names_the_recipient() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    is_killed(&spec, &mailbox, Point::Rcpt, "it names the recipient", 0);
}

#[test]
fn a_worker_that_is_killed_when_it_has_said_data() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    is_killed(&spec, &mailbox, Point::Data, "it has said DATA", 1);
}

#[test]
fn a_worker_that_is_killed_when_it_has_sent_the_letter() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    is_killed(&spec, &mailbox, Point::Accept, "it has sent the letter", 1);
}

#[test]
fn a_worker_that_is_killed_before_the_answer() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    is_killed(&spec, &mailbox, Point::Answer, "the mail is accepted, but not answered", 1);
}

/// How many of 4 mails must be sent, failed, unknown and not started when the worker has done this.
fn settles(spec: &Spec, mailbox: &Mailbox, what: &str, body: &str, expected: jobs::Numbers) {
    let check = spec.check(format!("posted 4 mails to a server whose worker {what}"));
    let (server, status) = run_played(&check, mailbox, body, PATIENT);
    check_account(&check, &status, "failed", expected);
    server.wait_for_workers(&check, 0);
    server.is_healthy(&check);
}

#[test]
fn a_worker_that_exits_half_way() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "sends the first one, starts the second one, and exits with status 3";
    settles(&spec, &mailbox, what, "half_way $@; exit 3", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_crashes() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "sends the first one, starts the second one, and crashes with SIGSEGV";
    settles(&spec, &mailbox, what, "ulimit -c 0; half_way $@; kill -SEGV $$", [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_is_killed_in_the_middle_of_a_report() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "starts the second one, and is killed when it has written half of the next report";
    let body = r#"half_way $@; printf '{"sent":"%s' "$2" >&3; kill -KILL $$"#;
    settles(&spec, &mailbox, what, body, [1, 0, 1, 2]);
}

#[test]
fn a_worker_that_never_says_a_word_and_ends() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    // Whether it has sent anything, nobody can know: an article-style worker reports nothing.
    settles(&spec, &mailbox, "says nothing and exits", "exit 1", [0, 0, 4, 0]);
}

#[test]
fn a_worker_that_never_connects() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did =
        "posted 4 mails to a server whose worker never opens the channel, with WORKER_TIMEOUT_SECONDS=0.1";
    let check = spec.check(did);
    let program = spec.server(&mailbox).env("WORKER", "sleep 60").env("WORKER_TIMEOUT_SECONDS", "0.1");
    let server = JobServer::start(&check, program);
    server.runs(&check, &spec.mails(4), "failed", [0, 0, 4, 0]);
}

#[test]
fn a_worker_that_counts_too_much_leaves_all_unknown() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "replies {\"counter\":5}";
    settles(&spec, &mailbox, what, r#"say '{"counter":5}'; disconnected"#, [0, 0, 4, 0]);
}

#[test]
fn an_article_style_worker_that_counts_less_leaves_all_unknown() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    // Nothing says which of the mails were sent.
    for reply in [r#"{"counter":2}"#, r#"{"counter":0}"#, r#"{"counter":2,"failed":1,"unknown":1}"#] {
        let (what, body) = (format!("only replies {reply}"), format!("say '{reply}'; disconnected"));
        settles(&spec, &mailbox, &what, &body, [0, 0, 4, 0]);
    }
}

#[test]
fn a_worker_that_starts_a_mail_and_does_not_count_it() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "starts the first one and replies {\"counter\":0}";
    settles(&spec, &mailbox, what, r#"started $1; say '{"counter":0}'; disconnected"#, [0, 0, 1, 3]);
}

#[test]
fn a_state_that_the_worker_has_reported_stays() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let what = "reports a mail as sent, one as failed, one as unknown and one as started, and exits";
    let body = r#"started $1; sent $1; say "{\"failed\":\"$2\",\"why\":\"no\"}"
                  started $3; say "{\"unknown\":\"$3\",\"why\":\"silence\"}"; started $4; exit 3"#;
    settles(&spec, &mailbox, what, body, [1, 1, 2, 0]);
}

#[test]
fn a_mail_server_that_says_nothing_after_the_letter_makes_one_mail_unknown() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    mailbox.hold(Point::Accept);
    let (check, status) = with_a_deadline(|timeout| {
        let check = spec.check(format!(
            "posted 3 mails with WORKER_TIMEOUT_SECONDS={timeout}; the mail server says nothing more after a letter"
        ));
        let program = spec.server(&mailbox).env("WORKER_TIMEOUT_SECONDS", timeout);
        let server = JobServer::start(&check, program.env("WORKER_GRACE_SECONDS", HURRIED.1));
        let job = server.post(&check, &spec.mails(3));
        let status = server.ended(&check, &job);
        (numbers(&status) != [0, 0, 0, 3], check, status)
    });
    check_account(&check, &status, "failed", [0, 0, 1, 2]);
}

#[test]
fn a_mail_server_without_a_greeting_leaves_all_mails_not_started() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let did = "posted 3 mails with WORKER_TIMEOUT_SECONDS=0.2; the mail server says nothing at all";
    let check = spec.check(did);
    mailbox.hold(Point::Connect);
    let program = spec.server(&mailbox).env("WORKER_TIMEOUT_SECONDS", "0.2");
    let server = JobServer::start(&check, program.env("WORKER_GRACE_SECONDS", HURRIED.1));
    server.runs(&check, &spec.mails(3), "failed", [0, 0, 0, 3]);
    server.wait_for_workers(&check, 0);
}

#[test]
fn a_report_of_6_mb_is_not_kept() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 30 mails to a server whose worker sends a report of 6 MB");
    let long = r#"{ printf '{"started":"'; head -c 6000000 /dev/zero | tr '\0' x; echo '"}'; } >&3"#;
    let server = server_of_played(&check, &mailbox, &format!("{long}; disconnected"), PATIENT);
    let status = server.runs(&check, &spec.mails(30), "failed", [0, 0, 30, 0]);
    has_error(&check, &status, "invalid message");
    let length = status.to_string().len();
    check.holds("a status of at most 30 kB", length <= 30_000, format!("{length} bytes"));
    let peak = server.peak_memory().unwrap_or_default() >> 20;
    check.holds("a server of at most 40 MiB", peak <= 40, format!("{peak} MiB"));
}
