//! `cargo workshop demo`: the finished system at work, told as it happens.
//!
//! Everything that is told is seen from outside: answers, processes, mails, and lines on stderr.

pub mod http;
pub mod server;
mod story;

use crate::failure::Failure;
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::{columns, plain, say, wrap};
use clap::{ArgMatches, Command, value_parser};
use observe::mailbox::Event;
use observe::text::counted;
use observe::{Mailbox, Point, process};
use serde_json::json;
use server::Server;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use story::Story;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "demo",
        "Shows the finished system: a request, a fork, messages, mails",
        "Examples:\n  cargo workshop demo\n  cargo workshop demo --keep\n  \
         cargo workshop demo --package lesson-10\n\n\
         It builds the server of lesson 10, starts it with a mailbox, and posts a list of emails to it. Exit status 0 when everything came, 1 when something did not.",
    )
    .arg(arguments::flag("keep", "Stay up afterwards, until Ctrl-C"))
    .arg(
        arguments::option("mails", "N", "How many mails to send")
            .default_value("3")
            .value_parser(value_parser!(u16).range(1..=1000)),
    )
    .arg(
        arguments::option("package", "NAME", "The package to build and show, such as your own lesson-10")
            .default_value("solution-10"),
    )
    .arg(
        arguments::option("program", "PATH", "Show this program instead of building one")
            .conflicts_with("package")
            .value_parser(value_parser!(PathBuf)),
    )
}

/// How often to look for what nobody announces: processes that come and go.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// How long the answer may take while the mails are held, and the worker until it is seen.
const AT_ONCE: Duration = Duration::from_secs(5);
/// On a terminal the mailbox takes its time, so that the mails can be seen coming.
const PAUSE: Duration = Duration::from_millis(150);
const LONGEST_SHOW: Duration = Duration::from_secs(3);

/// What the demo hears of.
enum Happening {
    Mail(Event),
    Answer(Result<http::Answer, String>),
    Log(String),
    Interrupted,
}

struct Args {
    keep: bool,
    mails: u16,
    package: String,
    program: Option<PathBuf>,
}

impl From<&ArgMatches> for Args {
    fn from(matches: &ArgMatches) -> Self {
        Self {
            keep: matches.get_flag("keep"),
            mails: matches.get_one::<u16>("mails").copied().unwrap_or(3),
            package: arguments::required(matches, "package").to_owned(),
            program: matches.get_one::<PathBuf>("program").cloned(),
        }
    }
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let args = &Args::from(matches);
    let (sender, happenings) = mpsc::channel();
    tell_of_ctrl_c(&sender)?;
    let program = match &args.program {
        Some(program) => program.clone(),
        None => workspace::build(&workspace::root()?, &args.package)?,
    };
    let story = Story::begin();
    let mailbox = start_mailbox(&sender)?;
    story.tell("mailbox", format!("listens on {}", mailbox.url()));
    let mut server = Server::start(&program, &mailbox.url(), {
        let sender = sender.clone();
        move |line| drop(sender.send(Happening::Log(line)))
    })?;
    story.tell("server", format!("pid {} listens on {}", server.pid(), server.base()));

    let mut demo = Demo::new(args, story, &mailbox, &mut server, happenings);
    demo.post(&sender);
    demo.watch()?;
    if args.keep {
        demo.stay()?;
    }
    demo.end()
}

fn tell_of_ctrl_c(sender: &Sender<Happening>) -> Result<(), Failure> {
    let sender = sender.clone();
    interrupt::listen(move || drop(sender.send(Happening::Interrupted)))
}

/// The mailbox holds every mail at first: that is how one sees that the answer does not wait for them.
fn start_mailbox(sender: &Sender<Happening>) -> Result<Mailbox, Failure> {
    let sender = sender.clone();
    let observer = move |event: &Event| drop(sender.send(Happening::Mail(event.clone())));
    let mailbox = Mailbox::start("127.0.0.1:0", observer)
        .map_err(|error| Failure::work(format!("cannot start the mailbox: {error}")))?;
    mailbox.hold(Point::Rcpt);
    Ok(mailbox)
}

/// The request's body: what the article's client sends. The fields stand in the order in which one reads a mail.
fn emails(count: usize) -> String {
    let email = |number: usize| {
        let to = json!(format!("reader-{number}@example.org"));
        let subject = json!(format!("Parcel {number}"));
        let text = json!(format!("Dear reader {number}, your parcel is on its way."));
        format!(r#"{{"from":"shop@example.org","to":{to},"subject":{subject},"text":{text}}}"#)
    };
    format!(r#"{{"emails":[{}]}}"#, (1..=count).map(email).collect::<Vec<_>>().join(","))
}

/// The demo while it runs.
struct Demo<'a> {
    story: Story,
    /// The command that starts the server by hand.
    start: String,
    mailbox: &'a Mailbox,
    server: &'a mut Server,
    happenings: Receiver<Happening>,
    count: usize,
    pause: Duration,
    posted: Instant,
    next_release: Instant,
    last_step: Instant,
    answered: bool,
    /// The worker's pid, once it was seen.
    worker: Option<u32>,
    first_mail_seen: bool,
    arrived: usize,
    logged: bool,
    worker_ended: bool,
    problems: Vec<String>,
}

impl<'a> Demo<'a> {
    fn new(
        args: &Args,
        story: Story,
        mailbox: &'a Mailbox,
        server: &'a mut Server,
        happenings: Receiver<Happening>,
    ) -> Self {
        let on_terminal = std::io::stdout().is_terminal();
        let now = Instant::now();
        let start = match &args.program {
            Some(program) => program.display().to_string(),
            None => format!("cargo run -p {}", args.package),
        };
        Self {
            story,
            start,
            mailbox,
            server,
            happenings,
            count: usize::from(args.mails),
            pause: if on_terminal { PAUSE.min(LONGEST_SHOW / u32::from(args.mails)) } else { Duration::ZERO },
            posted: now,
            next_release: now,
            last_step: now,
            answered: false,
            worker: None,
            first_mail_seen: false,
            arrived: 0,
            logged: false,
            worker_ended: false,
            problems: Vec::new(),
        }
    }

    /// Sends the request. The answer comes as a happening.
    fn post(&mut self, sender: &Sender<Happening>) {
        let (base, body, sender) = (self.server.base().to_owned(), emails(self.count), sender.clone());
        self.story.tell("you", format!("POST /endpoint with {}", counted(self.count, "mail")));
        self.posted = Instant::now();
        std::thread::spawn(move || {
            drop(sender.send(Happening::Answer(http::post(&base, "/endpoint", &body))))
        });
    }

    /// Tells what happens until everything has come, or until nothing comes any more.
    fn watch(&mut self) -> Result<(), Failure> {
        self.last_step = Instant::now();
        while !self.missing().is_empty() {
            match self.happenings.recv_timeout(LOOK_EVERY) {
                Ok(Happening::Interrupted) => return Err(interrupt::failure()),
                Ok(happening) => {
                    self.last_step = Instant::now();
                    self.hear(happening);
                    self.let_a_mail_in();
                    // What was heard comes first: it happened before what can be seen now.
                    continue;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.look_for_the_worker();
            self.let_a_mail_in();
            if let Some(status) = self.server.ended() {
                self.problems.push(format!("the server ended too early: {}", server::in_words(status)));
                break;
            }
            if self.last_step.elapsed() > observe::limit::limit() {
                break;
            }
        }
        let missing = self.missing();
        self.problems.extend(missing);
        Ok(())
    }

    fn hear(&mut self, happening: Happening) {
        match happening {
            Happening::Answer(Ok(answer)) => self.hear_answer(&answer),
            Happening::Answer(Err(why)) => {
                self.answered = true;
                self.problems.push(format!("no answer: {why}"));
            }
            Happening::Log(line) => self.hear_log(&line),
            Happening::Mail(event) => self.hear_of_mail(&event),
            Happening::Interrupted => {}
        }
    }

    fn hear_answer(&mut self, answer: &http::Answer) {
        self.answered = true;
        let took = self.posted.elapsed().as_millis();
        self.story
            .tell("server", format!("answers {} {} after {took} ms", answer.status, plain(&answer.body)));
        if self.arrived == 0 {
            self.story.tell("mailbox", "has let no mail in so far: the answer did not wait");
        }
        if answer.status != 200 || answer.json() != json!({"status": true, "sent": true}) {
            self.problems.push("the answer is not 200 {\"status\":true,\"sent\":true}".into());
        }
    }

    fn hear_log(&mut self, line: &str) {
        self.story.tell("log", plain(line));
        // The article's line. It is written when the worker's message has come.
        if line.contains("Number of mails sent ") {
            self.logged = true;
            let expected = format!("Number of mails sent {}", self.count);
            if line.trim_end().ends_with(&expected) {
                self.story.tell("", "(the worker's message has come back)");
            } else {
                self.problems.push(format!("the log does not say \"{expected}\""));
            }
        }
    }

    fn hear_of_mail(&mut self, event: &Event) {
        match event {
            Event::Held(_, _, to) if !self.first_mail_seen => {
                self.first_mail_seen = true;
                let worker = self.worker.map_or("the worker".into(), |pid| format!("worker {pid}"));
                self.story.tell(
                    "mailbox",
                    format!("{worker} has its message, the list: it asks to deliver to {}", plain(to)),
                );
            }
            Event::Accepted(letter) => {
                self.arrived += 1;
                let to = plain(&letter.recipients.join(", "));
                self.story.tell_mail(self.arrived, self.count, &format!("a mail to {to}"));
            }
            _ => {}
        }
    }

    /// Nobody announces a process, so we look for it.
    fn look_for_the_worker(&mut self) {
        if self.worker_ended {
            return;
        }
        let server = self.server.pid();
        let children = process::children(server);
        match self.worker {
            None => {
                if let Some(child) = children.first() {
                    self.worker = Some(child.pid);
                    self.last_step = Instant::now();
                    let what = format!("pid {server} has forked a child: the worker, pid {}", child.pid);
                    self.story.tell("server", what);
                }
            }
            // A zombie has ended, but the server has not waited for it yet.
            Some(pid) if !children.iter().any(|child| child.pid == pid) => {
                self.worker_ended = true;
                self.last_step = Instant::now();
                self.story.tell("worker", format!("pid {pid} has ended, and the server has waited for it"));
            }
            Some(_) => {}
        }
    }

    /// Opens the gate for one mail at a time, once the answer is there and the worker was seen.
    fn let_a_mail_in(&mut self) {
        let late = self.posted.elapsed() > AT_ONCE;
        if late && !self.answered {
            self.answered = true;
            self.problems.push("the answer did not come while the mails were held: it waits for them".into());
        }
        let ready = self.answered && (self.worker.is_some() || late);
        if ready && self.mailbox.held() > 0 && Instant::now() >= self.next_release {
            self.mailbox.release_one();
            self.next_release = Instant::now() + self.pause;
        }
    }

    /// What has not come, in words.
    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut expect = |came: bool, what: String| {
            if !came {
                missing.push(what);
            }
        };
        expect(self.answered, "no answer came".into());
        expect(self.worker.is_some(), "no child of the server was seen".into());
        expect(
            self.arrived >= self.count,
            format!("{} of {} arrived in the mailbox", self.arrived, counted(self.count, "mail")),
        );
        expect(self.logged, format!("the log does not say \"Number of mails sent {}\"", self.count));
        expect(
            self.worker.is_none() || self.worker_ended,
            "the worker has not ended, or the server has not waited for it".into(),
        );
        missing
    }

    /// Stays up until Ctrl-C and tells what happens.
    fn stay(&mut self) -> Result<(), Failure> {
        self.mailbox.release_all();
        self.story.show_curl(&format!("{}/endpoint", self.server.base()), &emails(1));
        say("The server stays up. Ctrl-C ends it.");
        loop {
            match self.happenings.recv_timeout(Duration::from_millis(50)) {
                Ok(Happening::Interrupted) => return Ok(()),
                Ok(Happening::Log(line)) => self.story.tell("log", plain(&line)),
                Ok(Happening::Mail(Event::Accepted(letter))) => {
                    let to = plain(&letter.recipients.join(", "));
                    self.story.tell("mailbox", format!("a mail to {to} has arrived"));
                }
                Ok(_) | Err(_) => {}
            }
            if let Some(status) = self.server.ended() {
                let how = server::in_words(status);
                return Err(Failure::work(format!("the server ended by itself: {how}")));
            }
        }
    }

    /// Ends the server as a system does, with SIGTERM, and says what did not come.
    fn end(mut self) -> Result<(), Failure> {
        self.mailbox.release_all();
        if self.server.ended().is_none() {
            self.story.tell("you", "SIGTERM to the server");
            match self.server.stop() {
                Some(status) => self.story.tell("server", format!("has ended: {}", server::in_words(status))),
                None => self.problems.push("the server does not end on SIGTERM".into()),
            }
            if self.server.ended().is_some_and(|status| !status.success()) {
                self.problems.push("the server's exit status after SIGTERM is not 0".into());
            }
        }
        if self.server.processes() > 0 {
            self.problems.push("the server has left a process behind".into());
        }
        if self.problems.is_empty() {
            let done = format!(
                "Done: {} sent by a forked worker. Nothing is left behind.",
                counted(self.count, "mail")
            );
            say(format!("\n{}", wrap(&done, 0, columns())));
            self.story.show_commands(&self.start, &emails(1));
            return Ok(());
        }
        Err(Failure::work(format!("the demo is not as it should be: {}", self.problems.join("; "))))
    }
}
