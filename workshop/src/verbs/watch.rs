//! `cargo workshop watch`: the spec runs whenever you save.

mod saves;

use crate::failure::Failure;
use crate::lesson::{Lesson, progress};
use crate::run::children;
use crate::run::spec::{self, Check, Run, Verdict};
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::{Look, bar, paint, print, say};
use crate::verbs::check;
use crate::verbs::diff;
use crate::verbs::hint;
use clap::{ArgMatches, Command};
use course::Progress;
use saves::{LOOK_EVERY, Saves};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "watch",
        "Runs the spec of a lesson whenever you save",
        "Examples:\n  cargo workshop watch\n  cargo workshop watch 02\n\n\
         While it runs, type a letter and Enter: h hint, s the solution beside yours, n next lesson, q quit.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: the first that is not done)"))
}

enum Event {
    Typed(String),
    /// The run with this number has finished.
    Finished(usize, Box<Result<Run, Failure>>),
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    interrupt::listen()?;
    let progress = Progress::load(&root);
    let lesson = check::named_or_next(&root, &progress, matches)?;
    let (sender, events) = mpsc::channel();
    tell_of_letters(sender.clone());
    let saves = Saves::of(&root, &lesson);
    Watch { root, progress, lesson, sender, saves, green: None, runs: 0, running: None }.stay(&events)
}

fn tell_of_letters(sender: Sender<Event>) {
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            drop(sender.send(Event::Typed(line.trim().to_owned())));
        }
    });
}

struct Watch {
    root: PathBuf,
    progress: Progress,
    lesson: Lesson,
    sender: Sender<Event>,
    saves: Saves,
    /// The checks that were green when the spec last ran; `None` before its first run.
    green: Option<BTreeSet<String>>,
    /// How often the spec was started.
    runs: usize,
    running: Option<JoinHandle<()>>,
}

impl Watch {
    fn stay(mut self, events: &Receiver<Event>) -> Result<(), Failure> {
        self.begin();
        while !interrupt::requested() {
            match events.recv_timeout(LOOK_EVERY) {
                Ok(Event::Finished(number, run)) if number == self.runs && self.running.is_some() => {
                    self.running = None;
                    match *run {
                        Ok(run) => self.tell(&run),
                        // Ctrl-C has ended the run.
                        Err(_) if interrupt::requested() => {}
                        // A Cargo.toml may be half written: the next save brings another verdict.
                        Err(failure) => say(failure.to_string()),
                    }
                }
                // It is about files that are not there any more.
                Ok(Event::Finished(..)) => {}
                Ok(Event::Typed(letter)) => match letter.as_str() {
                    "q" => break,
                    "h" => note(hint::show(&self.root, &mut self.progress, &self.lesson, None, false)),
                    "s" => note(diff::show(&self.root, &self.lesson)),
                    "n" => match self.lesson.following(&self.root) {
                        Some(next) => {
                            self.lesson = next;
                            self.saves = Saves::of(&self.root, &self.lesson);
                            self.begin();
                        }
                        None => say("This is the last lesson."),
                    },
                    _ => say("Type h (hint), s (solution), n (next) or q (quit), and Enter."),
                },
                Err(_) => {
                    if self.saves.look(&self.root, &self.lesson) {
                        self.start();
                    }
                }
            }
        }
        self.abandon();
        Ok(())
    }

    /// Begins with a lesson.
    fn begin(&mut self) {
        self.green = None;
        self.abandon();
        say(format!("Watching lessons/{}. Save a file, and the spec runs.", self.lesson.name));
        say("Type h (hint), s (solution), n (next) or q (quit), and Enter.");
        self.start();
    }

    /// Runs the spec. A run in progress is abandoned.
    fn start(&mut self) {
        self.abandon();
        say(format!("\nRunning the spec of lesson {} …", self.lesson.number()));
        self.runs += 1;
        let number = self.runs;
        let (root, package, sender) = (self.root.clone(), self.lesson.package(), self.sender.clone());
        self.running = Some(thread::spawn(move || {
            let run = spec::run(&root, &package);
            drop(sender.send(Event::Finished(number, Box::new(run))));
        }));
    }

    fn abandon(&mut self) {
        if let Some(running) = self.running.take() {
            // It may be between two commands, or start one just now.
            while !running.is_finished() {
                children::end_all();
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Says which checks pass or fail that did not do so when the spec last ran.
    fn tell_changes(&self, checks: &[Check]) {
        let Some(green) = &self.green else { return };
        for check in checks {
            let words = match (green.contains(&check.name), check.passed) {
                (false, true) => format!("{}  ", paint("now passes", Look::Good)),
                (true, false) => format!("{}   ", paint("now fails", Look::Bad)),
                _ => continue,
            };
            say(format!("  {words}{}", check::describe(check)));
        }
    }

    /// What changed comes first, then how far it is, then what matters now.
    fn tell(&mut self, run: &Run) {
        progress::remember(&mut self.progress, &self.root, &self.lesson, run);
        let checks = if let Verdict::Lacks(_) = run.verdict { Vec::new() } else { run.checks() };
        let passed: BTreeSet<String> =
            checks.iter().filter(|check| check.passed).map(|check| check.name.clone()).collect();
        let (count, of) = (passed.len(), checks.len().max(self.lesson.check_names(&self.root).len()));
        // A program that does not compile says nothing about the checks.
        if !checks.is_empty() {
            self.tell_changes(&checks);
            self.green = Some(passed);
        }
        say(format!("[{}] {count} of {of} checks pass", bar(count, of, 20)));
        match run.verdict {
            Verdict::DoesNotCompile => print(run.build_output.trim_end()),
            Verdict::Hangs => say("The spec did not end. It was stopped."),
            Verdict::Red => check::tell_where_to_begin(&self.root, &self.lesson, run),
            Verdict::Lacks(tool) => say(check::lacking(tool)),
            Verdict::Green => {
                say(format!("Lesson {} is done. Proven:", self.lesson.number()));
                checks.iter().for_each(|check| say(format!("  {}", check::describe(check))));
                match self.lesson.following(&self.root) {
                    Some(next) => say(format!("Next: {}. Type n and Enter for it,", next.title(&self.root))),
                    None => say("That was the last lesson. Type q and Enter to end,"),
                }
                say("or s and Enter to compare with the solution.");
            }
        }
    }
}

/// A hint or a comparison that cannot be shown does not end the watch.
fn note(result: Result<(), Failure>) {
    if let Err(failure) = result {
        say(failure.to_string());
    }
}
