//! The mailbox, spoken to by hand over TCP.

use observe::limit::{limit, poll};
use observe::{Mailbox, Point, Reply};
use std::io::{BufRead, BufReader, Write};
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

    fn greet(&mut self) {
        assert_eq!(self.code(), 220);
        assert_eq!(self.say("EHLO test"), 250);
    }

    fn send(&mut self, to: &str, letter: &str) -> u16 {
        assert_eq!(self.say("MAIL FROM:<ann@example.test>"), 250);
        assert_eq!(self.say(&format!("RCPT TO:<{to}>")), 250);
        assert_eq!(self.say("DATA"), 354);
        self.say(&format!("{letter}\r\n."))
    }
}

fn mailbox() -> Mailbox {
    Mailbox::start("127.0.0.1:0", |_event| {}).unwrap()
}

fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    assert!(poll(limit(), || condition().then_some(())).is_some(), "{what}");
}

#[test]
fn a_letter_is_recorded_byte_for_byte() {
    let mailbox = mailbox();
    let mut client = Client::connect(&mailbox);
    client.greet();
    let code = client.send("bob@example.test", "Subject: dots\r\n\r\n..one\r\n...two\r\nplain. \r\n\r\nend");
    assert_eq!(code, 250);
    let letter = mailbox.letters().remove(0);
    assert_eq!(letter.from, "ann@example.test");
    assert_eq!(letter.recipients, ["bob@example.test"]);
    assert_eq!(letter.data, b"Subject: dots\r\n\r\n.one\r\n..two\r\nplain. \r\n\r\nend\r\n");
}

#[test]
fn every_gate_holds_until_it_is_released() {
    for point in [Point::Connect, Point::Rcpt, Point::Data, Point::Accept] {
        let mailbox = mailbox();
        mailbox.hold(point);
        let mut client = Client::connect(&mailbox);
        if point == Point::Connect {
            assert!(mailbox.wait_held(1, &|| false), "{point:?}");
            mailbox.release_all();
        }
        client.greet();
        assert_eq!(client.say("MAIL FROM:<a@b.test>"), 250);
        for (gate, line) in
            [(Point::Rcpt, "RCPT TO:<c@d.test>"), (Point::Data, "DATA"), (Point::Accept, "x\r\n.")]
        {
            client.write(&format!("{line}\r\n"));
            if gate == point {
                assert!(mailbox.wait_held(1, &|| false), "{point:?}");
                assert!(mailbox.letters().is_empty());
                mailbox.release_one();
            }
            assert!(matches!(client.code(), 250 | 354), "{point:?}");
        }
        assert_eq!(mailbox.letters().len(), 1);
        assert_eq!(mailbox.held(), 0);
    }
}

#[test]
fn a_gate_for_one_recipient_lets_the_others_pass() {
    let mailbox = mailbox();
    mailbox.hold_recipient(Point::Rcpt, "slow@example.test");
    let mut slow = Client::connect(&mailbox);
    slow.greet();
    assert_eq!(slow.say("MAIL FROM:<a@b.test>"), 250);
    slow.write("RCPT TO:<slow@example.test>\r\n");
    assert!(mailbox.wait_held(1, &|| false));
    let mut quick = Client::connect(&mailbox);
    quick.greet();
    assert_eq!(quick.send("quick@example.test", "x"), 250);
    mailbox.release_all();
    assert_eq!(slow.code(), 250);
}

#[test]
fn a_client_that_goes_away_is_not_held_any_more() {
    let mailbox = mailbox();
    mailbox.hold(Point::Connect);
    let client = Client::connect(&mailbox);
    assert!(mailbox.wait_held(1, &|| false));
    drop(client);
    wait("nobody is held", || mailbox.held() == 0 && mailbox.open_conversations() == 0);
}

#[test]
fn refused_unavailable_and_dropped() {
    let mailbox = mailbox();
    mailbox.reply("no@example.test", Reply::Refuse(550));
    mailbox.reply("later@example.test", Reply::Refuse(450));
    mailbox.reply("closed@example.test", Reply::Unavailable);
    mailbox.reply("gone@example.test", Reply::Drop);
    for (to, code, next) in [("no", 550, 250), ("later", 450, 250), ("closed", 421, 0), ("gone", 0, 0)] {
        let mut client = Client::connect(&mailbox);
        client.greet();
        assert_eq!(client.say("MAIL FROM:<a@b.test>"), 250);
        assert_eq!(client.say(&format!("RCPT TO:<{to}@example.test>")), code);
        if code != 0 {
            client.reader.get_mut().write_all(b"RSET\r\n").ok();
            assert_eq!(client.code(), next, "after {code}");
        }
    }
    assert!(mailbox.letters().is_empty());
}

#[test]
fn the_peak_counts_what_is_open_at_once() {
    let mailbox = mailbox();
    for _ in 0..20 {
        let mut client = Client::connect(&mailbox);
        client.greet();
        assert_eq!(client.say("QUIT"), 221);
    }
    assert_eq!((mailbox.peak(), mailbox.conversations()), (1, 20), "one after another");
    for _ in 0..20 {
        let mut client = Client::connect(&mailbox);
        client.greet(); // and it goes without a word
    }
    assert_eq!(mailbox.peak(), 1, "one after another, without QUIT");
    let mut clients = [(); 3].map(|()| Client::connect(&mailbox));
    clients.iter_mut().for_each(Client::greet);
    assert_eq!(mailbox.peak(), 3);
}

#[test]
fn a_port_in_use_is_an_error() {
    let mailbox = mailbox();
    let address = format!("127.0.0.1:{}", mailbox.port());
    assert!(Mailbox::start(&address, |_event| {}).is_err());
}
