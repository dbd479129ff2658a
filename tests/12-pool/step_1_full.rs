//! Step 1: tell the client what came of its job: 202, or 503 with `Retry-After` when there is no room now, or 413
//! when the job never fits. A job that was refused is forgotten.

use super::*;

/// What the queue has said of a job: its log says so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Accepted,
    Full,
    TooLarge,
}

/// What the log says of each job, from the first one on. `None` where it says nothing at all.
fn said_by_the_queue(log: &str, jobs: usize) -> Vec<Option<Said>> {
    let line = |job, why| log.lines().any(|line| line == format!("job {job} is refused: {why}"));
    let speaks = log.contains(" is refused: ");
    let said = |job| match (line(job, "Full"), line(job, "TooLarge")) {
        (true, _) => Some(Said::Full),
        (_, true) => Some(Said::TooLarge),
        _ => speaks.then_some(Said::Accepted),
    };
    (1..=jobs).map(said).collect()
}

/// Whatever the queue has said: the status, and what belongs to it.
fn check_refusal_or_202(check: &Check, answer: &Answer, said: Option<Said>) {
    let (status, expected) = match said {
        Some(Said::Accepted) => (202, "202: `push` has returned `Ok`"),
        Some(Said::Full) => (503, "503: `push` has returned `Full`"),
        Some(Said::TooLarge) => (413, "413: `push` has returned `TooLarge`"),
        None => (answer.status, ""),
    };
    check.holds(expected, answer.status == status, answer);
    check.holds("202, 413 or 503", [202, 413, 503].contains(&answer.status), answer);
    if answer.status == 202 {
        jobs::job_of(check, answer);
        return;
    }
    let (error, retry) = (&answer.json()["error"], answer.header("retry-after"));
    check.holds("an answer {\"error\": WHY}", error.is_string(), answer);
    if answer.status == 503 {
        let is_seconds = retry.is_some_and(|text| text.parse::<u32>().is_ok());
        let expected = "a header Retry-After with a number of seconds";
        check.holds(expected, is_seconds, answer.describe_headers());
    } else {
        let expected = "no Retry-After: it will never fit";
        check.holds(expected, retry.is_none(), answer.describe_headers());
        let names_limit = error.as_str().is_some_and(|error| error.contains('5'));
        check.holds("an error that says the limit, QUEUE_MAILS=5", names_limit, answer);
    }
}

#[test]
fn a_job_without_mails_is_done_at_once() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted jobs without mails to a server that has no workers");
    let server = server_without_workers(&check, &mailbox, "QUEUE_MAILS", "5");
    for _ in 0..3 {
        server.runs(&check, &[], "done", [0, 0, 0, 0]);
    }
}

#[test]
fn a_client_can_see_what_became_of_its_job() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let counts = [0, 3, 6, 3, 2, 1];
    let check = spec.early_check(format!("posted jobs of {counts:?} mails to a server with QUEUE_MAILS=5"));
    let mut server = server_without_workers(&check, &mailbox, "QUEUE_MAILS", "5");
    server.post(&check, &[]);
    check.as_far_as_written(|| {
        let mut answers = vec![];
        for (job, count) in (2..).zip(&counts[1..]) {
            let answer = server.offer(&check, &spec.mails(*count));
            if answer.status != 202 {
                let expected =
                    format!("404 for job {job}, which was not accepted, and so is to be forgotten");
                let status = server.http.get(&check, &format!("/jobs/{job}"));
                check_answer(&check, &status, &expected);
            }
            answers.push(answer);
        }
        server.is_healthy(&check);
        // The whole log is there when the server has gone.
        server.signal(Signal::SIGKILL);
        let said = said_by_the_queue(&server.finish(&check).stderr(), counts.len());
        answers.iter().zip(&said[1..]).for_each(|(answer, said)| check_refusal_or_202(&check, answer, *said));
    });
}

#[test]
fn bad_configuration_is_reported_at_the_start() {
    let spec = support::spec!();
    let bad = [("WORKERS", "0"), ("QUEUE_MAILS", "many"), ("QUEUE_MB", "0"), ("BATCH_MAILS", "-1")];
    for (name, value) in bad.into_iter().chain([("MAX_JOBS_PER_WORKER", "0.5")]) {
        spec.refuses_values(name, &[value], "1");
    }
}
