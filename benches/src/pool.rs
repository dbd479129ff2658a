//! What more workers bring: lesson 12's pool with 1, 2 and 4 of them.

use crate::report::{Page, in_turn, most, number};
use crate::running::Running;
use crate::sink::Sink;
use crate::{Bench, Outcome, peers};
use std::io;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;
use tokio::process::Command;

/// The jobs of a run, so that every worker always finds a batch.
const JOBS: usize = 8;

/// Rounds of the stand-in for a signature: with so many, a mail keeps a core busy for some milliseconds.
const SIGN_ROUNDS: usize = 10_000;

/// Measures the speed-up.
pub fn run(bench: &Bench) -> Outcome<Page> {
    let sink = Sink::start()?;
    let program = bench.program("solution-12")?;
    let rounds = if bench.short { 1 } else { 5 };
    let workers = [1, 2, 4];
    // The best round counts: other programs can only make it slower.
    let row = |name: &str, sign_rounds, mails| {
        let mails = if bench.short { JOBS } else { mails };
        let rates = in_turn(rounds, &workers, |workers| {
            crate::note!("pool: {workers} workers …");
            let pool = Pool { program: &program, workers: *workers, sign_rounds };
            pool.mails_a_second(&sink, mails).map_err(|error| crate::note!("error: {error}")).ok()
        });
        (name.to_owned(), rates.into_iter().map(most).collect::<Vec<_>>())
    };
    let rows = vec![
        row("mails a second, when each keeps a core busy (more is better)", SIGN_ROUNDS, 240),
        row("mails a second, when a worker mostly waits (more is better)", 1, 4_000),
    ];
    let [Some(one), Some(two), ..] = rows[0].1[..] else { return Err("not all mails were sent".into()) };
    let mut page = Page::new("pool", &[peers::postfix()]);
    let cores = available_parallelism().map_or(1, usize::from);
    page.text(&format!(
        "With {cores} cores, two workers do **{} times** the work of one when each mail keeps a core busy \
         (`SIGN_ROUNDS={SIGN_ROUNDS}`). smtp-sink and the server run on the same cores. Best of {rounds} runs. \
         In parentheses: the ratio to one worker.",
        number(two / one)
    ));
    let names = workers.map(|workers| format!("{workers} worker{}", if workers == 1 { "" } else { "s" }));
    page.comparison("bars", "A pool of 1, 2 and 4 workers", names.into(), rows);
    Ok(page)
}

/// A pool to be measured.
pub struct Pool<'a> {
    /// The program of lesson 12.
    pub program: &'a Path,
    /// `WORKERS`
    pub workers: usize,
    /// `SIGN_ROUNDS`
    pub sign_rounds: usize,
}

impl Pool<'_> {
    /// Starts a server, lets it send so many mails in eight jobs, and gives its speed.
    pub fn mails_a_second(&self, sink: &Sink, mails: usize) -> io::Result<f64> {
        crate::runtime().block_on(async {
            let mut server = Running::start(self.command(), sink).await?;
            // Every worker is there when it has done something.
            self.send(&mut server, 10 * self.workers).await?;
            let begin = Instant::now();
            self.send(&mut server, mails).await?;
            let seconds = begin.elapsed().as_secs_f64();
            server.end().await;
            Ok(mails as f64 / seconds)
        })
    }

    /// The server's command line and its environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env("WORKERS", self.workers.to_string()).env("SIGN_ROUNDS", self.sign_rounds.to_string());
        command
    }

    async fn send(&self, server: &mut Running, mails: usize) -> io::Result<()> {
        // A new connection: the server closes one that is idle for long.
        let mut client = server.connect().await?;
        for job in 0..JOBS {
            let count = mails * (job + 1) / JOBS - mails * job / JOBS;
            client.post(count, 200).await?;
        }
        let mut sent = 0;
        for _ in 0..JOBS {
            sent += server.job_done().await?;
        }
        if sent == mails {
            Ok(())
        } else {
            Err(io::Error::other(format!("{sent} of {mails} mails were sent")))
        }
    }
}
