//! Mails a second into Postfix's smtp-sink: the worker of lesson 09 and its peers.

use crate::report::{Page, Row, Table, number};
use crate::sink::Sink;
use crate::{Bench, peers};
use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use tokio::task::JoinSet;

const CONNECTIONS: [usize; 3] = [1, 4, 10];

/// The body of each mail: about as long as a short note.
const TEXT_BYTES: usize = 300;

/// A mail, as the workers take it.
#[derive(Clone, Serialize)]
pub struct Mail {
    from: &'static str,
    to: String,
    subject: &'static str,
    text: String,
}

/// So many mails with a body of so many bytes.
pub fn mails(count: usize, text_bytes: usize) -> Vec<Mail> {
    let mail = |number| Mail {
        from: "ann@example.org",
        to: format!("r{number}@example.org"),
        subject: "News",
        text: "Some words. ".repeat(text_bytes / 12 + 1)[..text_bytes].to_owned(),
    };
    (0..count).map(mail).collect()
}

#[derive(Serialize)]
struct Job {
    mails: Vec<Mail>,
}

#[derive(Deserialize)]
struct Answer {
    counter: usize,
}

/// Measures every peer at 1, 4 and 10 connections.
pub fn run(bench: &Bench) -> Result<Page, String> {
    let sink = Sink::start()?;
    let (count, rounds) = if bench.short { (300, 1) } else { (10_000, 3) };
    let worker = bench.program("solution-09")?;
    let nodemailer = peers::node_with("nodemailer");
    let source = peers::find_or_say("smtp-source", "smtp-source");
    let mut versions = vec![peers::postfix(), peers::crate_version("lettre")];
    let mut names = vec!["solution 09".to_owned()];
    if let Some((node, version)) = &nodemailer {
        versions.extend([peers::version("Node", node), version.clone()]);
        names.push("nodemailer, pooled".into());
    }
    names.extend(["lettre's own pool".to_owned(), "smtp-source".into()]);
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        eprintln!("mail: {connections} connections …");
        let mut rates =
            vec![rate(rounds, count, |count| by_worker(Command::new(&worker), &sink, connections, count))];
        if let Some((node, _)) = &nodemailer {
            let command = || {
                let mut command = Command::new(node);
                command.arg(peers::file("send_mail.mjs"));
                command
            };
            rates.push(rate(rounds, count / 3, |count| by_worker(command(), &sink, connections, count)));
        }
        // It takes 40 ms a mail, so it gets fewer of them.
        rates.push(rate(1, 30 * connections, |count| by_pool(&sink, connections, count)));
        let source = source.as_deref();
        rates.push(
            source.and_then(|path| rate(rounds, count, |count| by_source(path, &sink, connections, count))),
        );
        let name =
            format!("mails a second, {connections} connection{}", if connections == 1 { "" } else { "s" });
        rows.push(Row { name, values: rates });
    }
    let mut page = Page::new("mail", &versions);
    let table = Table { corner: "measured", peers: names, rows };
    page.table("bars", "Mails a second into smtp-sink (more is better)", &table);
    targets(&mut page, &table);
    Ok(page)
}

fn targets(page: &mut Page, table: &Table) {
    let Some(row) = table.rows.last() else { return };
    let of = |peer: &str| {
        table.peers.iter().position(|name| name.starts_with(peer)).and_then(|index| row.values[index])
    };
    let beside = |peer| Some(of("solution 09")? / of(peer)?);
    let (node, source) = (beside("nodemailer"), beside("smtp-source"));
    let what = |peer| format!("mails a second at 10 connections, beside {peer}");
    let met = |value: Option<f64>, least| value.is_some_and(|value| value >= least);
    page.target(&what("nodemailer"), "at least 10 times as many", node, " times", met(node, 10.0));
    page.target(&what("smtp-source"), "at least 0.9 times as many", source, " times", met(source, 0.9));
    if let Some(most) = node.zip(source).map(|(node, source)| node / source) {
        page.text(&format!(
            "At 10 connections, smtp-source itself sends {} times as many mails as nodemailer. On this machine, no \
             worker can do more than that.",
            number(most)
        ));
    }
}

/// The best of some rounds, in mails a second: other programs can only make one slower. `None` when a round fails.
fn rate(rounds: usize, count: usize, send: impl Fn(usize) -> Result<f64, String>) -> Option<f64> {
    let rates: Result<Vec<f64>, String> =
        (0..rounds).map(|_| send(count).map(|seconds| count as f64 / seconds)).collect();
    rates.map(|rates| rates.into_iter().fold(0.0, f64::max)).map_err(|why| eprintln!("error: {why}")).ok()
}

/// Forks a worker, sends it one job, and gives the seconds until its answer.
fn by_worker(mut command: Command, sink: &Sink, connections: usize, count: usize) -> Result<f64, String> {
    command.env("SMTP_URL", sink.url()).env("SMTP_CONNECTIONS", connections.to_string());
    let job = Job { mails: mails(count, TEXT_BYTES) };
    let sending = async {
        let mut child = channel::fork(command)?;
        // What it takes to start a worker is measured elsewhere.
        child.send(&Job { mails: mails(connections, TEXT_BYTES) }).await?;
        child.recv::<Answer>().await?;
        let begin = Instant::now();
        child.send(&job).await?;
        let answer = child.recv::<Answer>().await?;
        let seconds = begin.elapsed().as_secs_f64();
        child.disconnect().await?;
        let _ = child.wait().await;
        Ok::<_, channel::Error>((seconds, answer.map(|answer| answer.counter)))
    };
    match crate::runtime().block_on(sending) {
        Ok((seconds, Some(sent))) if sent == count => Ok(seconds),
        Ok((_, sent)) => Err(format!("a worker says that it sent {sent:?} of {count} mails")),
        Err(error) => Err(error.to_string()),
    }
}

/// lettre's pooled transport, without the socket option that lesson 09 sets.
fn by_pool(sink: &Sink, connections: usize, count: usize) -> Result<f64, String> {
    let message = lettre::Message::builder()
        .from("ann@example.org".parse().expect("an address"))
        .to("bob@example.org".parse().expect("an address"))
        .subject("News")
        .body("Some words. ".repeat(TEXT_BYTES / 12))
        .expect("a mail");
    crate::runtime().block_on(async {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
            .port(sink.port)
            .pool_config(PoolConfig::new().max_size(connections as u32))
            .build();
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (transport, message) = (transport.clone(), message.clone());
            tasks.spawn(async move {
                for _ in 0..count / connections {
                    transport.send(message.clone()).await.map_err(|error| error.to_string())?;
                }
                Ok::<_, String>(())
            });
        }
        let outcome: Result<Vec<()>, String> = tasks.join_all().await.into_iter().collect();
        let seconds = begin.elapsed().as_secs_f64();
        transport.shutdown().await;
        outcome.map(|_| seconds)
    })
}

/// Postfix's own program for this purpose. It neither gets messages nor makes letters.
fn by_source(program: &Path, sink: &Sink, connections: usize, count: usize) -> Result<f64, String> {
    let begin = Instant::now();
    let status = Command::new(program)
        // -d: a connection is kept for all its mails.
        .args(["-d", "-s", &connections.to_string(), "-m", &count.to_string(), "-l", &TEXT_BYTES.to_string()])
        .arg(format!("127.0.0.1:{}", sink.port))
        .stdout(Stdio::null())
        .status()
        .map_err(|error| error.to_string())?;
    let seconds = begin.elapsed().as_secs_f64();
    if status.success() { Ok(seconds) } else { Err("smtp-source fails".into()) }
}
