//! How a server answers while 10,000 mails are being sent: solution 10, and the same in Node with Express.

use crate::client::Client;
use crate::report::{Page, Row, Table, median, percentile};
use crate::running::Running;
use crate::sink::Sink;
use crate::{Bench, mail, peers};
use serde::Serialize;
use std::io;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep_until};

/// Time from one question to the next.
const PACE: Duration = Duration::from_millis(2);

/// The body of a request.
#[derive(Serialize)]
pub struct Request {
    /// The mails.
    pub emails: Vec<mail::Mail>,
}

struct Figures {
    post_ms: f64,
    health_ms: [f64; 3],
    sent_ms: f64,
}

/// Measures both servers.
pub fn run(bench: &Bench) -> Result<Page, String> {
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
    page.table("bars", "A server while it sends 10,000 mails", &table(names, &measured));
    page.text(
        "One request holds all the mails. It is answered when the worker is forked. Meanwhile `/health` is asked \
         every 2 ms over another connection; a question that waits for the one before counts from when it was due.",
    );
    Ok(page)
}

fn table(peers: Vec<String>, measured: &[Figures]) -> Table {
    let row = |name: &str, figure: fn(&Figures) -> f64| Row {
        name: name.to_owned(),
        values: measured.iter().map(|figures| Some(figure(figures))).collect(),
    };
    let rows = vec![
        row("POST /endpoint until its answer, ms (median)", |figures| figures.post_ms),
        row("GET /health, median, ms", |figures| figures.health_ms[0]),
        row("GET /health, 99th percentile, ms", |figures| figures.health_ms[1]),
        row("GET /health, the slowest, ms", |figures| figures.health_ms[2]),
        row("until the log says that all are sent, ms", |figures| figures.sent_ms),
    ];
    Table { corner: "measured", peers, rows }
}

async fn measure(command: Command, sink: &Sink, mails: usize, rounds: usize) -> io::Result<Figures> {
    let mut server = Running::start(command, sink).await?;
    // The first request finds everything cold.
    post(server.port, 10).await?;
    server.job_done().await?;
    let (mut posts, mut sent, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begin = Instant::now();
        posts.push(post(server.port, mails).await?);
        let mut health = Client::connect(server.port).await?;
        tokio::select! {
            number = server.job_done() => {
                if number? != mails {
                    return Err(io::Error::other("not all mails were sent"));
                }
            }
            outcome = ask_for_ever(&mut health, &mut waits) => outcome?,
        }
        sent.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    server.end().await;
    let health_ms = [50.0, 99.0, 100.0].map(|percent| percentile(&mut waits, percent));
    Ok(Figures { post_ms: median(posts), health_ms, sent_ms: median(sent) })
}

/// Milliseconds until the answer to a request of so many mails.
async fn post(port: u16, mails: usize) -> io::Result<f64> {
    // Short ones: all of them are to be in one request, which may have 1 MiB.
    let body = serde_json::to_vec(&Request { emails: mail::mails(mails, 12) })?;
    // A connection of its own: Node closes one that is idle for five seconds.
    let mut client = Client::connect(port).await?;
    let begin = Instant::now();
    let status = client.post("/endpoint", &body).await?;
    let took = begin.elapsed().as_secs_f64() * 1e3;
    if status == 200 { Ok(took) } else { Err(io::Error::other(format!("POST /endpoint says {status}"))) }
}

/// Asks for `/health` at an even pace, and notes how long each answer took in milliseconds.
async fn ask_for_ever(client: &mut Client, waits: &mut Vec<f64>) -> io::Result<()> {
    let mut due = Instant::now();
    loop {
        due += PACE;
        sleep_until(due).await;
        // The timer itself is late by up to a millisecond. More than that means that the last answer was late.
        let begin = if due.elapsed() > PACE { due } else { Instant::now() };
        client.get("/health").await?;
        waits.push(begin.elapsed().as_secs_f64() * 1e3);
    }
}
