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
    let sink = &Sink::start()?;
    let (count, rounds) = if bench.short { (300, 1) } else { (10_000, 5) };
    let worker = bench.program("solution-09")?;
    let nodemailer = peers::node_with("nodemailer");
    let source = peers::find_or_say("smtp-source", "smtp-source");
    let mut versions = vec![peers::postfix(), peers::crate_version("lettre")];
    if let Some((node, version)) = &nodemailer {
        versions.extend([peers::version("Node", node), version.clone()]);
    }
    let mut senders = vec![Sender::new("solution 09", rounds, count, |connections, count| {
        by_worker(Command::new(&worker), sink, connections, count)
    })];
    if let Some((node, _)) = &nodemailer {
        senders.push(Sender::new("nodemailer, pooled", rounds, count / 3, move |connections, count| {
            let mut command = Command::new(node);
            command.arg(peers::file("send_mail.mjs"));
            by_worker(command, sink, connections, count)
        }));
    }
    // It takes 40 ms a mail, so it gets fewer of them.
    senders.push(Sender::new("lettre's own pool", 1, 150, |connections, count| {
        by_pool(sink, connections, count)
    }));
    if let Some(source) = &source {
        senders.push(Sender::new("smtp-source", rounds, count, |connections, count| {
            by_source(source, sink, connections, count)
        }));
    }
    let rows = CONNECTIONS.map(|connections| Row {
        name: format!("mails a second, {connections} connection{}", if connections == 1 { "" } else { "s" }),
        values: in_turn(&senders, connections),
    });
    let table = Table {
        corner: "measured",
        peers: senders.iter().map(|sender| sender.name.to_owned()).collect(),
        rows: rows.into(),
    };
    let mut page = Page::new("mail", &versions);
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

/// Sends so many mails over so many connections, and gives the seconds that it took.
type Send<'a> = Box<dyn Fn(usize, usize) -> Result<f64, String> + 'a>;

/// Somebody who sends mails.
struct Sender<'a> {
    name: &'static str,
    rounds: usize,
    mails: usize,
    send: Send<'a>,
}

impl<'a> Sender<'a> {
    fn new(
        name: &'static str,
        rounds: usize,
        mails: usize,
        send: impl Fn(usize, usize) -> Result<f64, String> + 'a,
    ) -> Self {
        Self { name, rounds, mails, send: Box::new(send) }
    }
}

/// The best round of each, in mails a second. In each round all of them have their turn: what else happens on the
/// machine, for a second or for a minute, shall not count for one of them alone.
fn in_turn(senders: &[Sender], connections: usize) -> Vec<Option<f64>> {
    let mut best = vec![None; senders.len()];
    for round in 1..=senders.iter().map(|sender| sender.rounds).max().unwrap_or(0) {
        crate::note!("mail: {connections} connections, round {round} …");
        for (sender, best) in senders.iter().zip(&mut best).filter(|(sender, _)| round <= sender.rounds) {
            match (sender.send)(connections, sender.mails) {
                Ok(seconds) => *best = Some(f64::max(best.unwrap_or(0.0), sender.mails as f64 / seconds)),
                Err(why) => crate::note!("error: {}: {why}", sender.name),
            }
        }
    }
    best
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
