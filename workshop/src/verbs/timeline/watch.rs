//! Running a program under its load, and writing down what can be seen from outside.

use super::load::{Act, Load, PAUSE, Program, Step};
use super::record::{Bar, Kind, Lane, Note, Part, Record, Way};
use super::sample::{Sampler, Thread};
use super::tap::{Passed, Tap};
use super::words;
use crate::failure::Failure;
use crate::run::children::Group;
use crate::run::{interrupt, workspace};
use crate::verbs::demo::server;
use nix::sys::signal::Signal;
use observe::http::Answer;
use observe::mailbox::{self, Letter};
use observe::tool::worker;
use observe::{Mailbox, Point, process};
use server::Server;
use std::collections::{BTreeMap, VecDeque};
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

/// What the watcher hears of.
enum Event {
    Mail(mailbox::Event),
    Answer(usize, Result<Answer, String>),
    Line { is_log: bool, text: String },
    Message(Passed),
}

/// Tells the watcher what happens, with its time.
#[derive(Clone)]
struct News(Sender<(Instant, Event)>);

impl News {
    fn tell(&self, event: Event) {
        drop(self.0.send((Instant::now(), event)));
    }

    /// What is to be done with each line that the program writes.
    fn lines(&self, is_log: bool) -> impl Fn(String) + Send + use<> {
        let news = self.clone();
        move |text| news.tell(Event::Line { is_log, text })
    }
}

/// Runs the program under its load. `program` is what was built.
///
/// # Errors
/// When it does not start, does not listen, ends too early, or on Ctrl-C.
pub fn watch(root: &Path, program: &Path, load: &Load) -> Result<Record, Failure> {
    let (sender, events) = mpsc::channel();
    let news = News(sender);
    let mail = news.clone();
    // It keeps each letter for a while before it takes it.
    let mailbox = server::start_mailbox(Point::Accept, move |event| mail.tell(Event::Mail(event)))?;
    let tap = start_tap(&news)?;
    let mut command = command(root, program, load, &tap)?;
    command.env("SMTP_URL", mailbox.url()).envs(load.env.iter().cloned());
    let begin = Instant::now();
    let (mut group, base) = match &load.program {
        Program::Server(_) => {
            let Server { group, base } = Server::launch(&mut command, news.lines(true))?;
            (group, Some(base))
        }
        _ => (start_command(&mut command, &news)?, None),
    };
    let sampler = Sampler::start(group.pid(), mailbox.port());
    let mut watcher = Watcher {
        load,
        // A server's time begins with its first request.
        zero: if base.is_some() { Instant::now() } else { begin },
        stdin: group.child().stdin.take(),
        group,
        base,
        mailbox: &mailbox,
        news,
        releases: VecDeque::new(),
        clients: Lane::new("clients"),
        input: Lane::new("stdin"),
        of_process: Vec::new(),
        stdout: Lane::new("stdout"),
        log: Lane::new("log (stderr)"),
        conversations: BTreeMap::new(),
    };
    let missing = watcher.watch(&events)?;
    let end = Instant::now();
    Ok(watcher.record(end, sampler.finish(), missing))
}

fn start_tap(news: &News) -> Result<Tap, Failure> {
    let news = news.clone();
    Tap::start(move |passed| news.tell(Event::Message(passed)))
        .map_err(|error| Failure::work(format!("cannot listen for workers: {error}")))
}

/// The command line, with a tap where there is a worker.
fn command(root: &Path, program: &Path, load: &Load, tap: &Tap) -> Result<Command, Failure> {
    let tapped = |worker: &Path, role: Option<&str>| {
        tap.command(worker, role).map_err(|error| Failure::work(format!("cannot find this program: {error}")))
    };
    let mut command = Command::new(program);
    match &load.program {
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

fn start_command(command: &mut Command, news: &News) -> Result<Group, Failure> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(command).map_err(|error| {
        Failure::work(format!("cannot start {}: {error}", command.get_program().display()))
    })?;
    server::each_line(group.child().stdout.take(), news.lines(false));
    server::each_line(group.child().stderr.take(), news.lines(true));
    Ok(group)
}

/// A run while it is on. The program is ended when this is dropped.
struct Watcher<'a> {
    load: &'a Load,
    zero: Instant,
    group: Group,
    /// Where a server listens.
    base: Option<String>,
    stdin: Option<ChildStdin>,
    mailbox: &'a Mailbox,
    news: News,
    /// When the mailbox takes the next letter.
    releases: VecDeque<(Instant, usize)>,
    clients: Lane,
    input: Lane,
    /// Messages that a process gets or sends, and what is done to it.
    of_process: Vec<(u32, Note)>,
    stdout: Lane,
    log: Lane,
    conversations: BTreeMap<usize, Bar>,
}

impl Watcher<'_> {
    /// Does the steps at their times and writes down what happens, until all is over. Says what did not come.
    fn watch(&mut self, events: &Receiver<(Instant, Event)>) -> Result<Option<String>, Failure> {
        let load = self.load;
        let mut steps = load.steps.iter().peekable();
        let mut over_since = None;
        let mut last_news = Instant::now();
        loop {
            if interrupt::requested() {
                return Err(interrupt::failure());
            }
            let now = Instant::now();
            while let Some(step) = steps.next_if(|step| self.zero + step.at <= now) {
                self.act(step);
            }
            while let Some((_, held)) = self.releases.front().copied().filter(|(due, _)| *due <= now) {
                self.releases.pop_front();
                self.mailbox.release(held);
            }
            let next_step = steps.peek().map(|step| self.zero + step.at);
            let due = next_step.into_iter().chain(self.releases.front().map(|(due, _)| *due)).min();
            let wait = due.map_or(LOOK_EVERY, |due| due.saturating_duration_since(now).min(LOOK_EVERY));
            if let Ok((at, event)) = events.recv_timeout(wait) {
                last_news = at;
                self.hear(at, event);
                continue;
            }
            let is_over = next_step.is_none() && self.is_over()?;
            over_since = is_over.then(|| over_since.unwrap_or(now));
            if over_since.is_some_and(|since| since.elapsed() >= AFTERWARDS) {
                return Ok(None);
            }
            if last_news.elapsed() > observe::limit::limit() {
                return Ok(Some(self.what_is_missing()));
            }
        }
    }

    /// Whether nothing more is to come.
    fn is_over(&mut self) -> Result<bool, Failure> {
        let ended = self.group.ended();
        let is_server = self.base.is_some();
        if let Some(status) = ended.filter(|_| is_server) {
            let last = self.log.notes.last().map_or("nothing", |line| &line.text);
            let how = server::describe(status);
            return Err(Failure::work(format!("the server ended too early: {how}; its last line: {last}")));
        }
        Ok((is_server || ended.is_some())
            && self.unanswered().is_none()
            && self.zero.elapsed() + AFTERWARDS >= self.load.shows
            && self.mailbox.open_conversations() == 0)
    }

    /// A request that has no answer yet.
    fn unanswered(&self) -> Option<&Part> {
        self.clients.bars.iter().flat_map(|bar| &bar.parts).find(|part| part.more.is_empty())
    }

    fn what_is_missing(&self) -> String {
        let what = match self.unanswered() {
            Some(request) => format!("{} is not answered", request.short),
            None if self.base.is_some() => "a conversation with the mail server does not end".into(),
            None => "the program does not end".into(),
        };
        format!("{what}, and nothing has happened for {} s", observe::limit::limit().as_secs())
    }

    fn act(&mut self, step: &Step) {
        let note = |text: &str| Note { at: Instant::now(), text: text.into(), way: Way::Here };
        match &step.act {
            Act::Post(path, body) => self.request("POST", path, body.clone()),
            Act::Get(path) => self.request("GET", path, String::new()),
            Act::Type(line) => {
                if let Some(stdin) = &mut self.stdin {
                    // A program that reads no more has ended, which shows elsewhere.
                    let _ = stdin.write_all(format!("{line}\n").as_bytes());
                }
            }
            Act::EndInput => {
                drop(self.stdin.take());
                self.input.notes.push(note("stdin ends"));
            }
            Act::Kill => {
                let alive = |child: &process::Info| !child.is_zombie();
                if let Some(child) = process::children(self.group.pid()).into_iter().rfind(alive) {
                    process::signal(child.pid, Signal::SIGKILL);
                    self.of_process.push((child.pid, note("SIGKILL")));
                }
            }
        }
    }

    /// Sends a request on a thread of its own. The answer comes as a event.
    fn request(&mut self, method: &'static str, path: &str, body: String) {
        let Some(base) = self.base.clone() else { return };
        let (news, number, now) = (self.news.clone(), self.clients.bars.len(), Instant::now());
        let (part, path) = (Part::new(now, Kind::Waits, format!("{method} {path}")), path.to_owned());
        self.clients.bars.push(Bar { begin: now, end: now, parts: vec![part] });
        thread::spawn(move || news.tell(Event::Answer(number, server::ask(&base, method, &path, &body))));
    }

    fn hear(&mut self, at: Instant, event: Event) {
        match event {
            Event::Answer(number, answer) => {
                let bar = &mut self.clients.bars[number];
                let request = &mut bar.parts[0];
                (bar.end, request.end) = (at, at);
                let took = (at - bar.begin).as_millis();
                let (status, words) = match answer {
                    Ok(answer) if answer.status == 200 => (String::new(), answer.body),
                    Ok(answer) => (format!(" {},", answer.status), answer.body),
                    Err(why) => (" no answer,".into(), why),
                };
                request.short += &format!(":{status} {took} ms");
                request.more = format!(", {}", words::short(&words));
            }
            Event::Line { is_log, text } => {
                let lane = if is_log { &mut self.log } else { &mut self.stdout };
                lane.notes.push(Note { at, text: words::line(&text), way: Way::Here });
            }
            Event::Message(Passed { worker, to_worker, frame }) => {
                let way = if to_worker { Way::Down } else { Way::Up };
                self.of_process.push((worker, Note { at, text: words::message(&frame), way }));
            }
            Event::Mail(mailbox::Event::Opened(id)) => {
                self.conversations.insert(id, Bar { begin: at, end: at, parts: Vec::new() });
            }
            Event::Mail(event) => self.hear_of_mail(at, event),
        }
    }

    fn hear_of_mail(&mut self, at: Instant, event: mailbox::Event) {
        let (mailbox::Event::Held(id, ..)
        | mailbox::Event::Released(id)
        | mailbox::Event::Closed(id)
        | mailbox::Event::Accepted(Letter { conversation: id, .. })) = event
        else {
            return;
        };
        let Some(bar) = self.conversations.get_mut(&id) else { return };
        match (event, bar.parts.last_mut()) {
            (mailbox::Event::Held(_, _, to), _) => {
                let letter = Part::new(at, Kind::Thinks, words::mail(&to));
                bar.parts.push(Part { more: ", not accepted".into(), ..letter });
                self.releases.push_back((at + PAUSE, id));
            }
            (mailbox::Event::Released(_), Some(letter)) => letter.end = at,
            (mailbox::Event::Accepted(_), Some(letter)) => letter.more.clear(),
            (mailbox::Event::Closed(_), _) => bar.end = at,
            _ => {}
        }
    }

    /// All that was seen.
    fn record(self, end: Instant, threads: Vec<Thread>, missing: Option<String>) -> Record {
        let mut mails = Lane::new("mail server");
        mails.bars = self.conversations.into_values().collect();
        let mut clients = self.clients;
        for bar in clients.bars.iter_mut().chain(&mut mails.bars) {
            // What has not ended lasts to the end of the picture.
            bar.end = if bar.end == bar.begin { end } else { bar.end };
            bar.parts.iter_mut().filter(|part| part.end == part.begin).for_each(|part| part.end = bar.end);
        }
        let mut lanes = vec![clients, self.input];
        lanes.extend(lanes_of(threads, self.of_process, self.load));
        lanes.extend([self.stdout, self.log, mails]);
        lanes.retain(|lane| !lane.bars.is_empty() || !lane.notes.is_empty());
        Record { zero: self.zero, end, lanes, missing }
    }
}

/// The lanes of threads. All threads of a process stand together, in the order in which the processes came.
fn lanes_of(mut threads: Vec<Thread>, mut notes: Vec<(u32, Note)>, load: &Load) -> Vec<Lane> {
    let mut pids: Vec<u32> = threads.iter().map(|thread| thread.pid).collect();
    pids.dedup();
    threads.sort_by_key(|thread| pids.iter().position(|pid| *pid == thread.pid));
    let names: Vec<String> =
        threads.iter().map(|thread| words::name(thread, &threads, &load.program)).collect();
    let lane = |(thread, name): (Thread, String)| {
        let is_process = thread.tid == thread.pid;
        let (begin, end) = (thread.parts[0].begin, thread.parts[thread.parts.len() - 1].end);
        let starts = if is_process { load.starts.as_str() } else { "starts" };
        let is_known = !is_process || pids.contains(&thread.parent);
        let start = is_known.then(|| Note { at: begin, text: starts.into(), way: Way::Down });
        let of_it = notes.extract_if(.., |(pid, _)| is_process && *pid == thread.pid);
        Lane {
            name,
            thread: Some((thread.tid, if is_process { thread.parent } else { thread.pid })),
            notes: start.into_iter().chain(of_it.map(|(_, note)| note)).collect(),
            bars: vec![Bar { begin, end, parts: thread.parts }],
        }
    };
    threads.into_iter().zip(names).map(lane).collect()
}
