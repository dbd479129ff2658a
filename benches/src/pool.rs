//! What more workers bring: lesson 12's pool with 1, 2 and 4 of them.

use crate::client::Client;
use crate::report::{Page, Row, Table, number};
use crate::running::Running;
use crate::server::Request;
use crate::sink::Sink;
use crate::{Bench, mail, peers};
use std::io;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;
use tokio::process::Command;

/// The jobs of a run, so that every worker always finds a batch.
const JOBS: usize = 8;

/// Rounds of the stand-in for a signature: with so many, a mail takes a processor for some milliseconds.
const SIGN_ROUNDS: usize = 10_000;

/// Measures the speed-up.
pub fn run(bench: &Bench) -> Result<Page, String> {
    let sink = Sink::start()?;
    let program = bench.program("solution-12")?;
    let rounds = if bench.short { 1 } else { 5 };
    let workers = [1, 2, 4];
    let (mut busy, mut light) = ([0.0_f64; 3], [0.0_f64; 3]);
    // Round after round, so that a busy moment of the machine does not fall on one of them alone. The best round
    // counts: other programs can only make it slower.
    for round in 1..=rounds {
        for (index, workers) in workers.into_iter().enumerate() {
            crate::note!("pool: {workers} workers, round {round} of {rounds} …");
            let rate = |sign_rounds, mails| {
                let mails = if bench.short { JOBS } else { mails };
                let pool = Pool { program: &program, workers, sign_rounds };
                pool.mails_a_second(&sink, mails).map_err(|error| error.to_string())
            };
            busy[index] = busy[index].max(rate(SIGN_ROUNDS, 240)?);
            light[index] = light[index].max(rate(1, 4_000)?);
        }
    }
    let speed_up = busy[1] / busy[0];
    let rows = vec![
        Row {
            name: "mails a second that take a processor (more is better)".into(),
            values: busy.map(Some).to_vec(),
        },
        Row {
            name: "mails a second that hardly do (more is better)".into(),
            values: light.map(Some).to_vec(),
        },
    ];
    let peers_names =
        workers.map(|workers| format!("{workers} worker{}", if workers == 1 { "" } else { "s" }));
    let mut page = Page::new("pool", &[peers::postfix()]);
    let cores = available_parallelism().map_or(1, usize::from);
    page.text(&format!(
        "With {cores} cores, two workers do **{} times** the work of one when each mail takes a processor \
         (`SIGN_ROUNDS={SIGN_ROUNDS}`). smtp-sink and the server run on the same cores. The best of {rounds} \
         rounds counts. In brackets: how many times as many as one worker.",
        number(speed_up)
    ));
    page.table(
        "bars",
        "A pool of 1, 2 and 4 workers",
        &Table { corner: "measured", peers: peers_names.into(), rows },
    );
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
    ///
    /// # Errors
    /// When it does not send them all.
    pub fn mails_a_second(&self, sink: &Sink, mails: usize) -> io::Result<f64> {
        crate::runtime().block_on(async {
            let mut server = Running::start(self.command(), sink).await?;
            let mut client = Client::connect(server.port).await?;
            // Every worker is there when it has done something.
            self.send(&mut server, &mut client, 10 * self.workers).await?;
            let begin = Instant::now();
            self.send(&mut server, &mut client, mails).await?;
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

    async fn send(&self, server: &mut Running, client: &mut Client, mails: usize) -> io::Result<()> {
        for job in 0..JOBS {
            let count = mails * (job + 1) / JOBS - mails * job / JOBS;
            let body = serde_json::to_vec(&Request { emails: mail::mails(count, 200) })?;
            let status = client.post("/endpoint", &body).await?;
            if status != 202 {
                return Err(io::Error::other(format!("POST /endpoint says {status}")));
            }
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
