//! How memory grows with the number of mails, from 10 to 1,000,000. It does not need a quiet machine.

use crate::chart::{Axis, plain};
use crate::pool::Pool;
use crate::report::{Growth, Page, most};
use crate::running::Running;
use crate::sink::Sink;
use crate::{Bench, Outcome, peers};
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
type Peak = [Option<f64>; 2];

/// Measures the server that forks for each request, and the pool.
pub fn run(bench: &Bench) -> Outcome<Page> {
    let sink = Sink::start()?;
    let most = if bench.short { 1_000 } else { 1_000_000 };
    let counts: Vec<usize> = (1..=6).map(|power| 10usize.pow(power)).filter(|count| *count <= most).collect();
    let (program, pool) = (bench.program("solution-10")?, bench.program("solution-12")?);
    let pool = Pool { program: &pool, workers: 2, sign_rounds: 1 };
    let mut points = Vec::new();
    for count in counts {
        crate::note!("memory: {count} mails …");
        let mut figures = vec![None, None];
        if count <= MOST_IN_ONE_REQUEST {
            let peak = peak(Command::new(&program), &sink, count, count);
            figures = crate::runtime().block_on(peak)?.into();
        }
        let begin = Instant::now();
        let peak = crate::runtime().block_on(peak(pool.command(), &sink, count, JOB_MAILS));
        let rate = count as f64 / begin.elapsed().as_secs_f64();
        figures.extend(peak?);
        figures.push(Some(rate));
        points.push((count as f64, figures));
    }
    let mut page = Page::new("memory", &[peers::postfix()]);
    page.text(
        "A request of the workshop holds a job as one JSON document of 1 MiB at most, about 10,000 short mails. So a \
         request is held in memory as a whole, in the server and in its worker (solution 10, \"one request\"). More \
         mails come as many requests. The pool (solution 12, \"many requests\" of 1,000 mails each) has a bounded \
         queue, and memory stays flat.",
    );
    let head = [
        "mails",
        "one request: server, MB",
        "its worker, MB",
        "many requests: server, MB",
        "biggest worker, MB",
        "mails a second",
    ];
    page.growth(Growth {
        name: "mails",
        title: "Memory, by the number of mails",
        axes: [
            Axis { name: "mails (× 10 a step)", step: 10.0, label: plain },
            Axis { name: "most memory of server and one worker, MB (× 2 a step)", step: 2.0, label: plain },
        ],
        head: head.into(),
        compares: false,
        lines: vec![
            ("many requests", |figures| Some(figures[2]? + figures[3]?)),
            ("one request", |figures| Some(figures[0]? + figures[1]?)),
        ],
        points,
    });
    Ok(page)
}

/// Lets a server send so many mails, in as many jobs of this size as it takes, some of them at once.
async fn peak(command: Command, sink: &Sink, mails: usize, job_mails: usize) -> io::Result<Peak> {
    let mut server = Running::start(command, sink).await?;
    let mut peak = Peak::default();
    let pid = server.pid();
    let (mut asked, mut sent) = (0, 0);
    let mut ticks = interval(LOOK);
    while sent < mails {
        if asked < mails && asked - sent < JOBS_AT_ONCE * job_mails {
            let job = job_mails.min(mails - asked);
            // A new connection: the server closes one that is idle for long.
            server.connect().await?.post(job, 12).await?;
            asked += job;
            continue;
        }
        tokio::select! {
            done = server.job_done() => sent += done?,
            _ = ticks.tick() => {}
        }
        look(pid, &mut peak);
    }
    server.end().await;
    Ok(peak)
}

fn look(pid: u32, [server, worker]: &mut Peak) {
    let megabytes = |info: &observe::process::Info| info.resident_bytes as f64 / 1e6;
    let infos = [observe::process::info(pid).into_iter().collect(), observe::process::children(pid)];
    for (peak, infos) in [server, worker].into_iter().zip(infos) {
        *peak = most(peak.iter().copied().chain(infos.iter().map(megabytes)).collect());
    }
}
