//! `cargo workshop` alone: where you are, and what comes next.

use crate::failure::Failure;
use crate::lesson::progress::{Progress, State};
use crate::lesson::{self, Lesson};
use crate::run::{interrupt, workspace};
use crate::ui::terminal::{Look, paint, say};
use std::path::Path;

pub fn run() -> Result<(), Failure> {
    let root = workspace::root()?;
    interrupt::listen(|| {})?;
    let mut progress = Progress::load(&root);
    let mut next: Option<(Lesson, State)> = None;
    let (mut done, mut minutes_left) = (0, 0);
    let lessons = lesson::all(&root)?;

    say("From Blocking to Forked\n");
    for lesson in &lessons {
        let state = progress.state(&root, lesson)?;
        let minutes = lesson.minutes(&root);
        let word = match (&state, &next) {
            _ if state.is_done() => paint("done", Look::Good),
            (State::Lacks(_), _) => paint("not checked", Look::Bad),
            (_, None) => paint("next", Look::Strong),
            _ => paint("to do", Look::Quiet),
        };
        if state.is_done() {
            done += 1;
        } else {
            minutes_left += minutes.unwrap_or(0);
            next.get_or_insert_with(|| (lesson.clone(), state.clone()));
        }
        let time = minutes.map_or_else(String::new, |minutes| format!("{minutes} min"));
        say(format!("  {:<14} {time:>7}   {word}, {}", lesson.name, in_words(&state)));
    }
    let verb = if done == 1 { "is" } else { "are" };
    say(format!("\n{done} of {} lessons {verb} done.", lessons.len()));
    match next {
        None => say("All lessons that are here are done."),
        Some((lesson, state)) => {
            say(format!("About {} of work are left.\n", duration(minutes_left)));
            tell_next(&root, &lesson, &state);
        }
    }
    Ok(())
}

fn tell_next(root: &Path, lesson: &Lesson, state: &State) {
    let (name, number) = (&lesson.name, lesson.number());
    say(format!("Next: {}", lesson.title(root)));
    say(format!("  read   book/src/{name}.md"));
    say(format!("  edit   lessons/{name}/src"));
    if let State::Lacks(tool) = state {
        say(format!("  get    {tool} (how: cargo workshop doctor)"));
    }
    say(format!("  check  cargo workshop check {number}"));
    say(format!("  or     cargo workshop watch {number}   (it checks at each save)"));
    say(format!("  stuck  cargo workshop hint {number}"));
}

fn in_words(state: &State) -> String {
    match state {
        State::Writing(written) => written.to_string(),
        State::Red { passed, of } => format!("{passed} of {of} checks pass"),
        State::Green { of } => format!("all {of} checks pass"),
        State::Solution => "the solution is in place".into(),
        State::Lacks(tool) => format!("needs {tool}"),
    }
}

fn duration(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} minutes"),
        (hours, 0) => format!("{hours} hours"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
