//! How memory grows with the number of mails, from 10 to 1,000,000. It does not need a quiet machine.

use crate::chart::{self, Axis, Series};
use crate::client::Client;
use crate::growth::plain;
use crate::pool::Pool;
use crate::report::{Page, Row, thousands};
use crate::running::Running;
use crate::server::Request;
use crate::sink::Sink;
use crate::{Bench, mail, peers};
use std::io;
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio::time::interval;

/// The mails of a job, at most, when there are many jobs.
const JOB_MAILS: usize = 1_000;

/// Jobs that are under way at once: the pool's queue has room for so many.
const JOBS_AT_ONCE: usize = 8;

/// The body of a request may have 1 MiB.
const MOST_IN_ONE_REQUEST: usize = 10_000;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Memory in units of 1,000,000 bytes: the most that the server had, and the most that a worker had.
#[derive(Clone, Copy, Default)]
struct Peak {
    server: f64,
    worker: f64,
}

/// Measures the server that forks for each request, and the pool.
pub fn run(bench: &Bench) -> Result<Page, String> {
    let sink = Sink::start()?;
    let most = if bench.short { 1_000 } else { 1_000_000 };
    let counts: Vec<usize> = (1..=6).map(|power| 10usize.pow(power)).filter(|count| *count <= most).collect();
    let mut one = Vec::new();
    let mut many = Vec::new();
    for count in counts {
        crate::note!("memory: {count} mails …");
        if count <= MOST_IN_ONE_REQUEST {
            let peak = crate::runtime().block_on(one_request(bench, &sink, count)?);
            one.push((count, peak.map_err(|error| error.to_string())?));
        }
        let program = bench.program("solution-12")?;
        let pool = Pool { program: &program, workers: 2, sign_rounds: 1 };
        let begin = Instant::now();
        let peak = crate::runtime().block_on(many_requests(pool.command(), &sink, count));
        let rate = count as f64 / begin.elapsed().as_secs_f64();
        many.push((count, peak.map_err(|error| error.to_string())?, rate));
    }
    Ok(page(&one, &many))
}

fn page(one: &[(usize, Peak)], many: &[(usize, Peak, f64)]) -> Page {
    let mut page = Page::new("memory", &[peers::postfix()]);
    page.text(
        "A request of the workshop holds a job as one JSON document of 1 MiB at most, about 10,000 short mails. So a \
         request is held in memory as a whole, in the server and in its worker (solution 10, \"one request\"). More \
         mails come as many requests. The pool (solution 12, \"many requests\" of 1,000 mails each) has a bounded \
         queue, and memory stays flat.",
    );
    let points = |sums: Vec<(usize, f64)>| sums.iter().map(|(count, sum)| (*count as f64, *sum)).collect();
    let sum = |peak: &Peak| peak.server + peak.worker;
    let series = [
        Series {
            name: "many requests".into(),
            points: points(many.iter().map(|one| (one.0, sum(&one.1))).collect()),
        },
        Series {
            name: "one request".into(),
            points: points(one.iter().map(|one| (one.0, sum(&one.1))).collect()),
        },
    ];
    let x = Axis { name: "mails (× 10 a step)", step: Some(10.0), label: plain };
    let y = Axis { name: "most memory of server and one worker, MB", step: None, label: plain };
    let title = "Memory, by the number of mails";
    page.chart("mails", title, &chart::lines(title, x, y, &series));
    let rows: Vec<Row> = many.iter().enumerate().map(|(index, all)| row(all, one.get(index))).collect();
    page.raw_table(
        &[
            "mails",
            "one request: server, MB",
            "its worker, MB",
            "many requests: server, MB",
            "biggest worker, MB",
            "mails a second",
        ],
        &rows,
    );
    page
}

fn row((count, many, rate): &(usize, Peak, f64), one: Option<&(usize, Peak)>) -> Row {
    let one = one.map(|(_, peak)| *peak);
    let values = vec![
        one.map(|peak| peak.server),
        one.map(|peak| peak.worker),
        Some(many.server),
        Some(many.worker),
        Some(*rate),
    ];
    Row { name: thousands(*count as u64), values }
}

/// Solution 10: all mails in one request, and so in one message.
fn one_request(
    bench: &Bench,
    sink: &Sink,
    mails: usize,
) -> Result<impl Future<Output = io::Result<Peak>>, String> {
    let program = bench.program("solution-10")?;
    Ok(async move {
        let mut server = Running::start(Command::new(program), sink).await?;
        let mut client = Client::connect(server.port).await?;
        let mut peak = Peak::default();
        post(&mut client, mails).await?;
        let pid = server.pid();
        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                done = server.job_done() => { done?; break; }
                _ = look.tick() => peak.look(pid),
            }
        }
        server.end().await;
        Ok(peak)
    })
}

/// Solution 12: as many jobs of 1,000 mails as it takes, some of them at once.
async fn many_requests(command: Command, sink: &Sink, mails: usize) -> io::Result<Peak> {
    let mut server = Running::start(command, sink).await?;
    let mut client = Client::connect(server.port).await?;
    let mut peak = Peak::default();
    let pid = server.pid();
    let (mut asked, mut sent) = (0, 0);
    let mut look = interval(LOOK);
    while sent < mails {
        if asked < mails && asked - sent < JOBS_AT_ONCE * JOB_MAILS {
            let job = JOB_MAILS.min(mails - asked);
            post(&mut client, job).await?;
            asked += job;
            continue;
        }
        tokio::select! {
            done = server.job_done() => sent += done?,
            _ = look.tick() => {}
        }
        peak.look(pid);
    }
    server.end().await;
    Ok(peak)
}

async fn post(client: &mut Client, mails: usize) -> io::Result<()> {
    let body = serde_json::to_vec(&Request { emails: mail::mails(mails, 12) })?;
    match client.post("/endpoint", &body).await? {
        200 | 202 => Ok(()),
        status => Err(io::Error::other(format!("POST /endpoint says {status}"))),
    }
}

impl Peak {
    fn look(&mut self, pid: u32) {
        let megabytes = |info: &observe::process::Info| info.resident_bytes as f64 / 1e6;
        if let Some(server) = observe::process::info(pid) {
            self.server = self.server.max(megabytes(&server));
        }
        for worker in observe::process::children(pid) {
            self.worker = self.worker.max(megabytes(&worker));
        }
    }
}
