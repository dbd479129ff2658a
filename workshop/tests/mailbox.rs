//! `cargo workshop mailbox`, as a person at a terminal sees it.

mod run;

use nix::sys::signal::Signal;
use run::Running;
use std::net::TcpListener;

#[test]
fn each_mail_is_printed_with_its_text_decoded() {
    let mut mailbox = Running::start(&["mailbox", "--port", "0"]);
    let port = mailbox.port();
    let client = run::send_mail(
        port,
        "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n",
    );
    mailbox.wait_for("Mail 1");
    let to_the_end = mailbox.wait_for("    Grüße");
    assert!(to_the_end.contains("  from:     ann@example.org\n"), "{to_the_end}");
    assert!(to_the_end.contains("  to:       bob@example.org\n"), "{to_the_end}");
    assert!(to_the_end.contains("  subject:  Grüße\n"), "{to_the_end}");
    client.join().unwrap();

    mailbox.signal(Signal::SIGINT);
    mailbox.wait_for("It has accepted 1 mail.");
    assert_eq!(mailbox.code(), Some(0));
}

#[test]
fn control_characters_of_a_mail_do_not_reach_the_terminal() {
    let mut mailbox = Running::start(&["mailbox", "--port", "0"]);
    let port = mailbox.port();
    let client = run::send_mail(port, "Subject: \u{1b}[2Jgone\r\n\r\n\u{1b}]0;title\u{7}\r\nlast line\r\n");
    let printed = mailbox.wait_for("last line");
    assert!(printed.contains("[2Jgone") && !printed.contains('\u{1b}') && !printed.contains('\u{7}'));
    client.join().unwrap();
}

#[test]
fn held_mails_wait_for_enter() {
    let mut mailbox = Running::start(&["mailbox", "--port", "0", "--hold"]);
    let port = mailbox.port();
    let client = run::send_mail(port, "Subject: one\r\n\r\ntext\r\n");
    let printed = mailbox.wait_for("held: a mail to bob@example.org");
    assert!(!printed.contains("Mail 1"), "{printed}");
    mailbox.press_enter();
    mailbox.wait_for("Mail 1");
    client.join().unwrap();
    mailbox.press_enter();
    mailbox.wait_for("No mail is held at this moment.");

    mailbox.signal(Signal::SIGTERM);
    assert_eq!(mailbox.code(), Some(0));
}

#[test]
fn a_port_in_use_is_an_error_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let begin = format!("error: cannot listen on 127.0.0.1:{port}: ");
    let output = run::workshop().args(["mailbox", "--port", &port]).assert().code(2).get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with(&begin) && stderr.lines().count() == 1, "{stderr}");
    assert!(stderr.contains("--port 0"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_mail_of_300_mb_is_refused_and_does_not_stay_in_memory() {
    use std::io::{BufRead, BufReader, Write};
    let mut mailbox = Running::start(&["mailbox", "--port", "0"]);
    let client = std::net::TcpStream::connect(("127.0.0.1", mailbox.port())).unwrap();
    let mut answers = BufReader::new(client.try_clone().unwrap()).lines();
    let mut say = |bytes: &[u8]| {
        (&client).write_all(bytes).unwrap();
        answers.next().unwrap().unwrap()
    };
    for words in ["", "HELO client\r\n", "MAIL FROM:<ann@example.org>\r\n", "RCPT TO:<bob@example.org>\r\n"] {
        assert!(say(words.as_bytes()).starts_with('2'));
    }
    assert!(say(b"DATA\r\n").starts_with("354"));
    let megabyte = [[b'x'; 999].as_slice(), b"\n"].concat().repeat(1000);
    (0..300).for_each(|_| (&client).write_all(&megabyte).unwrap());
    assert!(say(b"\r\n.\r\n").starts_with("552"));
    let peak = observe::process::peak_memory(mailbox.pid()).unwrap();
    assert!(peak < 150_000_000, "{peak} bytes");
}

#[test]
fn help_shows_an_example() {
    run::shows_an_example("mailbox");
}

#[test]
fn a_port_that_is_no_port_is_bad_input() {
    run::workshop().args(["mailbox", "--port", "70000"]).assert().code(2);
}
