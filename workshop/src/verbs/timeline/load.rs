//! The small load that each lesson's program gets. It is the same at every run, so pictures can be compared.

use crate::verbs::demo::server::mails;
use std::time::Duration;

/// How long the mailbox takes for each mail: it stands for a slow mail server.
pub const PAUSE: Duration = Duration::from_millis(250);
/// The shortest picture of a server, so that those of several lessons have one scale.
const SERVER_SHOWS_MS: u64 = 1200;
/// When `GET /health` is asked, in milliseconds after the first request.
const HEALTH_AT_MS: [u64; 3] = [100, 400, 700];
const MAIL_COUNT: usize = 3;

/// What a program is given to do.
pub struct Load {
    /// How the program is started.
    pub program: Program,
    /// Variables of the environment.
    pub env: &'static [(&'static str, &'static str)],
    /// What is done to it, in order of time.
    pub steps: Vec<Step>,
    /// How long the picture is at least.
    pub shows: Duration,
    /// What the load is, in words.
    pub words: String,
}

/// How a program is started, and where its worker comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// A server: it says where it listens. With the argument that makes it a worker, if it has workers.
    Server(Option<&'static str>),
    /// Runs to its end, with these arguments.
    Command(&'static [&'static str]),
    /// Runs to its end and starts itself as a worker with this argument.
    Parent(&'static str),
    /// The worker of another lesson's program: it is forked by this package.
    Worker(&'static str),
}

/// One thing that is done at a certain time.
pub struct Step {
    /// Since the beginning.
    pub at: Duration,
    pub act: Act,
}

/// What is done.
pub enum Act {
    Post(&'static str, String),
    Get(&'static str),
    Type(String),
    EndInput,
    /// Kills the newest child that still runs, with SIGKILL.
    Kill,
}

/// The load of a lesson; `None` for one that cannot be drawn.
pub fn of(number: &str) -> Option<Load> {
    Some(match number {
        "01" => load(
            Program::Command(&[]),
            "a job of 3 mails on stdin",
            [(0, Act::Type(job())), (0, Act::EndInput)],
        ),
        "02" | "03" => server(None, &[0], []),
        "04" => Load { env: &[("SMTP_CONNECTIONS", "4")], ..server(None, &[0], []) },
        "05" => {
            let typed = [
                r#"{"program":"sleep","args":["0.3"]}"#,
                r#"{"program":"sh","args":["-c","sleep 0.3; exit 3"]}"#,
                r#"{"program":"sleep","args":["30"]}"#,
            ]
            .map(|task| (0, Act::Type(task.into())));
            let words = "three tasks on stdin; the third child is killed";
            let then = [(0, Act::EndInput), (900, Act::Kill)];
            load(Program::Command(&[]), words, typed.into_iter().chain(then))
        }
        "06" => load(
            Program::Command(&["10", "3", "5"]),
            "a counter of 10, 3 steps for the parent, 5 for the child; stdin ends after 400 ms",
            [(400, Act::EndInput)],
        ),
        "07" => messages(Program::Parent("worker")),
        "08" => messages(Program::Parent("child")),
        "09" => load(
            Program::Worker("solution-08"),
            "lesson 08's parent forks the worker and sends it a job of 3 mails",
            [(100, Act::Type(job())), (150, Act::EndInput)],
        ),
        "10" => server(Some("send-mail"), &[0], []),
        "11" => {
            let mut load = server(Some("send-mail"), &[0], [(480, Act::Kill), (850, Act::Get("/jobs/1"))]);
            load.words += "; the worker is killed after 480 ms";
            load
        }
        "12" => {
            let mut load = server(Some("send-mail"), &[0, 150], []);
            load.env = &[("WORKERS", "2"), ("BATCH_MAILS", "1"), ("MAX_JOBS_PER_WORKER", "3")];
            load.words += "; a second POST of 3 mails after 150 ms; 2 workers, 1 mail in a batch";
            load
        }
        _ => return None,
    })
}

/// What is done at which millisecond.
fn load(program: Program, words: &str, steps: impl IntoIterator<Item = (u64, Act)>) -> Load {
    let step = |(at, act)| Step { at: Duration::from_millis(at), act };
    let mut steps: Vec<Step> = steps.into_iter().map(step).collect();
    steps.sort_by_key(|step| step.at);
    Load { program, env: &[], steps, shows: Duration::ZERO, words: words.into() }
}

/// All servers get the same list of mails, at these times, and are asked whether they are alive.
fn server<const N: usize>(worker: Option<&'static str>, posts_at: &[u64], more: [(u64, Act); N]) -> Load {
    let body = format!(r#"{{"emails":[{}]}}"#, mails(MAIL_COUNT));
    let posts = posts_at.iter().map(|at| (*at, Act::Post("/endpoint", body.clone())));
    let health = HEALTH_AT_MS.map(|at| (at, Act::Get("/health")));
    let words = "POST /endpoint with 3 mails at 0 ms, GET /health at 100, 400 and 700 ms";
    let load = load(Program::Server(worker), words, posts.chain(health).chain(more));
    Load { shows: Duration::from_millis(SERVER_SHOWS_MS), ..load }
}

fn messages(program: Program) -> Load {
    let hello = [(100, 1), (250, 2), (400, 3)];
    let hello = hello.map(|(at, number)| (at, Act::Type(format!(r#"{{"hello":{number}}}"#))));
    let steps = hello.into_iter().chain([(500, Act::EndInput)]);
    load(program, "a message every 150 ms on stdin, then its end", steps)
}

fn job() -> String {
    format!(r#"{{"mails":[{}]}}"#, mails(MAIL_COUNT))
}
