//! Step 2: record the job, hand it to `supervise` in a separate task, and answer with the number of the job, at
//! once.

use super::*;

#[test]
fn a_job_without_mails_is_done_at_once() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted a job without mails");
    let server = server(&check, &mailbox);
    let job = server.post(&check, &[]);
    server.ends_with(&check, &job, "done", [0, 0, 0, 0]);
    server.wait_for_workers(&check, 0);
    for path in ["/jobs/123456789", "/jobs/0", "/jobs/no-such-job"] {
        check.equal(&format!("the status of GET {path}"), &server.http.get(&check, path).status, &404);
    }
}

#[test]
fn the_answer_does_not_wait_for_the_worker() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.early_check("posted 2 mails and then 3 mails to a server whose worker does nothing at all");
    let server = server_of_played(&check, &mailbox, "exec sleep 60", PATIENT);
    let mut numbers = Vec::new();
    for count in [2, 3] {
        let answer = server.offer(&check, &spec.mails(count));
        let job = jobs::job_of(&check, &answer);
        check.json("the answer", &answer.json(), &json!({"status": true, "job": job}));
        let status = server.status(&check, &job);
        check.json("the job's number in its own status", &status["job"], &job);
        check.json("the number \"asked\" in that status", &status["asked"], &json!(count));
        numbers.push(job);
    }
    let different = numbers[0] != numbers[1];
    check.holds("two jobs with different numbers", different, format!("{} twice", numbers[0]));
    server.is_healthy(&check);
}

#[test]
fn a_worker_that_does_not_exist_costs_one_job() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("posted 2 mails to a server whose WORKER does not exist");
    let program = spec.server(&mailbox).env("WORKER", "no-such-worker");
    let server = JobServer::start(&check, program);
    let status = server.runs(&check, &spec.mails(2), "failed", [0, 0, 0, 2]);
    has_error(&check, &status, "no-such-worker");
    server.is_healthy(&check);
}

#[test]
fn a_client_that_stops_in_the_middle_does_not_keep_the_server() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.check("sent SIGTERM while clients are in the middle of a request line, a header and a body");
    let mut server = server(&check, &mailbox);
    let clients = server.http.clients_that_stop(&check);
    server.is_healthy(&check);
    server.stops(&check);
    drop(clients);
}

#[test]
fn a_web_page_from_elsewhere_learns_nothing() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check =
        spec.check("asked for a job, and tried it again, as a browser does for a page of another site");
    let server = JobServer::start(&check, spec.server(&mailbox).env("WORKER", "no-such-worker"));
    let job = server.post(&check, &spec.mails(1));
    server.ends_with(&check, &job, "failed", [0, 0, 0, 1]);
    let (again, elsewhere) = (format!("{}/retry", path(&job)), [("origin", "http://example.org")]);
    let answer = server.http.post_with(&check, &again, &elsewhere, &json!({}));
    check.equal("the status of the answer", &answer.status, &403);
    let request = format!("GET {} HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n", path(&job));
    let answer = server.http.send_bytes(&check, "GET as example.org", request.into_bytes());
    let answer = answer.unwrap_or_else(|error| check.fail("an answer", &error));
    check.equal("the status of the answer for another host's name", &answer.status, &421);
}

#[test]
fn bad_configuration_is_reported_at_the_start() {
    let spec = support::spec!();
    spec.refuses_values("WORKER_TIMEOUT_SECONDS", &["soon", "0"], "1");
    spec.refuses_values("WORKER_GRACE_SECONDS", &["-1"], "1");
    spec.refuses_values("SMTP_URL", &["nowhere"], "smtp://127.0.0.1:2525");
}
