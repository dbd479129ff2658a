//! The small load that a lesson's program gets: `load.json` in the solution's folder. It is the same at every run, so
//! pictures can be compared.

use crate::failure::Failure;
use crate::lesson::Lesson;
use crate::verbs::demo::server::mails;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long the mailbox takes for each mail: it stands for a slow mail server.
pub const PAUSE: Duration = Duration::from_millis(250);

/// What a program is given to do.
pub struct Load {
    /// How the program is started.
    pub program: Program,
    /// What the program calls it when it starts a process: `fork`, or `spawn`.
    pub starts: String,
    /// Variables of the environment.
    pub env: Vec<(String, String)>,
    /// What is done to it, in order of time.
    pub steps: Vec<Step>,
    /// How long the picture is at least, so that those of several servers have one scale.
    pub shows: Duration,
    /// What the load is, in words.
    pub words: String,
}

/// How a program is started, and where its worker comes from.
pub enum Program {
    /// A server: it says where it listens. With the argument that makes it a worker, if it has workers.
    Server(Option<String>),
    /// Runs to its end, with these arguments.
    Command(Vec<String>),
    /// Runs to its end and starts itself as a worker with this argument.
    Parent(String),
    /// The worker of another lesson's program: it is forked by this package.
    Worker(String),
}

/// One thing that is done at a certain time.
pub struct Step {
    /// Since the beginning.
    pub at: Duration,
    pub act: Act,
}

/// What is done.
pub enum Act {
    Post(String, String),
    Get(String),
    Type(String),
    EndInput,
    /// Kills the newest child that still runs, with SIGKILL.
    Kill,
}

/// The load of a lesson.
///
/// # Errors
/// When it has none, since its programs need more than is started here, or when the file is not as it should be.
pub fn of(root: &Path, lesson: &Lesson) -> Result<Load, Failure> {
    if lesson.is_warm_up() {
        return Err(Failure::input(
            "the program of the warm-up is done in a moment: there is nothing to draw",
        ));
    }
    let path = lesson.solution(root).join("load.json");
    let Ok(text) = fs::read_to_string(&path) else {
        let number = lesson.number();
        return Err(Failure::input(format!(
            "cannot draw lesson {number}: its programs need more than is started here, such as a broker, nats-server"
        )));
    };
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    parse(&value).ok_or_else(|| {
        Failure::input(format!("{} is not as workshop/src/verbs/timeline/load.rs says", path.display()))
    })
}

fn parse(load: &Value) -> Option<Load> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let args: Vec<String> = load["args"].as_array().into_iter().flatten().filter_map(text).collect();
    let first = args.first().cloned();
    let program = match load["program"].as_str()? {
        "server" => Program::Server(first),
        "command" => Program::Command(args),
        "parent" => Program::Parent(first?),
        "worker" => Program::Worker(first?),
        _ => return None,
    };
    let env = load["env"].as_object().into_iter().flatten();
    let mut posted = 0;
    Some(Load {
        program,
        starts: text(&load["starts"]).unwrap_or_else(|| "fork".into()),
        env: env.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
        steps: load["steps"].as_array()?.iter().map(|it| step(it, &mut posted)).collect::<Option<_>>()?,
        shows: Duration::from_millis(load["shows"].as_u64().unwrap_or(0)),
        words: text(&load["words"])?,
    })
}

/// A step is a time in milliseconds and one act: `post` or `get` a path, `type` a line, `close` stdin, `kill` a child. With
/// `mails`, that many are posted or typed. `posted` counts them, so that each mail of a picture has a number.
fn step(step: &Value, posted: &mut usize) -> Option<Step> {
    let mut mails = || {
        let first = *posted + 1;
        *posted += usize::try_from(step["mails"].as_u64()?).ok()?;
        Some(mails(first..=*posted))
    };
    let (act, on) = step.as_object()?.iter().find(|(name, _)| !["at", "mails"].contains(&name.as_str()))?;
    let act = match (act.as_str(), on.as_str()) {
        ("post", Some(path)) => Act::Post(path.into(), format!(r#"{{"emails":[{}]}}"#, mails()?)),
        ("get", Some(path)) => Act::Get(path.into()),
        ("type", Some("job")) => Act::Type(format!(r#"{{"mails":[{}]}}"#, mails()?)),
        ("type", None) => Act::Type(on.to_string()),
        ("close", Some("stdin")) => Act::EndInput,
        ("kill", Some("child")) => Act::Kill,
        _ => return None,
    };
    Some(Step { at: Duration::from_millis(step["at"].as_u64()?), act })
}
