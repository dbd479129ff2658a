//! `cargo workshop mailbox`, as a person at a terminal sees it.

mod run;

use nix::sys::signal::Signal;
use run::Running;
use std::net::TcpListener;

#[test]
fn each_mail_is_printed_with_its_text_decoded_and_harmless() {
    let mut mailbox = Running::start(&["mailbox", "--port", "0"]);
    let port = mailbox.port();
    let encoded = "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n";
    run::send_mail(port, encoded).join().unwrap();
    mailbox.wait_for("Mail 1");
    let printed = mailbox.wait_for("    Grüße");
    for line in ["  from:     ann@example.org\n", "  to:       bob@example.org\n", "  subject:  Grüße\n"] {
        assert!(printed.contains(line), "{printed}");
    }
    // Control characters do not reach the terminal.
    run::send_mail(port, "Subject: \u{1b}[2Jgone\r\n\r\n\u{1b}]0;title\u{7}\r\nlast line\r\n")
        .join()
        .unwrap();
    let printed = mailbox.wait_for("last line");
    assert!(printed.contains("[2Jgone") && !printed.contains('\u{1b}') && !printed.contains('\u{7}'));
    mailbox.signal(Signal::SIGINT);
    mailbox.wait_for("It has accepted 2 mails.");
    assert_eq!(mailbox.code(), Some(0));
}

#[test]
fn held_mails_wait_for_enter() {
    let mut mailbox = Running::start(&["mailbox", "--port", "0", "--hold"]);
    let port = mailbox.port();
    let client = run::send_mail(port, "Subject: one\r\n\r\ntext\r\n");
    let printed = mailbox.wait_for("held at RCPT: a mail to bob@example.org");
    assert!(!printed.contains("Mail 1"), "{printed}");
    mailbox.enter("");
    mailbox.wait_for("Mail 1");
    client.join().unwrap();
    mailbox.enter("");
    mailbox.wait_for("No mail is held at this moment.");

    mailbox.signal(Signal::SIGTERM);
    assert_eq!(mailbox.code(), Some(0));
}

#[test]
fn a_mail_can_be_held_after_it_was_started() {
    let mut mailbox = Running::start(&["mailbox", "--port", "0", "--hold", "--at", "data"]);
    let client = run::send_mail(mailbox.port(), "Subject: one\r\n\r\ntext\r\n");
    mailbox.wait_for("held at DATA: a mail to bob@example.org");
    mailbox.enter("");
    mailbox.wait_for("Mail 1");
    client.join().unwrap();
    run::says(run::workshop().args(["mailbox", "--at", "data"]), 2, &["--hold"]);
}

#[test]
fn a_port_that_cannot_be_used_is_an_error_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let told = run::says(run::workshop().args(["mailbox", "--port", &port]), 2, &["--port 0"]);
    assert!(told.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}: ")), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    run::says(run::workshop().args(["mailbox", "--port", "70000"]), 2, &[]);
}
