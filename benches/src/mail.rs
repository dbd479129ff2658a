//! Mails a second into Postfix's smtp-sink: the worker of lesson 09 and its peers.

use crate::report::{Page, in_turn, most, number};
use crate::sink::Sink;
use crate::{Bench, Outcome, peers};
use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use tokio::task::JoinSet;

const CONNECTIONS: [usize; 3] = [1, 4, 10];

/// The body of each mail: about as long as a short note.
const TEXT_BYTES: usize = 300;

/// So many mails with a body of so many bytes.
pub fn mails(count: usize, text_bytes: usize) -> Vec<Value> {
    let text = &"Some words. ".repeat(text_bytes / 12 + 1)[..text_bytes];
    let to = (0..count).map(|number| format!("r{number}@example.org"));
    to.map(|to| json!({"from": "ann@example.org", "to": to, "subject": "News", "text": text})).collect()
}

/// Measures every peer at 1, 4 and 10 connections.
pub fn run(bench: &Bench) -> Outcome<Page> {
    let sink = &Sink::start()?;
    let (count, rounds) = if bench.short { (300, 1) } else { (10_000, 5) };
    let worker = bench.program("solution-09")?;
    let nodemailer = peers::node_with("nodemailer");
    let source = peers::find_or_say("smtp-source", "smtp-source");
    let mut versions = vec![peers::postfix(), peers::crate_version("lettre")];
    if let Some((node, version)) = &nodemailer {
        versions.extend([peers::version("Node", node), version.clone()]);
    }
    let ours = |mails, connections| by_worker(Command::new(&worker), sink, mails, connections);
    let mut senders: Vec<Sender> = vec![("solution 09", count, Box::new(ours))];
    if let Some((node, _)) = &nodemailer {
        let nodemailer = move |mails, connections| {
            let mut command = Command::new(node);
            command.arg(peers::file("send_mail.mjs"));
            by_worker(command, sink, mails, connections)
        };
        senders.push(("nodemailer, pooled", count / 3, Box::new(nodemailer)));
    }
    // It takes 40 ms a mail, so it gets fewer of them.
    let pool = |mails, connections| by_pool(sink, mails, connections);
    senders.push(("lettre's own pool", 150, Box::new(pool)));
    if let Some(source) = &source {
        let source = |mails, connections| by_source(source, sink, mails, connections);
        senders.push(("smtp-source", count, Box::new(source)));
    }
    let rows = CONNECTIONS.map(|connections| {
        crate::note!("mail: {connections} connections …");
        let rates = in_turn(rounds, &senders, |(name, mails, send)| {
            let seconds = send(*mails, connections).map_err(|why| crate::note!("error: {name}: {why}"));
            Some(*mails as f64 / seconds.ok()?)
        });
        let plural = if connections == 1 { "" } else { "s" };
        let name = format!("mails a second, {connections} connection{plural}");
        (name, rates.into_iter().map(most).collect::<Vec<_>>())
    });
    let names: Vec<String> = senders.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let mut page = Page::new("mail", &versions);
    let of = |peer: &str| rows.last()?.1[names.iter().position(|name| name.starts_with(peer))?];
    let (ours, node, source) = (of("solution 09"), of("nodemailer"), of("smtp-source"));
    let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    page.comparison("bars", "Mails a second into smtp-sink (more is better)", names, rows.into());
    let what = |peer| format!("mails a second at 10 connections, beside {peer}");
    page.target(&what("nodemailer"), "at least 10 times as many", ratio(ours, node));
    page.target(&what("smtp-source"), "at least 0.9 times as many", ratio(ours, source));
    if let Some(most) = ratio(source, node) {
        page.text(&format!(
            "At 10 connections, smtp-source itself sends {} times as many mails as nodemailer. On this machine, no \
             worker can do more than that.",
            number(most)
        ));
    }
    Ok(page)
}

/// Somebody who sends mails: a name, how many mails they get, and how they send so many mails over so many connections,
/// which gives the seconds that it took.
type Sender<'a> = (&'static str, usize, Box<dyn Fn(usize, usize) -> Outcome<f64> + 'a>);

/// Forks a worker, sends it one job, and gives the seconds until its answer.
fn by_worker(mut command: Command, sink: &Sink, count: usize, connections: usize) -> Outcome<f64> {
    command.env("SMTP_URL", sink.url()).env("SMTP_CONNECTIONS", connections.to_string());
    let job = |count| json!({"mails": mails(count, TEXT_BYTES)});
    crate::runtime().block_on(async {
        let mut child = channel::fork(command)?;
        // What it takes to start a worker is measured elsewhere.
        child.send(&job(connections)).await?;
        child.recv::<Value>().await?;
        let job = job(count);
        let begin = Instant::now();
        child.send(&job).await?;
        let answer = child.recv::<Value>().await?.unwrap_or_default();
        let seconds = begin.elapsed().as_secs_f64();
        child.disconnect().await?;
        child.wait().await?;
        if answer["counter"] != count {
            return Err(format!("a worker says {answer} of {count} mails").into());
        }
        Ok(seconds)
    })
}

/// lettre's pooled transport, without the socket option that lesson 09 sets.
fn by_pool(sink: &Sink, mails: usize, connections: usize) -> Outcome<f64> {
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
                for _ in 0..mails / connections {
                    transport.send(message.clone()).await?;
                }
                Ok::<_, lettre::transport::smtp::Error>(())
            });
        }
        let outcome: Result<Vec<()>, _> = tasks.join_all().await.into_iter().collect();
        let seconds = begin.elapsed().as_secs_f64();
        transport.shutdown().await;
        Ok(outcome.map(|_| seconds)?)
    })
}

/// Postfix's own program for this purpose. It neither gets messages nor makes letters.
fn by_source(program: &Path, sink: &Sink, mails: usize, connections: usize) -> Outcome<f64> {
    let begin = Instant::now();
    let status = Command::new(program)
        // -d: a connection is kept for all its mails.
        .args(["-d", "-s", &connections.to_string(), "-m", &mails.to_string(), "-l", &TEXT_BYTES.to_string()])
        .arg(format!("127.0.0.1:{}", sink.port))
        .stdout(Stdio::null())
        .status()?;
    let seconds = begin.elapsed().as_secs_f64();
    if status.success() { Ok(seconds) } else { Err("smtp-source fails".into()) }
}
