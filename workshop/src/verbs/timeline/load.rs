//! The small load that each lesson's program gets. It is the same at every run, so pictures can be compared.

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
    let load = match number {
        "01" => command(&[], vec![typed(0, job()), step(0, Act::EndInput)], 0, "a job of 3 mails on stdin"),
        "02" | "03" => server(None, &[], posts(&[0])),
        "04" => server(None, &[("SMTP_CONNECTIONS", "4")], posts(&[0])),
        "05" => command(&[], tasks(), 0, "three tasks on stdin; the third child is killed"),
        "06" => command(
            &["10", "3", "5"],
            vec![step(400, Act::EndInput)],
            0,
            "a counter of 10, 3 steps for the parent, 5 for the child; stdin ends after 400 ms",
        ),
        "07" => messages(Program::Parent("worker")),
        "08" => messages(Program::Parent("child")),
        "09" => Load {
            program: Program::Worker("solution-08"),
            env: &[],
            steps: vec![typed(100, job()), step(150, Act::EndInput)],
            shows: Duration::ZERO,
            words: "lesson 08's parent forks the worker and sends it a job of 3 mails".into(),
        },
        "10" => server(Some("send-mail"), &[], posts(&[0])),
        "11" => {
            let mut steps = posts(&[0]);
            steps.push(step(480, Act::Kill));
            steps.push(step(850, Act::Get("/jobs/1")));
            steps.sort_by_key(|step| step.at);
            let mut load = server(Some("send-mail"), &[], steps);
            load.words.push_str("; the worker is killed after 480 ms");
            load
        }
        "12" => {
            let env = &[("WORKERS", "2"), ("BATCH_MAILS", "1"), ("MAX_JOBS_PER_WORKER", "3")];
            let mut load = server(Some("send-mail"), env, posts(&[0, 150]));
            load.words.push_str("; a second POST of 3 mails after 150 ms; 2 workers, 1 mail in a batch");
            load
        }
        _ => return None,
    };
    Some(load)
}

fn step(at_ms: u64, act: Act) -> Step {
    Step { at: Duration::from_millis(at_ms), act }
}

fn typed(at_ms: u64, line: String) -> Step {
    step(at_ms, Act::Type(line))
}

fn command(args: &'static [&'static str], steps: Vec<Step>, shows_ms: u64, words: &str) -> Load {
    let shows = Duration::from_millis(shows_ms);
    Load { program: Program::Command(args), env: &[], steps, shows, words: words.into() }
}

fn server(
    worker: Option<&'static str>,
    env: &'static [(&'static str, &'static str)],
    steps: Vec<Step>,
) -> Load {
    Load {
        program: Program::Server(worker),
        env,
        steps,
        shows: Duration::from_millis(SERVER_SHOWS_MS),
        words: "POST /endpoint with 3 mails at 0 ms, GET /health at 100, 400 and 700 ms".into(),
    }
}

/// The requests of all servers: the same list of mails at these times, and the question whether it is alive.
fn posts(at_ms: &[u64]) -> Vec<Step> {
    let body = format!(r#"{{"emails":[{}]}}"#, mails());
    let post = |at: &u64| step(*at, Act::Post("/endpoint", body.clone()));
    let mut steps: Vec<Step> = at_ms.iter().map(post).collect();
    steps.extend(HEALTH_AT_MS.map(|at| step(at, Act::Get("/health"))));
    steps.sort_by_key(|step| step.at);
    steps
}

fn messages(program: Program) -> Load {
    let steps = vec![
        typed(100, r#"{"hello":1}"#.into()),
        typed(250, r#"{"hello":2}"#.into()),
        typed(400, r#"{"hello":3}"#.into()),
        step(500, Act::EndInput),
    ];
    let words = "a message every 150 ms on stdin, then its end".into();
    Load { program, env: &[], steps, shows: Duration::ZERO, words }
}

fn tasks() -> Vec<Step> {
    let tasks = [
        r#"{"program":"sleep","args":["0.3"]}"#,
        r#"{"program":"sh","args":["-c","sleep 0.3; exit 3"]}"#,
        r#"{"program":"sleep","args":["30"]}"#,
    ];
    let mut steps: Vec<Step> = tasks.map(|task| typed(0, task.into())).into();
    steps.push(step(0, Act::EndInput));
    steps.push(step(900, Act::Kill));
    steps
}

fn job() -> String {
    format!(r#"{{"mails":[{}]}}"#, mails())
}

fn mails() -> String {
    let mail = |number: usize| {
        format!(
            r#"{{"from":"shop@example.org","to":"reader-{number}@example.org","subject":"Parcel {number}","text":"Hello"}}"#
        )
    };
    (1..=MAIL_COUNT).map(mail).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_in_order_of_time() {
        for number in 1..=12 {
            let load = of(&format!("{number:02}")).unwrap();
            assert!(load.steps.windows(2).all(|pair| pair[0].at <= pair[1].at), "{number}");
        }
        assert!(of("13").is_none());
    }
}
