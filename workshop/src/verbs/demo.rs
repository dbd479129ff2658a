//! `cargo workshop demo`: the finished system at work, told as it happens.
//!
//! Everything that is told is seen from outside: answers, processes, mails, and lines on stderr.

pub mod server;

use crate::failure::Failure;
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::{columns, plain, print, say, wrap};
use clap::{ArgMatches, value_parser};
use nix::sys::signal::Signal;
use observe::http::Answer;
use observe::limit::{BRIEFLY, limit};
use observe::mailbox;
use observe::{Mailbox, Point, process};
use serde_json::json;
use server::Server;
use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What the command line can say.
pub fn command() -> clap::Command {
    arguments::verb(
        "demo",
        "Shows the finished system: a request, a fork, messages, mails",
        "Examples:\n  cargo workshop demo\n  cargo workshop demo --package lesson-10\n\n\
         It builds the server of lesson 10, starts it with a mailbox, and posts a list of emails to it. \
         The exit status is 0 when everything arrived, and 1 otherwise.",
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
/// On a terminal the mailbox takes its time, so that the mails can be seen coming.
const PAUSE: Duration = Duration::from_millis(150);
/// How many mails it sends.
const COUNT: usize = 3;

/// What the demo hears of.
enum Event {
    Mail(mailbox::Event),
    Answer(Result<Answer, String>),
    Log(String),
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let package = arguments::required(matches, "package");
    let (sender, events) = mpsc::channel();
    interrupt::listen()?;
    let (program, start) = match matches.get_one::<PathBuf>("program") {
        Some(program) => (program.clone(), program.display().to_string()),
        None => (workspace::build(&workspace::root()?, package)?, format!("cargo run -p {package}")),
    };
    let story = Story(Instant::now());
    let mail = sender.clone();
    // It holds every mail at first: that is how one sees that the answer does not wait for them.
    let mailbox = server::start_mailbox(Point::Rcpt, move |event| drop(mail.send(Event::Mail(event))))?;
    story.tell("mailbox", format!("listens on {}", mailbox.url()));
    let mut command = Command::new(&program);
    command.env("SMTP_URL", mailbox.url());
    let log = sender.clone();
    let server = Server::launch(&mut command, move |line| drop(log.send(Event::Log(line))))?;
    story.tell("server", format!("pid {} listens on {}", server.group.pid(), server.base));

    let mut demo = Demo {
        story,
        mailbox,
        server,
        events,
        posted: Instant::now(),
        answered: false,
        worker: None,
        worker_ended: false,
        asked_to_deliver: false,
        arrived: 0,
        logged: false,
        problems: Vec::new(),
    };
    demo.post(sender);
    demo.show(if stdout().is_terminal() { PAUSE } else { Duration::ZERO })?;
    demo.end(&start)
}

/// The story on the terminal: when, who, what. It has begun at this moment.
struct Story(Instant);

impl Story {
    /// Tells that `who` did `what`.
    fn tell(&self, who: &str, what: impl AsRef<str>) {
        let milliseconds = self.0.elapsed().as_millis();
        // The third column begins where `    12 ms  mailbox  ` ends.
        say(format!("{milliseconds:>6} ms  {who:<7}  {}", wrap(what.as_ref(), 20, columns())));
    }
}

/// The request's body: what the article's client sends.
fn emails(count: usize) -> String {
    format!(r#"{{"emails":[{}]}}"#, server::mails(1..=count))
}

/// The demo while it runs.
struct Demo {
    story: Story,
    mailbox: Mailbox,
    server: Server,
    events: Receiver<Event>,
    posted: Instant,
    answered: bool,
    /// The worker's pid, once it was seen.
    worker: Option<u32>,
    worker_ended: bool,
    asked_to_deliver: bool,
    arrived: usize,
    logged: bool,
    problems: Vec<String>,
}

impl Demo {
    /// Sends the request. The answer comes as a event.
    fn post(&mut self, sender: Sender<Event>) {
        let (base, body) = (self.server.base.clone(), emails(COUNT));
        self.story.tell("you", format!("POST /endpoint with {COUNT} mails"));
        self.posted = Instant::now();
        thread::spawn(move || {
            drop(sender.send(Event::Answer(server::ask(&base, "POST", "/endpoint", &body))))
        });
    }

    /// Tells the story, scene by scene.
    fn show(&mut self, pause: Duration) -> Result<(), Failure> {
        self.scene("no answer came while the mails were held", |demo| demo.answered)?;
        self.scene("no child of the server was seen", |demo| demo.worker.is_some())?;
        for number in 1..=COUNT {
            let missing = format!("{} of {COUNT} mails arrived in the mailbox", number - 1);
            if !self.scene(&missing, |demo| demo.mailbox.held() > 0)? {
                break;
            }
            self.mailbox.release_one();
            if !self.scene(&missing, |demo| demo.arrived == number)? {
                break;
            }
            thread::sleep(pause);
        }
        let line = format!("the log does not say \"Number of mails sent {COUNT}\"");
        self.scene(&line, |demo| demo.logged)?;
        let ended = "the worker has not ended, or the server has not waited for it";
        self.scene(ended, |demo| demo.worker.is_none() || demo.worker_ended)?;
        Ok(())
    }

    /// Tells what happens until `is_over`, and returns whether it came to that. After a scene that failed, the others are not
    /// waited for.
    fn scene(&mut self, missing: &str, is_over: impl Fn(&Self) -> bool) -> Result<bool, Failure> {
        let limit = if self.problems.is_empty() { limit() } else { BRIEFLY };
        let began = Instant::now();
        while !is_over(self) {
            if interrupt::requested() {
                return Err(interrupt::failure());
            }
            if began.elapsed() >= limit || self.server.group.ended().is_some() {
                self.problems.push(missing.to_owned());
                return Ok(false);
            }
            // What was heard comes first: it happened before what can be seen now.
            match self.events.recv_timeout(LOOK_EVERY) {
                Ok(event) => self.hear(event),
                Err(_) => self.look_for_the_worker(),
            }
        }
        Ok(true)
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Answer(answer) => {
                self.answered = true;
                match answer {
                    Ok(answer) => self.hear_answer(&answer),
                    Err(why) => self.problems.push(format!("no answer: {why}")),
                }
            }
            Event::Log(line) => self.hear_log(&line),
            Event::Mail(event) => self.hear_of_mail(&event),
        }
    }

    fn hear_answer(&mut self, answer: &Answer) {
        let took = self.posted.elapsed().as_millis();
        let what = format!("answers {} {} after {took} ms", answer.status, plain(&answer.body));
        self.story.tell("server", what);
        self.story.tell("mailbox", "has accepted no mail yet: the answer did not wait");
        let expected = json!({"status": true, "sent": true});
        if answer.status != 200 || serde_json::from_str(&answer.body).ok() != Some(expected) {
            self.problems.push("the answer is not 200 {\"status\":true,\"sent\":true}".into());
        }
    }

    fn hear_log(&mut self, line: &str) {
        self.story.tell("log", plain(line));
        // The article's line. It is written when the worker's message has come.
        if line.trim_end().ends_with(&format!("Number of mails sent {COUNT}")) && !self.logged {
            self.logged = true;
            self.story.tell("", "(the worker's message has come back)");
        }
    }

    fn hear_of_mail(&mut self, event: &mailbox::Event) {
        match event {
            mailbox::Event::Held(_, _, to) if !self.asked_to_deliver => {
                self.asked_to_deliver = true;
                let worker = self.worker.map_or("the worker".into(), |pid| format!("worker {pid}"));
                let asks = format!("has received the list, and starts with the mail to {}", plain(to));
                self.story.tell("mailbox", format!("{worker} {asks}"));
            }
            mailbox::Event::Accepted(letter) => {
                self.arrived += 1;
                let to = plain(&letter.recipients.join(", "));
                let which = format!("mail {} of {COUNT}", self.arrived);
                self.story.tell("mailbox", format!("{which} arrives: a mail to {to}"));
            }
            _ => {}
        }
    }

    /// Nobody announces a process, so we look for it.
    fn look_for_the_worker(&mut self) {
        let server = self.server.group.pid();
        let children = process::children(server);
        match self.worker {
            None => {
                if let Some(child) = children.first() {
                    self.worker = Some(child.pid);
                    let what = format!("pid {server} has forked a child: the worker, pid {}", child.pid);
                    self.story.tell("server", what);
                }
            }
            // A zombie has ended, but the server has not waited for it yet.
            Some(pid) if !self.worker_ended && !children.iter().any(|child| child.pid == pid) => {
                self.worker_ended = true;
                self.story.tell("worker", format!("pid {pid} has exited, and the server has reaped it"));
            }
            Some(_) => {}
        }
    }

    /// Ends the server as a system does, with SIGTERM, and says what did not come.
    fn end(mut self, start: &str) -> Result<(), Failure> {
        self.mailbox.release_all();
        let group = &mut self.server.group;
        if let Some(status) = group.ended() {
            self.problems.push(format!("the server ended too early: {}", server::describe(status)));
        } else {
            self.story.tell("you", "SIGTERM to the server");
            process::signal(group.pid(), Signal::SIGTERM);
            match group.wait(limit()) {
                Some(status) => {
                    self.story.tell("server", format!("has exited: {}", server::describe(status)))
                }
                None => self.problems.push("the server does not end on SIGTERM".into()),
            }
            if group.ended().is_some_and(|status| !status.success()) {
                self.problems.push("the server's exit status after SIGTERM is not 0".into());
            }
        }
        if !group.running().is_empty() {
            self.problems.push("the server has left a process behind".into());
        }
        if !self.problems.is_empty() {
            let problems = self.problems.join("; ");
            return Err(Failure::work(format!("the demo did not go as it should: {problems}")));
        }
        let done = format!("\nDone: {COUNT} mails sent by a forked worker. Nothing is left behind.");
        say(wrap(&done, 0, columns()));
        say("\nThe same by hand, in three terminals:\n");
        say("  cargo workshop mailbox\n");
        say(format!("  {start}\n"));
        // One line, to be copied as it is.
        let url = "http://127.0.0.1:3000/endpoint";
        print(format!("  curl -H 'content-type: application/json' -d '{}' {url}", emails(1)));
        Ok(())
    }
}
