//! What `SmtpClient` promises, against mail servers that misbehave.

use lettre::Message;
use mail::{Mail, SmtpServer};
use solution_04::{SmtpClient, SmtpError};
use support::limit::limit;
use support::{Mailbox, Point, Quirk, Reply, ReplyTo, process};
use tokio::time::timeout;

fn mailbox(quirks: impl IntoIterator<Item = Quirk>) -> (Mailbox, SmtpClient) {
    let mailbox = Mailbox::start("127.0.0.1:0", |_event| {}).unwrap();
    quirks.into_iter().for_each(|quirk| mailbox.quirk(quirk));
    let client = SmtpClient::new(SmtpServer { host: "127.0.0.1".into(), port: mailbox.port() });
    (mailbox, client)
}

fn message_to(to: &str) -> Message {
    let (from, subject, text) = ("ann@sender.test".into(), "Hello".into(), "Hello Bob".into());
    Mail { from, to: to.into(), subject, text }.to_message().unwrap()
}

fn message() -> Message {
    message_to("bob@example.test")
}

#[tokio::test]
async fn one_session_is_used_for_all_mails_and_says_goodbye() {
    let (mailbox, mut client) = mailbox([]);
    for _ in 0..3 {
        client.send(&message()).await.unwrap();
        // lettre writes a letter in two parts: Nagle's algorithm would hold the second one back.
        let set = process::nodelay(([127, 0, 0, 1], mailbox.port()).into());
        assert!(set.is_none_or(|set| set.iter().all(|set| *set)));
    }
    client.quit().await;
    assert_eq!((mailbox.letters().len(), mailbox.conversations()), (3, 1));
    assert_eq!(mailbox.commands(1).last().unwrap(), b"QUIT\r\n");
}

#[tokio::test]
async fn a_session_that_the_server_closed_costs_no_mail() {
    for quirk in [Quirk::ClosesAfter(2), Quirk::UnavailableAfter(2)] {
        let (mailbox, mut client) = mailbox([quirk]);
        for _ in 0..9 {
            client.send(&message()).await.unwrap();
        }
        assert_eq!((mailbox.letters().len(), mailbox.conversations()), (9, 5));
    }
}

#[tokio::test]
async fn a_new_session_is_tried_once() {
    let (mailbox, mut client) = mailbox([]);
    client.send(&message()).await.unwrap();
    mailbox.reply("eve@example.test", Reply::Unavailable);
    let error = client.send(&message_to("eve@example.test")).await.unwrap_err();
    assert!(matches!(error, SmtpError::Closing(_)), "{error:?}");
    assert_eq!(mailbox.conversations(), 2);
    client.send(&message()).await.unwrap();
    assert_eq!((mailbox.letters().len(), mailbox.conversations()), (2, 3));
}

#[tokio::test]
async fn a_refused_mail_is_not_offered_twice() {
    for (code, refused) in [(550, true), (450, false)] {
        let (mailbox, mut client) = mailbox([]);
        client.send(&message()).await.unwrap();
        mailbox.reply("eve@example.test", Reply::Refuse(code));
        let error = client.send(&message_to("eve@example.test")).await.unwrap_err();
        assert_eq!(matches!(error, SmtpError::Refused(_)), refused, "{error:?}");
        assert_eq!(matches!(error, SmtpError::NotNow(_)), !refused, "{error:?}");
        assert_eq!(mailbox.conversations(), 1);
        client.send(&message()).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_never_answers_quit_is_left() {
    let (mailbox, mut client) = mailbox([Quirk::Says(ReplyTo::Quit, Vec::new())]);
    client.send(&message()).await.unwrap();
    timeout(limit(), client.quit()).await.expect("it has a limit of its own");
    assert_eq!(mailbox.commands(1).last().unwrap(), b"QUIT\r\n");
}

#[tokio::test]
async fn nothing_is_handed_over_that_was_not_offered() {
    let (mailbox, mut client) = mailbox([]);
    assert!(matches!(client.hand_over(&message()).await, Err(SmtpError::NotNow(_))));
    mailbox.hold(Point::Data);
    client.offer(&message()).await.unwrap();
    assert!(mailbox.letters().is_empty());
    mailbox.release_all();
    client.hand_over(&message()).await.unwrap();
    assert_eq!(mailbox.letters().len(), 1);
}
