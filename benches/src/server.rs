//! How a server answers while 10,000 mails are being sent: solution 10, and the same in Node with Express.

use crate::peer::median;
use crate::report::{Page, percentiles};
use crate::running::{Client, Running};
use crate::sink::Sink;
use crate::{Bench, Outcome, peers};
use std::io;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep_until};

/// Time from one question to the next.
const PACE: Duration = Duration::from_millis(2);

/// What is measured.
const MEASURED: [&str; 5] = [
    "POST /endpoint until its answer, ms (median)",
    "GET /health, median, ms",
    "GET /health, 99th percentile, ms",
    "GET /health, the slowest, ms",
    "until the log says that all are sent, ms",
];

/// Measures both servers.
pub fn run(bench: &Bench) -> Outcome<Page> {
    let sink = Sink::start()?;
    let (mails, rounds) = if bench.short { (200, 1) } else { (10_000, 3) };
    let mut servers = vec![("solution 10", Command::new(bench.program("solution-10")?))];
    let mut versions = vec![peers::postfix()];
    if let (Some((node, express)), Some((_, nodemailer))) =
        (peers::node_with("express"), peers::node_with("nodemailer"))
    {
        versions.extend([peers::version("Node", &node), express, nodemailer]);
        let mut command = Command::new(node);
        command.arg(peers::file("server.mjs"));
        servers.push(("Express and nodemailer", command));
    }
    let mut names = Vec::new();
    let mut measured = Vec::new();
    for (name, command) in servers {
        crate::note!("server: {name} …");
        let figures = crate::runtime().block_on(measure(command, &sink, mails, rounds));
        measured.push(figures.map_err(|error| format!("{name}: {error}"))?);
        names.push(name.to_owned());
    }
    let mut page = Page::new("server", &versions);
    let row = |(index, name): (usize, &&str)| {
        ((*name).to_owned(), measured.iter().map(|figures: &[f64; 5]| Some(figures[index])).collect())
    };
    let rows = MEASURED.iter().enumerate().map(row).collect();
    page.comparison("bars", "A server while it sends 10,000 mails", names, rows);
    page.text(
        "One request holds all the mails. It is answered when the worker is forked. Meanwhile `/health` is asked \
         every 2 ms over another connection; a question that waits for the one before counts from when it was due.",
    );
    Ok(page)
}

/// The figures of one server, in the order of [`MEASURED`].
async fn measure(command: Command, sink: &Sink, mails: usize, rounds: usize) -> io::Result<[f64; 5]> {
    let mut server = Running::start(command, sink).await?;
    // The first request finds everything cold.
    post(&server, 10).await?;
    server.job_done().await?;
    let (mut posts, mut sent, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begin = Instant::now();
        posts.push(post(&server, mails).await?);
        let mut health = server.connect().await?;
        tokio::select! {
            number = server.job_done() => {
                if number? != mails {
                    return Err(io::Error::other("not all mails were sent"));
                }
            }
            outcome = ask_forever(&mut health, &mut waits) => outcome?,
        }
        sent.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    server.end().await;
    let [middle, slow, slowest] = percentiles(waits);
    Ok([median(posts), middle, slow, slowest, median(sent)])
}

/// Milliseconds until the answer to a request of so many mails.
async fn post(server: &Running, mails: usize) -> io::Result<f64> {
    // A connection of its own: Node closes one that is idle for five seconds. Short mails: all of them are to be in one
    // request, which may have 1 MiB.
    server.connect().await?.post(mails, 12).await
}

/// Asks for `/health` at an even pace, and notes how long each answer took in milliseconds.
async fn ask_forever(client: &mut Client, waits: &mut Vec<f64>) -> io::Result<()> {
    let mut due = Instant::now();
    loop {
        due += PACE;
        sleep_until(due).await;
        // The timer itself is late by up to a millisecond. More than that means that the last answer was late.
        let begin = if due.elapsed() > PACE { due } else { Instant::now() };
        client.health().await?;
        waits.push(begin.elapsed().as_secs_f64() * 1e3);
    }
}
