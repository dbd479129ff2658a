//! Twenty restarts: the broker, the server or a worker gets SIGKILL or SIGTERM, at random, while clients post jobs and
//! post them again until they are accepted. In the end the account adds up with what the mailbox got.
//!
//! ```sh
//! cargo test -p solution-13 --test restarts -- --ignored --nocapture
//! ```

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use support::site::{Site, logged};
use support::{Check, Http, Mail, Mailbox, Running, Signal, figures, limit, mail};

const RESTARTS: usize = 20;
/// Each job has another number of mails, by which its line in the log is recognized: 1, 2, 3, and so on.
const JOBS: usize = 40;
/// A client, or a worker that waits for a redelivery, needs longer than a check of the spec.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
#[ignore = "a minute; it prints the account of twenty restarts"]
fn twenty_restarts_lose_nothing_and_leave_nothing() {
    let Some(mut site) = Site::start(support::spec!(), "1000") else { return };
    let check = site.spec.check(format!("posted {JOBS} jobs, and restarted something {RESTARTS} times"));
    let mailbox = site.spec.mailbox();
    let mut server = site.server();
    // The next ones listen where the first one did.
    let http = server.http.clone();
    site.set("PORT", http.base().rsplit(':').next().unwrap_or_default());
    let mut workers = [(); 2].map(|()| site.worker(&mailbox));
    let mut logs = String::new();
    let mut restarts = BTreeMap::<_, usize>::new();
    let refused: usize = thread::scope(|scope| {
        // Two clients, so that jobs overlap.
        let clients = [0, 1].map(|client| {
            let (http, check) = (&http, &check);
            let mine = (1..=JOBS).filter(move |job| job % 2 == client);
            scope.spawn(move || mine.map(|job| post(check, http, job)).sum::<usize>())
        });
        for _ in 0..RESTARTS {
            thread::sleep(Duration::from_millis(site.spec.number(20..400) as u64));
            let signal = [Signal::SIGKILL, Signal::SIGTERM][site.spec.number(0..2)];
            let which = site.spec.number(0..4);
            match which {
                0 => {
                    site.broker.stop(&check, signal);
                    thread::sleep(Duration::from_millis(site.spec.number(0..300) as u64));
                    site.broker.restart(&check);
                }
                1 => {
                    end(&check, &mut server, signal);
                    logs += &server.stderr();
                    server = site.server();
                }
                _ => {
                    end(&check, &mut workers[which - 2], signal);
                    workers[which - 2] = site.worker(&mailbox);
                }
            }
            *restarts.entry(["broker", "server", "worker", "worker"][which]).or_default() += 1;
        }
        clients.map(|client| client.join().expect("a client")).iter().sum()
    });
    site.wait_empty(&check, PATIENCE);
    logs += &server.stderr();
    let restarted: Vec<String> = restarts.iter().map(|(what, times)| format!("{what} {times}")).collect();
    let restarted = restarted.join(", ");
    let account = account(&check, &logs, &mailbox);
    let posted = format!("{refused} requests got no 202 and were posted again");
    figures::publish("13-restarts", &format!("{RESTARTS} restarts: {restarted}; {posted}\n{account}"));
}

fn end(check: &Check, running: &mut Running, signal: Signal) {
    running.signal(signal);
    running.wait(check);
}

/// Posts a job until it is accepted. Returns how often it was not.
fn post(check: &Check, http: &Http, job: usize) -> usize {
    let body = mail::request(&mails_of(job)).to_string();
    let request = format!(
        "POST /endpoint HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         idempotency-key: job-{job}\r\ncontent-length: {}\r\n\r\n{body}",
        http.base().trim_start_matches("http://"),
        body.len(),
    );
    // Jobs come for as long as something is restarted.
    thread::sleep(Duration::from_millis(200));
    let mut refused = 0;
    let accepted = limit::poll(PATIENCE, || {
        let answer = http.send_bytes(check, &format!("job {job}"), request.clone().into_bytes());
        let accepted = answer.is_ok_and(|answer| answer.status == 202);
        if !accepted {
            refused += 1;
            thread::sleep(Duration::from_millis(50));
        }
        accepted.then_some(())
    });
    check.holds(&format!("job {job} is accepted"), accepted.is_some(), "it never was");
    refused
}

fn mails_of(job: usize) -> Vec<Mail> {
    let mail = |number| Mail {
        from: "ann@example.org".into(),
        to: format!("mail-{number}@job-{job}.example.org"),
        subject: "Restarts".into(),
        text: "Hello".into(),
    };
    (1..=job).map(mail).collect()
}

/// Compares what was asked, what arrived and what was logged.
fn account(check: &Check, logs: &str, mailbox: &Mailbox) -> String {
    let mut arrived = BTreeMap::<String, usize>::new();
    for letter in mailbox.letters() {
        *arrived.entry(letter.recipients.concat()).or_default() += 1;
    }
    let asked: Vec<String> = (1..=JOBS).flat_map(|job| mail::recipients(&mails_of(job))).collect();
    let lost: Vec<_> = asked.iter().filter(|to| !arrived.contains_key(*to)).collect();
    check.holds("every mail of every accepted job has arrived", lost.is_empty(), format!("{lost:?}"));
    check.equal("mails that nobody posted", &(arrived.len() - asked.len()), &0);
    let lines = logged(logs);
    let jobs = (1..=JOBS).filter(|job| lines.contains(job)).count();
    check.equal("the number of jobs in the log, each with all of its mails", &jobs, &JOBS);
    let others = lines.iter().filter(|number| !(1..=JOBS).contains(number)).count();
    check.equal("numbers in the log that are no job's", &others, &0);
    format!(
        "jobs: accepted {JOBS}, logged {jobs}, logged twice {}\n\
         mails: asked {}, arrived {}, lost {}, duplicated {}; left in the streams 0",
        lines.len() - jobs,
        asked.len(),
        arrived.len(),
        lost.len(),
        arrived.values().sum::<usize>() - arrived.len(),
    )
}
