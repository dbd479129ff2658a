//! `cargo workshop mailbox`: the mailbox alone.

use crate::failure::Failure;
use crate::run::interrupt;
use crate::ui::arguments;
use crate::ui::terminal::{plain, say};
use clap::{ArgMatches, Command, value_parser};
use observe::mailbox::{self, Letter};
use observe::text::counted;
use observe::{Mailbox, Point};
use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "mailbox",
        "Runs a mail server on this machine and prints every mail",
        "Examples:\n  cargo workshop mailbox\n  cargo workshop mailbox --hold\n  cargo workshop mailbox --hold --at data\n\n\
         It accepts every mail of up to 32 MiB and delivers none. Ctrl-C ends it.",
    )
    .arg(
        arguments::option("port", "PORT", "The port on 127.0.0.1 (0: the system chooses)")
            .default_value("2525")
            .value_parser(value_parser!(u16)),
    )
    .arg(arguments::flag("hold", "Hold every mail until Enter is pressed"))
    .arg(
        arguments::option("at", "COMMAND", "Where it is held: at its RCPT or, when lesson 11 calls it started, at its DATA")
            .value_parser(["rcpt", "data"])
            .default_value("rcpt")
            .requires("hold"),
    )
}

/// How often to see whether Ctrl-C was pressed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the mailbox has to react to.
enum Event {
    Mail(mailbox::Event),
    Enter,
    NoMoreInput,
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let (sender, events) = mpsc::channel();
    let mailbox = start(matches.get_one("port").copied().unwrap_or(0), &sender)?;
    let holds = matches.get_flag("hold");
    if holds {
        // Before anyone knows where it listens.
        mailbox.hold(if arguments::required(matches, "at") == "data" { Point::Data } else { Point::Rcpt });
    }
    interrupt::listen()?;
    say(format!("listening on {}", mailbox.url()));
    if holds {
        tell_of_enter(&sender);
        say("Every mail is held. Press Enter to let the oldest one go. Ctrl-C ends the mailbox.");
    } else {
        say("Every mail is accepted and printed. Ctrl-C ends the mailbox.");
    }
    let mut count = 0;
    while !interrupt::requested() {
        let Ok(event) = events.recv_timeout(LOOK_EVERY) else { continue };
        match event {
            Event::Mail(mailbox::Event::Accepted(letter)) => {
                count += 1;
                print(count, &letter);
            }
            Event::Mail(mailbox::Event::Held(_, point, to)) => {
                say(format!("\nheld {point}: a mail to {}. Press Enter to let it go.", plain(&to)));
            }
            Event::Mail(_) => {}
            Event::Enter if mailbox.held() == 0 => say("No mail is held at this moment."),
            Event::Enter => mailbox.release_one(),
            Event::NoMoreInput => say("There is no more input: what is held now stays held."),
        }
    }
    say(format!("\nThe mailbox is closed. It has accepted {}.", counted(count, "mail")));
    Ok(())
}

fn start(port: u16, sender: &Sender<Event>) -> Result<Mailbox, Failure> {
    let sender = sender.clone();
    // A channel, since the mailbox must not wait for a slow terminal.
    let observer = move |event: &mailbox::Event| drop(sender.send(Event::Mail(event.clone())));
    let mailbox = Mailbox::start(&format!("127.0.0.1:{port}"), observer).map_err(|error| {
        Failure::input(format!(
            "cannot listen on 127.0.0.1:{port}: {error}. Choose another port with --port, or let the system choose: --port 0"
        ))
    })?;
    // They are printed, and that is all.
    mailbox.keep_nothing();
    Ok(mailbox)
}

fn tell_of_enter(sender: &Sender<Event>) {
    let sender = sender.clone();
    thread::spawn(move || {
        for _line in io::stdin().lines().map_while(Result::ok) {
            drop(sender.send(Event::Enter));
        }
        drop(sender.send(Event::NoMoreInput));
    });
}

fn print(number: usize, letter: &Letter) {
    say(format!("\nMail {number}"));
    say(format!("  from:     {}", plain(&letter.from)));
    say(format!("  to:       {}", plain(&letter.recipients.join(", "))));
    say(format!("  subject:  {}", plain(&letter.header("Subject"))));
    // From lesson 11 on, mails have one: by it a duplicate can be told.
    let message_id = letter.header("Message-ID");
    if !message_id.is_empty() {
        say(format!("  Message-ID: {}", plain(&message_id)));
    }
    say("  text:");
    for line in plain(letter.text().trim_end()).lines() {
        say(format!("    {line}"));
    }
}
