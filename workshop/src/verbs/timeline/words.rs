//! What a picture says in words: its labels, and the text that stands for it.

use super::load::Program;
use super::record::{Doing, Lane, Letter, Message, Record, Request, Thread, blocked};
use super::svg::cut;
use observe::text::escape;
use serde_json::Value;

/// How long a text may be in words. In the picture it is cut to the room that there is.
const LONGEST: usize = 160;
/// Shorter waits than this are not worth a sentence.
const WORTH_TELLING_MS: f64 = 20.0;

/// A request with what became of it.
pub fn request(request: &Request) -> String {
    match request.took() {
        None => format!("{}: no answer", request.what),
        Some(took) => {
            let status = request.answer.split(' ').next().unwrap_or_default();
            let status = if status == "200" { String::new() } else { format!(" {status},") };
            format!("{}:{status} {} ms", request.what, took.as_millis())
        }
    }
}

/// A letter's mail: the number that its recipient has.
pub fn mail(letter: &Letter) -> String {
    let number = letter.to.split('@').next().and_then(|name| name.rsplit('-').next()).unwrap_or_default();
    format!("mail {number}")
}

/// A message as short as can be: its first field, and of a list only the length.
pub fn message(message: &Message) -> String {
    let text = line(&message.text);
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
    cut(&escape(&text), LONGEST)
}

fn brief(name: &str, value: &Value) -> String {
    match value {
        Value::Array(list) if list.len() == 1 => format!("[1 {}]", name.trim_end_matches('s')),
        Value::Array(list) => format!("[{} {name}]", list.len()),
        Value::String(text) if text.starts_with('<') => format!("\"{}\"", cut(text, 6)),
        other => other.to_string(),
    }
}

/// The name of each thread's lane.
pub fn names(record: &Record, program: Program) -> Vec<String> {
    let is_first = |thread: &&Thread| thread.tid == thread.pid;
    let processes: Vec<&Thread> = record.threads.iter().filter(is_first).collect();
    record.threads.iter().map(|thread| name(thread, record, &processes, program)).collect()
}

fn name(thread: &Thread, record: &Record, processes: &[&Thread], program: Program) -> String {
    let process = process_name(thread.pid, processes, program);
    let siblings: Vec<u32> =
        record.threads.iter().filter(|other| other.pid == thread.pid).map(|other| other.tid).collect();
    let is_root = processes.first().is_some_and(|root| root.pid == thread.pid);
    match siblings.iter().position(|tid| *tid == thread.tid) {
        _ if siblings.len() == 1 && is_root => format!("{process}: its only thread"),
        _ if siblings.len() == 1 => process,
        Some(0) | None => format!("{process}: main thread"),
        Some(number) => format!("{process}: thread {}", number + 1),
    }
}

fn process_name(pid: u32, processes: &[&Thread], program: Program) -> String {
    let Some((root, descendants)) = processes.split_first() else { return String::new() };
    if pid == root.pid {
        return match program {
            Program::Server(_) => "server",
            _ if descendants.is_empty() => "program",
            _ => "parent",
        }
        .into();
    }
    let Some(process) = descendants.iter().find(|process| process.pid == pid) else { return String::new() };
    let siblings: Vec<u32> =
        descendants.iter().filter(|other| other.parent == process.parent).map(|other| other.pid).collect();
    let number = siblings.iter().position(|sibling| *sibling == pid).unwrap_or(0) + 1;
    let number = if siblings.len() > 1 { format!(" {number}") } else { String::new() };
    match program {
        // Anybody's program, so its name tells something.
        Program::Command(_) if process.parent != root.pid => {
            let parent = process_name(process.parent, processes, program);
            let parent = parent.split(':').next().unwrap_or_default();
            format!("child of {parent}: {}", process.name)
        }
        Program::Command(_) if process.name == root.name => format!("child{number}"),
        Program::Command(_) => format!("child{number}: {}", process.name),
        _ => format!("worker{number} (a child process)"),
    }
}

/// The picture in sentences, for whoever does not see it.
pub fn describe(record: &Record, lanes: &[Lane], load: &str) -> Vec<String> {
    let mut told = vec![format!("The load: {load}.")];
    for request in &record.requests {
        let at = record.ms(request.begin);
        told.push(match request.took() {
            Some(took) => {
                let answer = cut(&escape(&request.answer), LONGEST);
                format!(
                    "{} at {at:.0} ms: answered after {} ms with {answer}.",
                    request.what,
                    took.as_millis()
                )
            }
            None => format!("{} at {at:.0} ms: not answered.", request.what),
        });
    }
    for lane in lanes {
        let thread = &record.threads[lane.thread];
        let (first, last) = (&thread.stretches[0], &thread.stretches[thread.stretches.len() - 1]);
        let mut text =
            format!("{}: from {:.0} to {:.0} ms", lane.name, record.ms(first.begin), record.ms(last.end));
        for (from, to, what) in blocked(&thread.stretches, record) {
            if to - from >= WORTH_TELLING_MS {
                text.push_str(&format!(", blocked by {what} from {from:.0} to {to:.0} ms"));
            }
        }
        if thread.stretches.iter().any(|stretch| stretch.doing == Doing::Free) {
            text.push_str(", free for any news in between");
        }
        told.push(text + ".");
    }
    for message in &record.messages {
        let way = if message.to_worker { "to" } else { "from" };
        told.push(format!(
            "Message {way} a worker at {:.0} ms: {}.",
            record.ms(message.at),
            line(&message.text)
        ));
    }
    for mark in &record.marks {
        told.push(format!("{} at {:.0} ms.", mark.text, record.ms(mark.at)));
    }
    for letter in record.conversations.iter().flat_map(|conversation| &conversation.letters) {
        let (came, accepted) = (record.ms(letter.held), letter.accepted.then_some(letter.released).flatten());
        told.push(match accepted {
            Some(at) => format!(
                "Mail server: {} came at {came:.0} ms, accepted at {:.0} ms.",
                mail(letter),
                record.ms(at)
            ),
            None => format!("Mail server: {} came at {came:.0} ms and was not accepted.", mail(letter)),
        });
    }
    for written in &record.lines {
        let whereto = if written.is_log { "Log" } else { "Stdout" };
        told.push(format!("{whereto} at {:.0} ms: {}.", record.ms(written.at), line(&written.text)));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_by_its_length() {
        assert_eq!(
            line(r#"{"mails":[{"a":1},{"b":2}],"reports":true}"#),
            r#"{"mails":[2 mails],"reports":true}"#
        );
        assert_eq!(line(r#"{"started":"<1.0.abcdef@shop>"}"#), r#"{"started":"<1.0.…"}"#);
        assert_eq!(line("Number of mails sent 3"), "Number of mails sent 3");
        assert_eq!(line(&"x".repeat(1000)).chars().count(), LONGEST);
    }
}
