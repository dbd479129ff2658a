//! `cargo workshop watch`: the spec runs whenever you save.

use crate::arguments;
use crate::children;
use crate::diff;
use crate::failure::Failure;
use crate::hint;
use crate::lesson::{self, Lesson};
use crate::progress::{self, Progress, fingerprint};
use crate::spec::{Run, Verdict};
use crate::terminal::{Look, bar, paint, say};
use crate::{check, interrupt, workspace};
use clap::{ArgMatches, Command};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often the dates of the files are looked at. That is a few system calls, and unlike the system's notices it
/// works in containers and on network drives too.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the command line can say.
pub fn command() -> Command {
    arguments::verb(
        "watch",
        "Runs the spec of a lesson whenever you save",
        "Examples:\n  cargo workshop watch\n  cargo workshop watch 02\n\n\
         While it runs, type a letter and Enter: h hint, s the solution beside yours,\n\
         n next lesson, q quit.",
    )
    .arg(arguments::lesson("The lesson, such as 02 (without it: the first that is not done)"))
}

enum Happening {
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
    let saves = Saves::of(&root, &lesson);
    Watch { root, progress, lesson, sender, saves, green: BTreeSet::new(), running: None }.stay(&happenings)
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
    /// The checks that were green the last time.
    green: BTreeSet<String>,
    running: Option<JoinHandle<()>>,
}

impl Watch {
    fn stay(mut self, happenings: &Receiver<Happening>) -> Result<(), Failure> {
        self.begin(happenings);
        loop {
            match happenings.recv_timeout(LOOK_EVERY) {
                Ok(Happening::Interrupted) => return Ok(()),
                Ok(Happening::Finished(run)) => self.tell(&(*run)?),
                Ok(Happening::Typed(letter)) => match letter.as_str() {
                    "q" => {
                        self.abandon(happenings);
                        return Ok(());
                    }
                    "h" => note(hint::show(&self.root, &mut self.progress, &self.lesson, None)),
                    "s" => note(diff::show(&self.root, &self.lesson, false)),
                    "n" => match self.lesson.following(&self.root) {
                        Some(next) => {
                            self.abandon(happenings);
                            self.lesson = next;
                            self.begin(happenings);
                        }
                        None => say("This is the last lesson."),
                    },
                    _ => say("Type h (hint), s (solution), n (next) or q (quit), and Enter."),
                },
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if self.saves.look(&self.root, &self.lesson) {
                        self.start(happenings);
                    }
                }
            }
        }
    }

    /// Begins with a lesson.
    fn begin(&mut self, happenings: &Receiver<Happening>) {
        self.green.clear();
        say(format!("Watching lessons/{}. Save a file, and the spec runs.", self.lesson.name));
        say("Type h (hint), s (solution), n (next) or q (quit), and Enter.");
        self.saves = Saves::of(&self.root, &self.lesson);
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

    /// What changed comes first, then how far it is, then what matters now.
    fn tell(&mut self, run: &Run) {
        self.running = None;
        self.progress.remember(&self.root, &self.lesson, run);
        let checks = run.checks();
        for check in &checks {
            let was_green = self.green.contains(&check.name);
            match (was_green, check.passed) {
                (false, true) => {
                    say(format!("  {}  {}", paint("now passes", Look::Good), check::in_words(check)))
                }
                (true, false) => {
                    say(format!("  {}   {}", paint("now fails", Look::Bad), check::in_words(check)))
                }
                _ => {}
            }
        }
        self.green = checks.iter().filter(|check| check.passed).map(|check| check.name.clone()).collect();
        let (passed, of) = (self.green.len(), checks.len().max(self.lesson.check_count(&self.root)));
        say(format!("[{}] {passed} of {of} checks pass", bar(passed, of, 20)));
        match run.verdict {
            Verdict::DoesNotCompile => say(run.build_output.trim_end()),
            Verdict::Hangs => say("The spec did not end. It was stopped."),
            Verdict::Red => {
                if let Some(first) = checks.iter().find(|check| !check.passed) {
                    say(run.report(&first.name).trim_end());
                }
            }
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

/// What is known of a lesson's files.
struct Saves {
    /// Their dates, when they were looked at last.
    stamp: u64,
    /// Whether the dates have changed, and the bytes were not read since.
    changing: bool,
    /// Their bytes, as they were run.
    run: u64,
}

impl Saves {
    fn of(root: &Path, lesson: &Lesson) -> Self {
        Self { stamp: progress::stamp(root, lesson), changing: false, run: fingerprint(root, lesson) }
    }

    /// Whether the files are others than those that were run. An editor may write several times, or empty a file
    /// before it writes: the bytes count when two looks in a row find the same dates.
    fn look(&mut self, root: &Path, lesson: &Lesson) -> bool {
        let stamp = progress::stamp(root, lesson);
        if stamp != self.stamp {
            self.stamp = stamp;
            self.changing = true;
            return false;
        }
        if !self.changing {
            return false;
        }
        self.changing = false;
        let bytes = fingerprint(root, lesson);
        std::mem::replace(&mut self.run, bytes) != bytes
    }
}

/// A hint or a comparison that cannot be shown does not end the watch.
fn note(result: Result<(), Failure>) {
    if let Err(failure) = result {
        say(failure.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, process};

    #[test]
    fn several_writes_are_one_change_and_the_same_bytes_are_none() {
        let root = env::temp_dir().join(format!("workshop-saves-{}", process::id()));
        let lesson = Lesson { name: "01-one".into() };
        let main = lesson.folder(&root).join("src/main.rs");
        fs::create_dir_all(main.parent().unwrap()).unwrap();
        fs::write(&main, "old").unwrap();
        let mut saves = Saves::of(&root, &lesson);
        assert!(!saves.look(&root, &lesson));

        // As an editor does it that empties the file first; and one that puts a new file in its place.
        fs::write(&main, "").unwrap();
        assert!(!saves.look(&root, &lesson));
        fs::write(main.with_extension("new"), "new").unwrap();
        fs::rename(main.with_extension("new"), &main).unwrap();
        assert!(!saves.look(&root, &lesson), "it may be written to still");
        assert!(saves.look(&root, &lesson));
        assert!(!saves.look(&root, &lesson), "it was told already");

        fs::write(main.with_extension("new"), "new").unwrap();
        fs::rename(main.with_extension("new"), &main).unwrap();
        assert!(!saves.look(&root, &lesson));
        assert!(!saves.look(&root, &lesson), "these bytes were run");
        fs::remove_dir_all(root).unwrap();
    }
}
