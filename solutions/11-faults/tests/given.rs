//! What no spec of the program sees of the parts that are given in lesson 11: the list of jobs after a thousand, and
//! a mail server that says no where the spec's mailbox cannot.

use mail::{Mail, SmtpServer};
use solution_11::{Account, Jobs, NotAccepted, NumberedMail, Outbox, Report, RetryError, State};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

fn mail(number: usize) -> Mail {
    let [from, subject, text] = ["ann@example.org", "Hello", "Hello there"].map(str::to_owned);
    Mail { from, to: format!("bob{number}@example.org"), subject, text }
}

/// A job of so many mails, of which a worker has begun some when it ends.
fn ended_job(jobs: &Jobs, mails: usize, begun: usize) -> u64 {
    let job = jobs.accept((0..mails).map(mail).collect());
    let (task, mut errand) = jobs.task(job, true);
    for mail in &task.mails[..begun] {
        errand.note(&Report::Begun { begun: mail.message_id.clone() }).unwrap();
    }
    errand.close(Some("the worker has gone".into()));
    job
}

#[test]
fn a_thousand_jobs_that_have_ended_are_remembered_and_all_others() {
    let jobs = Jobs::new();
    let waiting = jobs.accept(vec![mail(1)]);
    let ended: Vec<u64> = (0..1000).map(|_| ended_job(&jobs, 0, 0)).collect();
    assert!(jobs.status(ended[0]).is_some());
    ended_job(&jobs, 0, 0);
    assert!(jobs.status(ended[0]).is_none());
    assert!(jobs.status(ended[1]).is_some());
    assert!(jobs.status(waiting).is_some());
}

#[test]
fn a_job_is_tried_again_when_anything_is_unknown_or_left() {
    let jobs = Jobs::default();
    for (mails, begun) in [(1, 1), (1, 0), (2, 1), (3, 3)] {
        let job = ended_job(&jobs, mails, begun);
        assert_eq!(jobs.retry(job), Ok(()), "{begun} unknown, {} left", mails - begun);
        assert_eq!(jobs.retry(job), Err(RetryError::StillRunning));
    }
    let nothing = ended_job(&jobs, 0, 0);
    assert_eq!(jobs.retry(nothing), Err(RetryError::NothingLeft));
    assert_eq!(jobs.retry(nothing + 1), Err(RetryError::NoSuchJob));
}

#[test]
fn an_account_knows_the_state_of_each_of_its_mails() {
    let numbered = |number| NumberedMail { mail: mail(number), message_id: format!("<{number}@test>") };
    let mut account = Account::new(vec![numbered(1), numbered(2)]);
    let ids = ["<1@test>", "<2@test>"].map(str::to_owned).into();
    account.note(&ids, &Report::Begun { begun: "<2@test>".into() }).unwrap();
    assert_eq!(account.state("<1@test>"), Some(&State::Left));
    assert_eq!(account.state("<2@test>"), Some(&State::Begun));
    assert_eq!(account.state("<3@test>"), None);
}

/// A mail server for one conversation, which answers DATA and the letter like this. Gives all that it was told.
fn mail_server(data: &'static str, letter: &'static str) -> (SmtpServer, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = SmtpServer { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
    let talking = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let lines = BufReader::new(client.try_clone().unwrap()).lines();
        let (mut told, mut in_letter) = (Vec::new(), false);
        let mut say = |text: &str| client.write_all(format!("{text}\r\n").as_bytes()).unwrap();
        say("220 mail.test");
        for line in lines.map_while(Result::ok) {
            match (line.as_str(), in_letter) {
                (".", true) => (in_letter, _) = (false, say(letter)),
                (_, true) => {}
                ("DATA", false) => (in_letter, _) = (data.starts_with("354"), say(data)),
                ("QUIT", false) => say("221 bye"),
                (_, false) => say("250 ok"),
            }
            told.push(line);
        }
        told
    });
    (server, talking)
}

#[tokio::test]
async fn a_letter_that_is_refused_is_not_unknown() {
    for (data, letter) in [("554 no", ""), ("354 go on", "554 no")] {
        let (server, talking) = mail_server(data, letter);
        let mut outbox = Outbox::new(server);
        let mail = NumberedMail { mail: mail(1), message_id: "<1@test>".into() };
        outbox.offer(&mail).await.unwrap();
        let refused = outbox.hand_over().await.unwrap_err();
        assert!(matches!(&refused, NotAccepted::Refused(why) if why.contains("no")), "{refused:?}");
        drop(outbox);
        talking.join().unwrap();
    }
}

#[tokio::test]
async fn a_mail_server_is_told_good_bye() {
    let (server, talking) = mail_server("354 go on", "250 ok");
    let mut outbox = Outbox::new(server);
    outbox.offer(&NumberedMail { mail: mail(1), message_id: String::new() }).await.unwrap();
    outbox.hand_over().await.unwrap();
    outbox.close().await;
    let told = talking.join().unwrap();
    assert_eq!(told.last().map(String::as_str), Some("QUIT"));
}
