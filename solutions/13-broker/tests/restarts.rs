//! Twenty restarts: the broker, the server or a worker gets SIGKILL or SIGTERM, at random, while clients post jobs and
//! post them again until they are accepted. In the end the account adds up with what the mailbox got.
//!
//! ```sh
//! cargo test -p solution-13 --test restarts -- --ignored --nocapture
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use support::figures;
use support::{Broker, Check, Http, Mail, Mailbox, Running, Signal, Spec, limit, mail};

const RESTARTS: usize = 20;
/// Each job has another number of mails, by which its line in the log is recognized: 1, 2, 3, and so on.
const JOBS: usize = 40;
const ACK_WAIT_MS: &str = "1000";
/// A client, or a worker that waits for a redelivery, needs longer than a check of the spec.
const PATIENCE: Duration = Duration::from_secs(90);

/// Everything that is restarted.
struct Programs<'a> {
    check: &'a Check,
    broker: Broker,
    mailbox: Mailbox,
    server: Running,
    port: String,
    workers: [Running; 2],
    /// What servers have logged that are gone.
    logs: String,
}

impl<'a> Programs<'a> {
    fn start(check: &'a Check, broker: Broker) -> Self {
        let mailbox = check.spec().mailbox();
        let (server, http) = start_server(check, &broker, "0");
        let port = http.base().rsplit(':').next().unwrap_or_default().trim_end_matches('/').to_owned();
        let workers = [(); 2].map(|()| start_worker(check.spec(), &broker, &mailbox));
        Self { check, broker, mailbox, server, port, workers, logs: String::new() }
    }

    /// Ends one of the four and starts it again. Returns which it was.
    fn restart_one(&mut self) -> &'static str {
        let spec = self.check.spec();
        let signal = [Signal::SIGKILL, Signal::SIGTERM][spec.number(0..2)];
        match spec.number(0..4) {
            0 => {
                self.broker.stop(self.check, signal);
                thread::sleep(Duration::from_millis(spec.number(0..300) as u64));
                self.broker.restart(self.check);
                "broker"
            }
            1 => {
                self.server.signal(signal);
                self.server.wait(self.check);
                self.logs += &self.server.stderr();
                (self.server, _) = start_server(self.check, &self.broker, &self.port);
                "server"
            }
            other => {
                let worker = &mut self.workers[other - 2];
                worker.signal(signal);
                worker.wait(self.check);
                *worker = start_worker(spec, &self.broker, &self.mailbox);
                "worker"
            }
        }
    }
}

fn start_server(check: &Check, broker: &Broker, port: &str) -> (Running, Http) {
    let program = check.spec().program().env("NATS_URL", broker.url()).env("ACK_WAIT_MS", ACK_WAIT_MS);
    let mut server = program.env("PORT", port).start();
    let http = server.listening(check);
    (server, http)
}

fn start_worker(spec: &Spec, broker: &Broker, mailbox: &Mailbox) -> Running {
    let program = spec.program().arg("send-mail").env("NATS_URL", broker.url());
    program.env("ACK_WAIT_MS", ACK_WAIT_MS).env("SMTP_URL", mailbox.url()).start()
}

/// Posts a job until it is accepted. Returns how often it was not.
fn post(port: &str, job: usize) -> Result<usize, String> {
    let mails: Vec<Mail> = (1..=job).map(|number| mail_of(job, number)).collect();
    let body = mail::request(&mails).to_string();
    let request = format!(
        "POST /endpoint HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         idempotency-key: job-{job}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    );
    // Jobs come for as long as something is restarted.
    thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    let mut last = String::new();
    for attempt in 0.. {
        match answer(port, &request) {
            Ok(answer) if answer.starts_with("HTTP/1.1 202") => return Ok(attempt),
            Ok(answer) => last = answer,
            Err(error) => last = error.to_string(),
        }
        if started.elapsed() > PATIENCE {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("job {job} was never accepted; the last answer: {last}"))
}

fn answer(port: &str, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn mail_of(job: usize, number: usize) -> Mail {
    let to = format!("mail-{number}@job-{job}.example.org");
    Mail { from: "ann@example.org".into(), to, subject: "Restarts".into(), text: "Hello".into() }
}

#[test]
#[ignore = "a minute; it prints the account of twenty restarts"]
fn twenty_restarts_lose_nothing_and_leave_nothing() {
    let spec = support::spec!("13-broker");
    let Some(broker) = Broker::start(&spec) else { return };
    let check = spec.check("", format!("posted {JOBS} jobs, and restarted something {RESTARTS} times"));
    let mut programs = Programs::start(&check, broker);
    let mut restarts = BTreeMap::<_, usize>::new();
    let port = programs.port.clone();
    let refused: Result<Vec<usize>, String> = thread::scope(|scope| {
        // Two clients, so that jobs overlap.
        let clients: Vec<_> = (0..2)
            .map(|client| {
                let port = &port;
                scope.spawn(move || {
                    let mine = (1..=JOBS).filter(|job| job % 2 == client);
                    mine.map(|job| post(port, job)).collect::<Vec<_>>()
                })
            })
            .collect();
        for _ in 0..RESTARTS {
            thread::sleep(Duration::from_millis(spec.number(20..400) as u64));
            *restarts.entry(programs.restart_one()).or_default() += 1;
        }
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    let refused = refused.unwrap_or_else(|why| check.fail("every job is accepted", &why));
    let restarted: Vec<String> = restarts.iter().map(|(what, times)| format!("{what} {times}")).collect();
    let account = account(&check, &programs);
    figures::publish(
        "13-restarts",
        &format!(
            "{RESTARTS} restarts: {}; {} requests got no 202 and were posted again\n{account}",
            restarted.join(", "),
            refused.iter().sum::<usize>(),
        ),
    );
}

/// Waits until nothing is left to do, and compares what was asked, what arrived and what was logged.
fn account(check: &Check, programs: &Programs) -> String {
    let empty = limit::poll(PATIENCE, || (programs.broker.messages(check) == Some(0)).then_some(()));
    let left = programs.broker.messages(check).unwrap_or_default();
    check.holds("empty streams in the end", empty.is_some(), format!("{left} messages"));
    let mut arrived = BTreeMap::<String, usize>::new();
    for letter in programs.mailbox.letters() {
        *arrived.entry(letter.recipients.concat()).or_default() += 1;
    }
    let asked: Vec<String> =
        (1..=JOBS).flat_map(|job| (1..=job).map(move |number| mail_of(job, number).to)).collect();
    let lost: Vec<_> = asked.iter().filter(|to| !arrived.contains_key(*to)).collect();
    check.holds("every mail of every accepted job has arrived", lost.is_empty(), format!("{lost:?}"));
    let letters: usize = arrived.values().sum();
    check.equal("mails that nobody posted", &(arrived.len() - asked.len()), &0);

    let log = format!("{}{}", programs.logs, programs.server.stderr());
    let mut lines = BTreeMap::<usize, usize>::new();
    for line in log.lines() {
        if let Some(number) = line.strip_prefix("Number of mails sent ") {
            *lines.entry(number.parse().unwrap_or_default()).or_default() += 1;
        }
    }
    let logged = (1..=JOBS).filter(|job| lines.contains_key(job)).count();
    check.equal("the number of jobs in the log, each with all of its mails", &logged, &JOBS);
    check.equal("numbers in the log that are no job's", &(lines.len() - logged), &0);
    format!(
        "jobs: accepted {JOBS}, logged {logged}, logged twice {}\n\
         mails: asked {}, arrived {}, lost {}, duplicated {}; left in the streams {left}",
        lines.values().sum::<usize>() - logged,
        asked.len(),
        arrived.len(),
        lost.len(),
        letters - arrived.len(),
    )
}
