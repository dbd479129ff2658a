//! `SmtpSession` with servers that misbehave.

use lettre::Message;
use mail::{Mail, SmtpServer};
use solution_04::{SmtpError, SmtpSession};
use std::time::Duration;
use support::{Mailbox, Quirk, Reply, ReplyTo};
use tokio::time::timeout;

const EVERYWHERE: [ReplyTo; 6] =
    [ReplyTo::Connect, ReplyTo::Hello, ReplyTo::Mail, ReplyTo::Rcpt, ReplyTo::Data, ReplyTo::Letter];

fn mailbox() -> Mailbox {
    support::spec!().mailbox()
}

fn server(mailbox: &Mailbox) -> SmtpServer {
    SmtpServer { host: "127.0.0.1".into(), port: mailbox.port() }
}

fn message_to(to: &str) -> Message {
    let (from, subject, text) = ("ann@example.org".into(), "Hello".into(), "Hello Bob".into());
    Mail { from, to: to.into(), subject, text }.to_message().expect("a message")
}

/// Connects and sends one mail.
async fn send(mailbox: &Mailbox, message: &Message) -> Result<SmtpSession, SmtpError> {
    let work = async {
        let mut session = SmtpSession::connect(&server(mailbox)).await?;
        session.send(message).await?;
        Ok(session)
    };
    timeout(Duration::from_secs(10), work).await.expect("an end")
}

async fn refusal(mailbox: &Mailbox) -> SmtpError {
    match send(mailbox, &message_to("bob@example.org")).await {
        Ok(_) => panic!("the mail was accepted"),
        Err(error) => error,
    }
}

fn kind_of(error: &SmtpError) -> String {
    format!("{error:?}").split('(').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_refusal_says_whether_it_is_for_good() {
    for (reply, kind) in [
        (Reply::Refuse(550), "Refused"),
        (Reply::Refuse(450), "NotNow"),
        (Reply::Unavailable, "Closing"),
        (Reply::Drop, "NoAnswer"),
    ] {
        let mailbox = mailbox();
        mailbox.reply("bob@example.org", reply);
        assert_eq!(kind_of(&refusal(&mailbox).await), kind);
    }
    for to in EVERYWHERE {
        for (code, kind) in [("554", "Refused"), ("451", "NotNow"), ("421", "Closing")] {
            let mailbox = mailbox();
            mailbox.quirk(Quirk::Says(to, format!("{code} no\r\n").into_bytes()));
            let error = refusal(&mailbox).await;
            assert_eq!(kind_of(&error), kind);
            assert!(error.to_string().contains("no"), "{error}");
            assert!(mailbox.letters().is_empty());
        }
    }
}

#[tokio::test]
async fn a_reply_without_end_is_given_up_soon() {
    for quirk in EVERYWHERE.into_iter().flat_map(|to| [Quirk::EndlessLine(to), Quirk::EndlessReply(to)]) {
        let mailbox = mailbox();
        mailbox.quirk(quirk.clone());
        let error = refusal(&mailbox).await;
        assert!(matches!(error, SmtpError::NoAnswer(_) | SmtpError::NotNow(_)), "{quirk}: {error:?}");
        assert!(error.to_string().contains("more than 100000 bytes or 100 lines"), "{quirk}: {error}");
    }
}

#[tokio::test]
async fn a_stray_second_reply_is_never_taken_for_an_acceptance() {
    for to in EVERYWHERE {
        let mailbox = mailbox();
        mailbox.quirk(Quirk::Twice(to));
        let mut sent = 0;
        if let Ok(mut session) = send(&mailbox, &message_to("bob@example.org")).await {
            sent += 1;
            // After an error, a session is over.
            while session.send(&message_to("cid@example.org")).await.is_ok() {
                sent += 1;
            }
        }
        // The server has a letter before it says so, so it may have one more than we know of.
        let letters = mailbox.letters().len();
        assert!(sent <= letters && letters <= sent + 1, "{to}: {sent} of {letters}");
        assert_eq!(sent, usize::from(to == ReplyTo::Letter), "{to}");
    }
}

#[tokio::test]
async fn what_a_server_says_is_cut_and_escaped() {
    for to in [ReplyTo::Connect, ReplyTo::Mail, ReplyTo::Rcpt, ReplyTo::Data, ReplyTo::Letter] {
        let mailbox = mailbox();
        // Many long lines, each within what lettre takes.
        let words = format!("550-\u{1b}[31mred\u{7} {}\r\n", "x".repeat(900)).repeat(96) + "550 no\r\n";
        mailbox.quirk(Quirk::Says(to, words.into_bytes()));
        let error = refusal(&mailbox).await;
        assert!(matches!(error, SmtpError::Refused(_)), "{to}: {error:?}");
        let error = error.to_string();
        assert!(error.chars().count() <= 240 && !error.contains(char::is_control), "{to}: {error}");
        assert!(error.contains(r"\u{1b}[31mred\u{7}"), "{to}: {error}");
    }
    for long in [1_000, 89_000] {
        let mailbox = mailbox();
        mailbox.quirk(Quirk::Says(ReplyTo::Rcpt, format!("550 {}\r\n", "x".repeat(long)).into_bytes()));
        let error = refusal(&mailbox).await.to_string();
        assert!(error.chars().count() <= 240, "{error}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_ascii_is_sent_only_to_servers_that_take_it() {
    let mailbox = mailbox();
    let message = message_to("grüße@example.org");
    let error = send(&mailbox, &message).await.err().expect("an error");
    assert!(matches!(&error, SmtpError::Refused(why) if why.contains("SMTPUTF8")), "{error:?}");
    let said = mailbox.commands(1).concat();
    assert!(!said.windows(4).any(|four| four == b"MAIL"), "{}", String::from_utf8_lossy(&said));

    mailbox.offer_smtputf8();
    send(&mailbox, &message).await.unwrap();
    assert!(
        mailbox.commands(2).iter().any(|line| line.starts_with(b"MAIL") && line.ends_with(b" SMTPUTF8\r\n"))
    );
    assert_eq!(mailbox.recipients(), ["grüße@example.org"]);
    // A domain needs no such server.
    send(&mailbox, &message_to("bob@bücher.example")).await.unwrap();
    assert!(!mailbox.commands(3).concat().windows(8).any(|eight| eight == b"SMTPUTF8"));
    assert_eq!(mailbox.recipients()[1], "bob@xn--bcher-kva.example");
}

#[tokio::test]
async fn a_letter_arrives_as_it_was() {
    let mailbox = mailbox();
    let text = "one\r\n.\r\n..two\nMAIL FROM:<eve@example.org>\n";
    let (from, to, subject) = ("Ann <ann@example.org>".into(), "bob@example.org".into(), "Grüße".into());
    let mail = Mail { from, to, subject, text: text.into() };
    send(&mailbox, &mail.to_message().unwrap()).await.unwrap();
    let letter = mailbox.letters().remove(0);
    assert_eq!(letter.text().trim_end(), text.replace("\r\n", "\n").trim_end());
    assert_eq!((letter.header("Subject"), letter.header("MIME-Version")), ("Grüße".into(), "1.0".into()));
    for text in ["a\0b", "a\rb", "a\r.\rb"] {
        send(&mailbox, &Mail { text: text.into(), ..mail.clone() }.to_message().unwrap()).await.unwrap();
        let letter = mailbox.letters().pop().unwrap();
        assert_eq!(letter.text(), text);
        let has_bare_cr = letter.data.windows(2).any(|two| two[0] == b'\r' && two[1] != b'\n');
        assert!(!letter.data.contains(&0) && !has_bare_cr);
    }
}

#[tokio::test]
async fn nobody_listens() {
    let port = support::ClosedPort::new().expect("a port");
    let server = SmtpServer { host: "127.0.0.1".into(), port: port.number() };
    let error = SmtpSession::connect(&server).await.err().expect("an error");
    assert!(
        matches!(&error, SmtpError::NoAnswer(why) if why.starts_with("cannot connect to 127.0.0.1:")),
        "{error:?}"
    );
}
