//! The mailbox, spoken to by hand over TCP.

use observe::limit::{limit, poll};
use observe::mailbox::{Event, Quirk, ReplyTo};
use observe::{Mailbox, Point, Reply};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A client that says one line at a time.
struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn connect(mailbox: &Mailbox) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", mailbox.port())).unwrap();
        stream.set_read_timeout(Some(limit())).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    fn write(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The code of the next answer; 0 when the connection is closed.
    fn code(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).unwrap_or(0) == 0 {
                return 0;
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line[..3].parse().unwrap();
            }
        }
    }

    fn say(&mut self, line: &str) -> u16 {
        self.write(&format!("{line}\r\n"));
        self.code()
    }

    /// The next so many bytes.
    fn bytes(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn greeted(mailbox: &Mailbox) -> Self {
        let mut client = Self::connect(mailbox);
        assert_eq!(client.code(), 220);
        assert_eq!(client.say("EHLO test"), 250);
        client
    }

    /// Says each line, which must be answered with its code.
    fn talk<'a>(&mut self, lines: impl IntoIterator<Item = (&'a str, u16)>) {
        lines.into_iter().for_each(|(line, code)| assert_eq!(self.say(line), code, "{line}"));
    }

    fn send(&mut self, to: &str, letter: &str) -> u16 {
        self.talk([("MAIL FROM:<ann@example.test>", 250), (&format!("RCPT TO:<{to}>"), 250), ("DATA", 354)]);
        self.say(&format!("{letter}\r\n."))
    }
}

fn mailbox() -> Mailbox {
    Mailbox::start("127.0.0.1:0", |_event| {}).unwrap()
}

fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    assert!(poll(limit(), || condition().then_some(())).is_some(), "{what}");
}

fn wait_held(mailbox: &Mailbox) {
    assert!(mailbox.wait_held(1, &|| false));
}

#[test]
fn letters_are_recorded_byte_for_byte() {
    let mailbox = mailbox();
    let mut client = Client::greeted(&mailbox);
    for (said, kept) in [
        (
            "Subject: dots\r\n\r\n..one\r\n...two\r\nplain. \r\n\r\nend",
            "Subject: dots\r\n\r\n.one\r\n..two\r\nplain. \r\n\r\nend\r\n",
        ),
        // A dot behind a lonely line feed is text.
        ("one\n.\r\ntwo\r.\r\n\0three\n.\nfour", "one\n.\r\ntwo\r.\r\n\0three\n.\nfour\r\n"),
    ] {
        assert_eq!(client.send("bob@example.test", said), 250);
        let letter = mailbox.letters().pop().unwrap();
        assert_eq!((letter.from.as_str(), letter.data.as_slice()), ("ann@example.test", kept.as_bytes()));
        assert_eq!(letter.recipients, ["bob@example.test"]);
    }
}

#[test]
fn every_gate_holds_until_it_is_released() {
    let talk = [
        (Point::Connect, "EHLO a"),
        (Point::Rcpt, "RCPT TO:<c@d.test>"),
        (Point::Data, "DATA"),
        (Point::Accept, "x\r\n."),
        (Point::Answer, "x\r\n."),
    ];
    for (point, _) in talk {
        let mailbox = mailbox();
        mailbox.hold(point);
        let mut client = Client::connect(&mailbox);
        for line in ["EHLO a", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", "x\r\n."] {
            client.write(&format!("{line}\r\n"));
            if talk.contains(&(point, line)) {
                wait_held(&mailbox);
                assert_eq!(mailbox.letters().len(), usize::from(point == Point::Answer), "{point:?}");
                mailbox.release_one();
            }
            assert!(matches!(client.code(), 220 | 250 | 354), "{point:?}");
        }
        client.code();
        assert_eq!((mailbox.letters().len(), mailbox.held()), (1, 0));
    }
}

#[test]
fn a_gate_for_one_recipient_lets_the_others_pass() {
    let mailbox = mailbox();
    mailbox.hold_recipient(Point::Rcpt, "slow@example.test");
    let mut slow = Client::greeted(&mailbox);
    slow.talk([("MAIL FROM:<a@b.test>", 250)]);
    slow.write("RCPT TO:<slow@example.test>\r\n");
    wait_held(&mailbox);
    assert_eq!(Client::greeted(&mailbox).send("quick@example.test", "x"), 250);
    mailbox.release_all();
    assert_eq!(slow.code(), 250);
}

#[test]
fn a_client_that_goes_away_is_not_held_any_more() {
    let mailbox = mailbox();
    mailbox.hold(Point::Connect);
    let client = Client::connect(&mailbox);
    wait_held(&mailbox);
    drop(client);
    wait("nobody is held", || mailbox.held() == 0 && mailbox.open_conversations() == 0);
}

#[test]
fn a_letter_whose_client_has_gone_before_it_is_let_go_is_not_accepted() {
    let mailbox = mailbox();
    for _ in 0..10 {
        mailbox.hold(Point::Accept);
        let mut client = Client::greeted(&mailbox);
        client.talk([("MAIL FROM:<a@b.test>", 250), ("RCPT TO:<c@d.test>", 250), ("DATA", 354)]);
        client.write("x\r\n.\r\n");
        wait_held(&mailbox);
        drop(client);
        mailbox.release_all();
        assert!(mailbox.wait_all_closed(&|| false));
    }
    assert_eq!(mailbox.letters().len(), 0);
}

#[test]
fn refused_unavailable_and_dropped() {
    let mailbox = mailbox();
    for (to, reply, code, next) in [
        ("RCPT TO:<no@example.test>", Reply::Refuse(550), 550, 250),
        ("RCPT TO:<later@example.test>", Reply::Refuse(450), 450, 250),
        ("RCPT TO:<closed@example.test>", Reply::Unavailable, 421, 0),
        ("RCPT TO:<gone@example.test>", Reply::Drop, 0, 0),
    ] {
        mailbox.reply(&to[9..to.len() - 1], reply);
        let mut client = Client::greeted(&mailbox);
        client.talk([("MAIL FROM:<a@b.test>", 250), (to, code)]);
        client.reader.get_mut().write_all(b"RSET\r\n").ok();
        assert_eq!(client.code(), next, "after {code}");
    }
    assert!(mailbox.letters().is_empty());
}

#[test]
fn the_peak_counts_what_is_open_at_once() {
    let mailbox = mailbox();
    for _ in 0..20 {
        Client::greeted(&mailbox).talk([("QUIT", 221)]);
    }
    assert_eq!((mailbox.peak(), mailbox.conversations()), (1, 20), "one after another");
    for _ in 0..20 {
        Client::greeted(&mailbox); // and it goes without a word
    }
    assert_eq!(mailbox.peak(), 1, "one after another, without QUIT");
    let _clients = [(); 3].map(|()| Client::greeted(&mailbox));
    assert_eq!(mailbox.peak(), 3);
}

#[test]
fn commands_out_of_order_and_commands_that_are_none_are_refused() {
    let mailbox = mailbox();
    let mut client = Client::connect(&mailbox);
    assert_eq!(client.code(), 220);
    client.talk([
        ("MAIL FROM:<a@b.test>", 503),
        ("EHLO", 501),
        ("EHLO test", 250),
        ("RCPT TO:<c@d.test>", 503),
        ("DATA", 503),
        ("MAIL FROM: a@b.test", 501),
        ("MAIL FROM:<a b@c.test>", 501),
        ("mail from:<>", 250),
        ("MAIL FROM:<a@b.test>", 503),
        ("DATA", 503),
        ("RCPT TO:<>", 501),
        ("RCPT TO:<c@d.test> NOTIFY=NEVER", 555),
        ("RSET", 250),
        ("RCPT TO:<c@d.test>", 503),
        ("NOOP", 250),
        ("HELP", 500),
        ("", 500),
        ("NOOP\n", 500),
    ]);
    assert_eq!(mailbox.commands(1)[1], b"EHLO\r\n");
}

#[test]
fn the_extensions_are_offered_and_others_are_refused() {
    let mailbox = mailbox();
    let mut client = Client::greeted(&mailbox);
    for (parameters, code) in [
        ("SIZE=33554432", 250),
        ("BODY=8BITMIME SIZE=1", 250),
        ("SIZE=33554433", 552),
        ("SIZE=99999999999999999999999", 501),
        ("SMTPUTF8", 555),
        ("BODY=9BIT", 555),
    ] {
        client.talk([(&*format!("MAIL FROM:<a@b.test> {parameters}"), code), ("RSET", 250)]);
    }
    mailbox.offer_smtputf8();
    client.write("EHLO test\r\n");
    let expected = "250-mailbox.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 33554432\r\n";
    assert_eq!(client.bytes(expected.len()), expected);
    client.talk([("MAIL FROM:<gr\u{fc}n@b.test> SMTPUTF8", 250)]);
}

#[test]
fn a_letter_that_is_too_long_is_refused_and_not_kept() {
    let mailbox = mailbox();
    let mut client = Client::greeted(&mailbox);
    let max_bytes = 32 << 20;
    for (bytes, code) in [(max_bytes - 10, 250), (max_bytes + 1, 552), (5, 250)] {
        // One line, and a dot in the middle of the text that is not the end.
        assert_eq!(client.send("bob@test", &format!("{}\r\n..x", "y".repeat(bytes))), code, "{bytes}");
    }
    let sizes: Vec<usize> = mailbox.letters().iter().map(|letter| letter.data.len()).collect();
    assert_eq!(sizes, [max_bytes - 10 + 6, 5 + 6]);
}

#[test]
fn a_command_that_is_too_long_is_refused_and_so_are_too_many_and_too_many_recipients() {
    let mailbox = mailbox();
    let mut client = Client::greeted(&mailbox);
    client.talk([(&*format!("NOOP {}", "x".repeat(20_000_000)), 500), ("NOOP", 250)]);
    let kept: usize = mailbox.commands(1).iter().map(Vec::len).sum();
    assert!(kept < 10_000, "{kept} bytes of commands are kept");
    let codes: Vec<u16> = (0..101).map(|_| client.say("NONSENSE")).take_while(|code| *code != 421).collect();
    assert_eq!((codes.len(), client.code()), (99, 0));

    let mut client = Client::greeted(&mailbox);
    client.talk([("MAIL FROM:<a@b.test>", 250)]);
    let codes: Vec<u16> = (0..1001).map(|number| client.say(&format!("RCPT TO:<{number}@b.test>"))).collect();
    assert!(codes[..1000].iter().all(|code| *code == 250) && codes[1000] == 452);
}

#[test]
fn an_endless_answer_goes_on_until_the_client_goes() {
    let talk = ["EHLO a", "MAIL FROM:<a@b>", "RCPT TO:<a@b>", "DATA", "."];
    for (quirk, lines, start) in [
        (Quirk::EndlessLine(ReplyTo::Connect), 0, "220 xxxx"),
        (Quirk::EndlessReply(ReplyTo::Hello), 1, "250-X-AGAIN\r\n250-X-AGAIN\r\n"),
        (Quirk::EndlessLine(ReplyTo::Letter), 5, "250 xxxx"),
    ] {
        let mailbox = mailbox();
        mailbox.quirk(quirk.clone());
        let mut client = Client::connect(&mailbox);
        for line in &talk[..lines] {
            assert!(matches!(client.code(), 220 | 250 | 354));
            client.write(&format!("{line}\r\n"));
        }
        assert!(client.bytes(1_000_000).starts_with(start), "{quirk}");
        drop(client);
        wait("the conversation is over", || mailbox.open_conversations() == 0);
        assert!(mailbox.letters().is_empty());
    }
}

#[test]
fn an_answer_can_be_anything_and_come_twice_or_never() {
    let mailbox = mailbox();
    mailbox.quirk(Quirk::Twice(ReplyTo::Mail));
    mailbox.quirk(Quirk::Says(ReplyTo::Quit, Vec::new()));
    mailbox.quirk(Quirk::Says(ReplyTo::Letter, b"552-no\x1b\x07\r\n552 room\r\n".to_vec()));
    let mut client = Client::greeted(&mailbox);
    client.talk([("MAIL FROM:<a@b>", 250), ("RCPT TO:<a@b>", 250), ("DATA", 250)]);
    assert_eq!(client.code(), 354);
    client.write(".\r\n");
    let expected = "552-no\u{1b}\u{7}\r\n552 room\r\n";
    assert_eq!(client.bytes(expected.len()), expected);
    client.write("QUIT\r\n");
    assert_eq!(client.say("NOOP"), 250, "the conversation goes on, without an answer to QUIT");
    assert!(mailbox.letters().is_empty());
}

#[test]
fn a_connection_takes_so_many_letters() {
    for (quirk, next) in [(Quirk::ClosesAfter(2), 0), (Quirk::UnavailableAfter(2), 421)] {
        let mailbox = mailbox();
        mailbox.quirk(quirk);
        let mut client = Client::greeted(&mailbox);
        assert_eq!([client.send("c@d.test", "x"), client.send("c@d.test", "y")], [250, 250]);
        // The mailbox may have closed already: then this cannot be written.
        let _ = client.reader.get_mut().write_all(b"MAIL FROM:<a@b.test>\r\n");
        assert_eq!([client.code(), client.code()], [next, 0]);
        assert_eq!(mailbox.letters().len(), 2);
    }
}

#[test]
fn what_is_not_kept_is_told_all_the_same() {
    let (sender, events) = std::sync::mpsc::channel();
    let tell = move |event: &Event| drop(sender.send(event.to_string()));
    let mailbox = Mailbox::start("127.0.0.1:0", tell).unwrap();
    mailbox.keep_nothing();
    assert_eq!(Client::greeted(&mailbox).send("bob@example.test", "x"), 250);
    assert!(mailbox.letters().is_empty() && mailbox.commands(1).is_empty());
    let told: Vec<String> = events.try_iter().take(2).collect();
    assert_eq!(told, ["conversation 1: opened", "conversation 1: accepted a mail to bob@example.test"]);
}
