//! `cargo workshop watch`: the spec runs whenever you save.

mod saves;

use crate::failure::Failure;
use crate::lesson::progress::{self, Progress};
use crate::lesson::{self, Lesson};
use crate::run::children;
use crate::run::spec::{Check, Run, Verdict};
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::{Look, bar, paint, print, say};
use crate::verbs::check;
use crate::verbs::diff;
use crate::verbs::hint;
use clap::{ArgMatches, Command};
use saves::Saves;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
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

enum Happening {
    Saved,
    Typed(String),
    Finished(Box<Result<Run, Failure>>),
    Interrupted,
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    let (sender, happenings) = mpsc::channel();
    tell_of_ctrl_c(&sender)?;
    let progress = Progress::load(&root);
    let lesson = match arguments::text(matches, "lesson") {
        Some(wanted) => lesson::one(&root, wanted)?,
        None => check::next(&root, &progress)?,
    };
    tell_of_letters(&sender);
    let saves = saves(&root, &lesson, &sender);
    Watch { root, progress, lesson, sender, saves, green: None, running: None }.stay(&happenings)
}

/// The saves of a lesson from now on.
fn saves(root: &Path, lesson: &Lesson, sender: &Sender<Happening>) -> Saves {
    let sender = sender.clone();
    Saves::of(root, lesson, move || drop(sender.send(Happening::Saved)))
}

fn tell_of_ctrl_c(sender: &Sender<Happening>) -> Result<(), Failure> {
    let sender = sender.clone();
    interrupt::listen(move || drop(sender.send(Happening::Interrupted)))
}

fn tell_of_letters(sender: &Sender<Happening>) {
    let sender = sender.clone();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            drop(sender.send(Happening::Typed(line.trim().to_owned())));
        }
    });
}

struct Watch {
    root: PathBuf,
    progress: Progress,
    lesson: Lesson,
    sender: Sender<Happening>,
    saves: Saves,
    /// The checks that were green when the spec last ran; `None` before its first run.
    green: Option<BTreeSet<String>>,
    running: Option<JoinHandle<()>>,
}

impl Watch {
    fn stay(mut self, happenings: &Receiver<Happening>) -> Result<(), Failure> {
        self.begin(happenings);
        loop {
            match happenings.recv_timeout(self.saves.look_within()) {
                Ok(Happening::Interrupted) => return Ok(()),
                Ok(Happening::Finished(run)) => match *run {
                    Ok(run) => self.tell(&run),
                    // Ctrl-C has ended the run, and is about to be heard of here.
                    Err(_) if interrupt::requested() => return Ok(()),
                    // A Cargo.toml may be half written: the next save brings another verdict.
                    Err(failure) => {
                        self.running = None;
                        say(failure.to_string());
                    }
                },
                Ok(Happening::Typed(letter)) => match letter.as_str() {
                    "q" => {
                        self.abandon(happenings);
                        return Ok(());
                    }
                    "h" => note(hint::show(&self.root, &mut self.progress, &self.lesson, None, false)),
                    "s" => note(diff::show(&self.root, &self.lesson, false)),
                    "n" => match self.lesson.following(&self.root) {
                        Some(next) => {
                            self.abandon(happenings);
                            self.lesson = next;
                            self.saves = saves(&self.root, &self.lesson, &self.sender);
                            self.begin(happenings);
                        }
                        None => say("This is the last lesson."),
                    },
                    _ => say("Type h (hint), s (solution), n (next) or q (quit), and Enter."),
                },
                Ok(Happening::Saved) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if self.saves.look(&self.root, &self.lesson) {
                        self.start(happenings);
                    }
                }
            }
        }
    }

    /// Begins with a lesson.
    fn begin(&mut self, happenings: &Receiver<Happening>) {
        self.green = None;
        say(format!("Watching lessons/{}. Save a file, and the spec runs.", self.lesson.name));
        say("Type h (hint), s (solution), n (next) or q (quit), and Enter.");
        self.start(happenings);
    }

    /// Runs the spec. A run in progress is abandoned: it is about files that are not there any more.
    fn start(&mut self, happenings: &Receiver<Happening>) {
        self.abandon(happenings);
        say(format!("\nRunning the spec of lesson {} …", self.lesson.number()));
        let (root, package, sender) = (self.root.clone(), self.lesson.package(), self.sender.clone());
        self.running = Some(thread::spawn(move || {
            let run = progress::spec(&root, &package).run();
            drop(sender.send(Happening::Finished(Box::new(run))));
        }));
    }

    fn abandon(&mut self, happenings: &Receiver<Happening>) {
        if let Some(running) = self.running.take() {
            // It may be between two commands, or start one just now.
            while !running.is_finished() {
                children::end_all();
                thread::sleep(Duration::from_millis(5));
            }
            // What it had to say is about files that are not there any more. What was typed meanwhile is not.
            let waiting: Vec<Happening> = happenings.try_iter().collect();
            for happening in waiting {
                if !matches!(happening, Happening::Finished(_)) {
                    drop(self.sender.send(happening));
                }
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
            say(format!("  {words}{}", check::in_words(check)));
        }
    }

    /// What changed comes first, then how far it is, then what matters now.
    fn tell(&mut self, run: &Run) {
        self.running = None;
        self.progress.remember(&self.root, &self.lesson, run);
        let checks = if let Verdict::Lacks(_) = run.verdict { Vec::new() } else { run.checks() };
        let passed: BTreeSet<String> =
            checks.iter().filter(|check| check.passed).map(|check| check.name.clone()).collect();
        let (count, of) = (passed.len(), checks.len().max(self.lesson.check_count(&self.root)));
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
                checks.iter().for_each(|check| say(format!("  {}", check::in_words(check))));
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
