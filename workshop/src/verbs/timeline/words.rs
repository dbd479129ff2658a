//! What a picture says in words: its labels, and the text that stands for it.

use super::load::Program;
use super::record::{Kind, Record, Way};
use super::sample::Thread;
use super::svg::cut;
use observe::text::escape;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a text may be in words. In the picture it is cut to the room that there is.
const LONGEST: usize = 160;
/// Shorter waits than this are not worth a sentence.
const WORTH_TELLING: Duration = Duration::from_millis(20);

/// A letter's mail: the number that its recipient has.
pub fn mail(to: &str) -> String {
    let number = to.split('@').next().and_then(|name| name.rsplit('-').next()).unwrap_or_default();
    format!("mail {number}")
}

/// A message as short as can be: its first field, and of a list only the length.
pub fn message(text: &str) -> String {
    let text = line(text);
    match text.split_once(",\"") {
        Some((first, _)) if first.starts_with('{') => format!("{first},…}}"),
        _ => text,
    }
}

/// A line that a program wrote, short. Numbers that differ from run to run say nothing in a picture.
pub fn line(text: &str) -> String {
    let text = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(fields)) => {
            let tells = |(name, value): &(&String, &Value)| {
                !["pid", "parent", "address"].contains(&name.as_str())
                    && **value != Value::String(String::new())
            };
            let field = |(name, value): (&String, &Value)| format!("\"{name}\":{}", brief(name, value));
            let fields: Vec<String> = fields.iter().filter(tells).map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        _ => text.to_owned(),
    };
    short(&text)
}

/// The text on one line, cut where it is too long.
pub fn short(text: &str) -> String {
    cut(&escape(text), LONGEST)
}

fn brief(name: &str, value: &Value) -> String {
    match value {
        Value::Array(list) if list.len() == 1 => format!("[1 {}]", name.trim_end_matches('s')),
        Value::Array(list) => format!("[{} {name}]", list.len()),
        Value::String(text) if text.starts_with('<') => format!("\"{}\"", cut(text, 6)),
        other => other.to_string(),
    }
}

/// The name of a thread's lane, among all threads.
pub fn name(thread: &Thread, all: &[Thread], program: &Program) -> String {
    let process = process_name(thread, all, program);
    let siblings: Vec<u32> =
        all.iter().filter(|other| other.pid == thread.pid).map(|other| other.tid).collect();
    match siblings.iter().position(|tid| *tid == thread.tid) {
        _ if siblings.len() == 1 && thread.pid == all[0].pid => format!("{process}: its only thread"),
        _ if siblings.len() == 1 => process,
        Some(0) | None => format!("{process}: main thread"),
        Some(number) => format!("{process}: thread {}", number + 1),
    }
}

/// The program itself comes first. All other processes descend from it.
fn process_name(thread: &Thread, all: &[Thread], program: &Program) -> String {
    let root = &all[0];
    if thread.pid == root.pid {
        let is_alone = all.iter().all(|other| other.pid == root.pid);
        return match program {
            Program::Server(_) => "server".into(),
            _ if is_alone => "program".into(),
            _ => "parent".into(),
        };
    }
    let is_sibling = |other: &&Thread| other.parent == thread.parent && other.tid == other.pid;
    let siblings: Vec<u32> = all.iter().filter(is_sibling).map(|other| other.pid).collect();
    let number = match siblings.iter().position(|pid| *pid == thread.pid) {
        Some(place) if siblings.len() > 1 => format!(" {}", place + 1),
        _ => String::new(),
    };
    match program {
        // Anybody's program, so its name tells something.
        Program::Command(_) if thread.parent != root.pid => {
            let parent = all.iter().find(|other| other.pid == thread.parent);
            let parent = parent.map(|parent| process_name(parent, all, program)).unwrap_or_default();
            format!("child of {}: {}", parent.split(':').next().unwrap_or_default(), thread.name)
        }
        Program::Command(_) if thread.name == root.name => format!("child{number}"),
        Program::Command(_) => format!("child{number}: {}", thread.name),
        _ => format!("worker{number} (a child process)"),
    }
}

/// The picture in sentences, for those who don't see it.
pub fn describe(record: &Record, load: &str) -> Vec<String> {
    let span = |begin: Instant, end: Instant| format!("{:.0} to {:.0} ms", record.ms(begin), record.ms(end));
    let mut told = vec![format!("The load: {load}.")];
    for lane in &record.lanes {
        for bar in &lane.bars {
            let mut text = format!("{}, {}", lane.name, span(bar.begin, bar.end));
            for (begin, end, part) in bar.labels() {
                if (begin, end) == (bar.begin, bar.end) {
                    text += &format!(": {}", part.text());
                } else if end - begin >= WORTH_TELLING {
                    text += &format!("; {} from {}", part.text(), span(begin, end));
                }
            }
            if bar.parts.iter().any(|part| part.kind == Kind::Free) {
                text += "; free for any event in between";
            }
            told.push(text + ".");
        }
        // That a thread starts is told by its bar.
        let starts = |at: Instant| lane.bars.first().is_some_and(|bar| bar.begin == at);
        for note in lane.notes.iter().filter(|note| !starts(note.at)) {
            let gets = match note.way {
                Way::Down => "gets ",
                Way::Up => "sends ",
                Way::Here => "",
            };
            told.push(format!("{} at {:.0} ms: {gets}{}.", lane.name, record.ms(note.at), note.text));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_by_its_length() {
        let told = line(r#"{"mails":[{"a":1},{"b":2}],"reports":true}"#);
        assert_eq!(told, r#"{"mails":[2 mails],"reports":true}"#);
        assert_eq!(line(r#"{"started":"<1.0.abcdef@shop>"}"#), r#"{"started":"<1.0.…"}"#);
        assert_eq!(line("Number of mails sent 3"), "Number of mails sent 3");
        assert_eq!(line(&"x".repeat(1000)).chars().count(), LONGEST);
    }
}
