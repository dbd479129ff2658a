//! `cargo workshop` alone: where you are, and what comes next.

use crate::lesson::Lesson;
use crate::progress::{Progress, State};
use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;

/// The map of the lessons: what is done, and what comes next.
///
/// # Errors
/// When the lessons cannot be read.
pub fn map(root: &Path) -> Result<String, String> {
    let progress = Progress::load(root);
    let lessons = progress.states(root)?;
    let next = progress.next(&lessons);
    let (mut done, mut minutes_left) = (0, 0);
    let mut map = "From Blocking to Forked\n\n".to_owned();
    for (lesson, state) in &lessons {
        let minutes = lesson.minutes(root);
        let word = match state {
            _ if state.is_done() => paint("done", GREEN),
            State::Lacks(_) => paint("not checked", RED),
            _ if next.is_some_and(|(next, _)| next == lesson) => paint("next", BOLD),
            _ if lesson.is_warm_up() => paint("warm-up", DIM),
            _ => paint("to do", DIM),
        };
        let time = minutes.map_or_else(String::new, |minutes| format!("{minutes} min"));
        map += &format!("  {:<14} {time:>7}   {word}, {}\n", lesson.name, describe(state));
        if lesson.is_warm_up() {
            continue;
        }
        match state.is_done() {
            true => done += 1,
            false => minutes_left += minutes.unwrap_or(0),
        }
    }
    let verb = if done == 1 { "is" } else { "are" };
    let of = lessons.iter().filter(|(lesson, _)| !lesson.is_warm_up()).count();
    map += &format!("\n{done} of {of} lessons {verb} done.\n");
    match next {
        None => map += "All lessons that are here are done.\n",
        Some((lesson, state)) => {
            map += &format!("About {} of work are left.\n\n", duration(minutes_left));
            map += &what_is_next(root, lesson, state);
        }
    }
    Ok(map)
}

fn what_is_next(root: &Path, lesson: &Lesson, state: &State) -> String {
    let (name, number, title) = (&lesson.name, lesson.number(), lesson.title(root));
    let get = match state {
        State::Lacks(tool) => format!("  get    {tool} (how: cargo workshop doctor)\n"),
        _ => String::new(),
    };
    format!(
        "Next: {title}\n  read   book/src/{name}.md\n  edit   lessons/{name}/src\n{get}  check  cargo workshop check {number}\n  \
         or     cargo workshop watch {number}   (it checks at each save)\n  stuck  cargo workshop hint {number}\n"
    )
}

fn describe(state: &State) -> String {
    match state {
        State::Writing(written) => written.to_string(),
        State::Unchecked => "all steps written, not checked yet".into(),
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

// The numbers of SGR, "Select Graphic Rendition" (ECMA-48). Nothing is said by color alone.
const BOLD: u8 = 1;
const DIM: u8 = 2;
const RED: u8 = 31;
const GREEN: u8 = 32;

/// The text in a color, on a terminal that shows colors to somebody who wants them (`NO_COLOR`).
fn paint(text: &str, color: u8) -> String {
    let wants = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let can = io::stdout().is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb");
    if wants && can { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
}
