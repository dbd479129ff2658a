//! Running a program under its load, and writing down what can be seen from outside.

use super::load::{Act, Load, PAUSE, Program, Step};
use super::record::{Conversation, Letter, Line, Mark, Message, Record, Request};
use super::sample::Sampler;
use super::tap::{Passed, Tap};
use crate::failure::Failure;
use crate::run::children::Group;
use crate::run::{interrupt, workspace};
use crate::verbs::demo::{http, server};
use nix::sys::signal::Signal;
use observe::mailbox::Event;
use observe::tool::worker;
use observe::{Mailbox, Point, process};
use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long to go on after everything has come: a process needs a moment to end and to be waited for.
const AFTERWARDS: Duration = Duration::from_millis(60);
/// How often to see whether the program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What the watcher hears of, with its time.
enum Happening {
    Mail(Event),
    Answer(usize, Result<http::Answer, String>),
    Line { is_log: bool, text: String },
    Message(Passed),
}

type News = Sender<(Instant, Happening)>;

/// Runs the program under its load. `program` is what was built.
///
/// # Errors
/// When it does not start, does not listen, ends too early, or on Ctrl-C.
pub fn watch(root: &Path, program: &Path, load: &Load) -> Result<Record, Failure> {
    let (news, happenings) = mpsc::channel();
    let mailbox = start_mailbox(&news)?;
    let tap = start_tap(&news)?;
    let mut command = command(root, program, load, &tap)?;
    command.env("SMTP_URL", mailbox.url()).envs(load.env.iter().copied());
    let (target, zero) = match load.program {
        Program::Server(_) => {
            let log = news.clone();
            let log = move |text| drop(log.send((Instant::now(), Happening::Line { is_log: true, text })));
            (Target::Server(server::Server::launch(&mut command, log)?), None)
        }
        _ => {
            let begin = Instant::now();
            (start_command(&mut command, &news)?, Some(begin))
        }
    };
    let sampler = Sampler::start(target.pid(), mailbox.port());
    let mut watcher = Watcher::new(load, target, &mailbox, news, happenings, zero);
    watcher.watch()?;
    let mut record = watcher.record;
    record.end = Instant::now();
    record.threads = sampler.finish();
    Ok(record)
}

/// The mailbox keeps each letter for a while before it takes it.
fn start_mailbox(news: &News) -> Result<Mailbox, Failure> {
    let news = news.clone();
    let observer = move |event: &Event| drop(news.send((Instant::now(), Happening::Mail(event.clone()))));
    let mailbox = Mailbox::start("127.0.0.1:0", observer)
        .map_err(|error| Failure::work(format!("cannot start the mailbox: {error}")))?;
    mailbox.hold(Point::Accept);
    Ok(mailbox)
}

fn start_tap(news: &News) -> Result<Tap, Failure> {
    let news = news.clone();
    Tap::start(move |passed| drop(news.send((Instant::now(), Happening::Message(passed)))))
        .map_err(|error| Failure::work(format!("cannot listen for workers: {error}")))
}

/// The command line, with a tap where there is a worker.
fn command(root: &Path, program: &Path, load: &Load, tap: &Tap) -> Result<Command, Failure> {
    let tapped = |worker: &Path, role: Option<&str>| {
        tap.command(worker, role).map_err(|error| Failure::work(format!("cannot find this program: {error}")))
    };
    let mut command = Command::new(program);
    match load.program {
        Program::Server(None) => {}
        Program::Server(Some(role)) => {
            command.env("WORKER", worker(tapped(program, Some(role))?));
        }
        Program::Command(args) => drop(command.args(args)),
        Program::Parent(role) => drop(command.args(tapped(program, Some(role))?)),
        Program::Worker(parent) => {
            command = Command::new(workspace::build(root, parent)?);
            command.args(tapped(program, None)?);
        }
    }
    // A channel that belongs to the shell around us is not the program's.
    command.env_remove("NODE_CHANNEL_FD").env_remove("NODE_CHANNEL_SERIALIZATION_MODE");
    Ok(command)
}

fn start_command(command: &mut Command, news: &News) -> Result<Target, Failure> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(command).map_err(|error| {
        Failure::work(format!("cannot start {}: {error}", command.get_program().display()))
    })?;
    let tell = |is_log: bool| {
        let news = news.clone();
        move |text| drop(news.send((Instant::now(), Happening::Line { is_log, text })))
    };
    server::each_line(group.child().stdout.take(), tell(false));
    server::each_line(group.child().stderr.take(), tell(true));
    let stdin = group.child().stdin.take();
    Ok(Target::Command { group, stdin })
}

/// The program that is watched. It is ended when this is dropped.
enum Target {
    Server(server::Server),
    Command { group: Group, stdin: Option<ChildStdin> },
}

impl Target {
    fn pid(&self) -> u32 {
        match self {
            Self::Server(server) => server.pid(),
            Self::Command { group, .. } => group.pid(),
        }
    }

    fn ended(&mut self) -> Option<std::process::ExitStatus> {
        match self {
            Self::Server(server) => server.ended(),
            Self::Command { group, .. } => group.ended(),
        }
    }
}

/// A run while it is on.
struct Watcher<'a> {
    load: &'a Load,
    target: Target,
    mailbox: &'a Mailbox,
    news: News,
    happenings: Receiver<(Instant, Happening)>,
    /// When the mailbox takes the next letter.
    releases: VecDeque<(Instant, usize)>,
    record: Record,
}

impl<'a> Watcher<'a> {
    fn new(
        load: &'a Load,
        target: Target,
        mailbox: &'a Mailbox,
        news: News,
        happenings: Receiver<(Instant, Happening)>,
        zero: Option<Instant>,
    ) -> Self {
        let zero = zero.unwrap_or_else(Instant::now);
        let record = Record {
            zero,
            requests: Vec::new(),
            threads: Vec::new(),
            conversations: Vec::new(),
            lines: Vec::new(),
            messages: Vec::new(),
            marks: Vec::new(),
            end: zero,
            missing: None,
        };
        Self { load, target, mailbox, news, happenings, releases: VecDeque::new(), record }
    }

    /// Does the steps at their times and writes down what happens, until all is over.
    fn watch(&mut self) -> Result<(), Failure> {
        let load = self.load;
        let mut steps = load.steps.iter().peekable();
        let mut over_since = None;
        let mut last_news = Instant::now();
        loop {
            if interrupt::requested() {
                return Err(interrupt::failure());
            }
            let now = Instant::now();
            while let Some(step) = steps.next_if(|step| self.record.zero + step.at <= now) {
                self.act(step);
            }
            while self.releases.front().is_some_and(|(due, _)| *due <= now) {
                self.releases.pop_front().into_iter().for_each(|(_, held)| self.mailbox.release(held));
            }
            let next_step = steps.peek().map(|step| self.record.zero + step.at);
            let due = next_step.into_iter().chain(self.releases.front().map(|(due, _)| *due)).min();
            let wait = due.map_or(LOOK_EVERY, |due| due.saturating_duration_since(now).min(LOOK_EVERY));
            if let Ok((at, happening)) = self.happenings.recv_timeout(wait) {
                last_news = at;
                self.hear(at, happening);
                continue;
            }
            let is_over = next_step.is_none() && self.is_over()?;
            over_since = is_over.then(|| over_since.unwrap_or(now));
            if over_since.is_some_and(|since| since.elapsed() >= AFTERWARDS) {
                return Ok(());
            }
            if last_news.elapsed() > observe::limit::limit() {
                self.record.missing = Some(self.what_is_missing());
                return Ok(());
            }
        }
    }

    /// Whether nothing more is to come.
    fn is_over(&mut self) -> Result<bool, Failure> {
        let ended = self.target.ended();
        if let (Target::Server(_), Some(status)) = (&self.target, ended) {
            let last = self.record.lines.last().map_or("nothing", |line| &line.text);
            let how = server::in_words(status);
            return Err(Failure::work(format!("the server ended too early: {how}; its last line: {last}")));
        }
        let is_server = matches!(self.target, Target::Server(_));
        let answered = self.record.requests.iter().all(|request| request.end.is_some());
        let long_enough = self.record.zero.elapsed() + AFTERWARDS >= self.load.shows;
        Ok((is_server || ended.is_some())
            && answered
            && long_enough
            && !self.a_worker_works()
            && self.mailbox.open_conversations() == 0)
    }

    /// Whether a worker has a message that it has not answered, and lives.
    fn a_worker_works(&self) -> bool {
        let messages = &self.record.messages;
        let answered = |at: usize| {
            messages[at..].iter().any(|later| !later.to_worker && later.worker == messages[at].worker)
        };
        let lives = |pid: u32| process::info(pid).is_some_and(|info| !info.is_zombie());
        messages
            .iter()
            .enumerate()
            .any(|(at, message)| message.to_worker && !answered(at) && lives(message.worker))
    }

    fn what_is_missing(&self) -> String {
        let open = self.record.requests.iter().find(|request| request.end.is_none());
        let what = match (open, &self.target) {
            (Some(request), _) => format!("{} is not answered", request.what),
            (None, _) if self.a_worker_works() => "a worker does not answer its message".into(),
            (None, Target::Server(_)) => "a conversation with the mail server does not end".into(),
            (None, Target::Command { .. }) => "the program does not end".into(),
        };
        format!("{what}, and nothing has happened for {} s", observe::limit::limit().as_secs())
    }

    fn act(&mut self, step: &Step) {
        match &step.act {
            Act::Post(path, body) => {
                let (path, body) = (*path, body.clone());
                self.request(format!("POST {path}"), move |base| http::post(base, path, &body));
            }
            Act::Get(path) => {
                let path = *path;
                self.request(format!("GET {path}"), move |base| http::get(base, path));
            }
            Act::Type(line) => {
                if let Target::Command { stdin: Some(stdin), .. } = &mut self.target {
                    // A program that reads no more has ended, which shows elsewhere.
                    let _ = stdin.write_all(format!("{line}\n").as_bytes());
                }
            }
            Act::EndInput => {
                if let Target::Command { stdin, .. } = &mut self.target {
                    drop(stdin.take());
                    self.mark(None, "stdin ends");
                }
            }
            Act::Kill => {
                let alive = |child: &process::Info| !child.is_zombie();
                if let Some(child) = process::children(self.target.pid()).into_iter().rfind(alive) {
                    process::signal(child.pid, Signal::SIGKILL);
                    self.mark(Some(child.pid), "SIGKILL");
                }
            }
        }
    }

    fn mark(&mut self, pid: Option<u32>, text: &str) {
        self.record.marks.push(Mark { at: Instant::now(), pid, text: text.into() });
    }

    /// Sends a request on a thread of its own. The answer comes as a happening.
    fn request(
        &mut self,
        what: String,
        ask: impl FnOnce(&str) -> Result<http::Answer, String> + Send + 'static,
    ) {
        let Target::Server(server) = &self.target else { return };
        let (base, news, number) = (server.base().to_owned(), self.news.clone(), self.record.requests.len());
        self.record.requests.push(Request { what, begin: Instant::now(), end: None, answer: String::new() });
        thread::spawn(move || {
            let answer = ask(&base);
            drop(news.send((Instant::now(), Happening::Answer(number, answer))));
        });
    }

    fn hear(&mut self, at: Instant, happening: Happening) {
        match happening {
            Happening::Answer(number, answer) => {
                let request = &mut self.record.requests[number];
                request.end = Some(at);
                request.answer = match answer {
                    Ok(answer) => format!("{} {}", answer.status, answer.body),
                    Err(why) => format!("no answer: {why}"),
                };
            }
            Happening::Line { is_log, text } => self.record.lines.push(Line { at, is_log, text }),
            Happening::Message(Passed { worker, to_worker, frame }) => {
                self.record.messages.push(Message { at, worker, to_worker, text: frame });
            }
            Happening::Mail(event) => self.hear_of_mail(at, event),
        }
    }

    fn hear_of_mail(&mut self, at: Instant, event: Event) {
        if let Event::Opened(id) = event {
            self.record.conversations.push(Conversation {
                id,
                opened: at,
                letters: Vec::new(),
                closed: None,
            });
        }
        let (Event::Opened(id)
        | Event::Held(id, ..)
        | Event::Released(id)
        | Event::Refused(id, ..)
        | Event::Misbehaved(id, _)
        | Event::Closed(id)
        | Event::Accepted(observe::mailbox::Letter { conversation: id, .. })) = event;
        let same = |conversation: &&mut Conversation| conversation.id == id;
        let Some(conversation) = self.record.conversations.iter_mut().find(same) else { return };
        match event {
            Event::Held(_, _, to) => {
                conversation.letters.push(Letter { to, held: at, released: None, accepted: false });
                self.releases.push_back((at + PAUSE, id));
            }
            Event::Released(_) => {
                conversation
                    .letters
                    .iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|letter| letter.released = Some(at));
            }
            Event::Accepted(_) => {
                conversation.letters.iter_mut().last().into_iter().for_each(|letter| letter.accepted = true);
            }
            Event::Closed(_) => conversation.closed = Some(at),
            Event::Opened(_) | Event::Refused(..) | Event::Misbehaved(..) => {}
        }
    }
}
