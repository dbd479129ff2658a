//! Step 4: when the server stops, wait until no work is in hand: until every task has dropped its `in_flight`.

use super::*;

/// A server whose worker has a job of three mails, which the mailbox holds.
fn with_3_mails_held(spec: &Spec, mailbox: &Mailbox) -> (Running, Http) {
    let begun = spec.check("posted 3 mails while the mailbox holds every mail");
    mailbox.hold(Point::Rcpt);
    let (server, http) = spec.server(mailbox).serve(&begun);
    post(&begun, &http, &spec.mails(3));
    mailbox.wait_held(&begun, 3);
    (server, http)
}

/// Sends a signal while a worker has work. The server must wait for it, and then end well.
fn finishes(spec: &Spec, mailbox: &Mailbox, signal: Signal, to_all: bool, whom: &str) {
    let (mut server, http) = with_3_mails_held(spec, mailbox);
    let check = spec.check(format!("sent {signal} to {whom} while the mailbox holds 3 mails"));
    if to_all {
        server.signal_group(signal);
    } else {
        server.signal(signal);
    }
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    let has_ended = limit::poll(limit::BRIEFLY, || (!server.is_running()).then_some(())).is_some();
    let expected =
        "the server still runs: a worker has work, and its task has not dropped `in_flight` (step 1)";
    check.holds(expected, !has_ended, "it has ended");
    server.sleeps(&check, "a worker has work");
    mailbox.release_all();
    let check = spec.check(format!("sent {signal} to {whom}, then let the 3 held mails go"));
    // A server that does not wait may have lived a moment longer than the look above.
    logs_number(&check, &server, 3);
    wait_without_children(&check, &server);
    server.ends_well(&check);
    server.leaves_nothing_behind(&check);
}

#[test]
fn sigterm_stops_it_after_the_work_in_hand() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    finishes(&spec, &mailbox, Signal::SIGTERM, false, "the server");
}

#[test]
fn sigterm_to_all_stops_it_after_the_work_in_hand() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let whom = "the server and its worker, as `timeout` and systemd do,";
    finishes(&spec, &mailbox, Signal::SIGTERM, true, whom);
}

#[test]
fn ctrl_c_stops_it_after_the_work_in_hand() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    finishes(&spec, &mailbox, Signal::SIGINT, true, "the server and its worker, as Ctrl-C does,");
}

#[test]
fn it_waits_for_the_exit_of_a_worker_that_has_replied() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent SIGTERM to a server whose worker has replied, and has not exited yet");
    let go = scratch("go");
    let wait = format!("while ! [ -e '{}' ]; do sleep 0.01; done", go.path().display());
    let worker =
        script(&check, &format!("read -r job <&3\nsay '{{\"counter\":1}}'\nread -r end <&3\n{wait}"));
    let (mut server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(1));
    logs_number(&check, &server, 1);
    server.signal(Signal::SIGTERM);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    let has_ended = limit::poll(limit::BRIEFLY, || (!server.is_running()).then_some(())).is_some();
    check.holds("the server still runs: a worker has not exited", !has_ended, "it has ended");
    if let Err(error) = fs::write(go.path(), "") {
        check.fail("a file in the target folder", &error.to_string());
    }
    server.ends_well(&check);
    server.leaves_nothing_behind(&check);
}

#[test]
fn a_worker_that_dies_of_the_signal_is_logged() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let begun = spec.check("posted 2 mails to a server whose worker does not catch signals");
    let worker = script(&begun, "read -r job <&3\necho 'the worker has its job' >&2\nread -r end <&3");
    let (mut server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&begun);
    post(&begun, &http, &spec.mails(2));
    server.logs(&begun, "the worker has its job");
    let check = spec.check("sent SIGTERM to the server and its worker, which dies of it");
    server.signal_group(Signal::SIGTERM);
    server.log_line(&check, &starts_with("error: "));
    server.ends_well(&check);
    logs_no_number(&check, &server);
}

#[test]
fn an_unread_log_does_not_keep_it() {
    let spec = support::spec!();
    let [stays, left, disk, full] = Reader::ALL;
    for (reader, what) in [stays, full, left, disk] {
        let mailbox = spec.mailbox();
        let check = spec.check(format!("posted a mail and sent SIGTERM; stderr {what}"));
        let (mut server, http) = spec.server(&mailbox).stderr(reader).serve(&check);
        post(&check, &http, &spec.mails(1));
        mailbox.wait_letters(&check, 1);
        server.stops(&check);
    }
}

#[test]
fn two_signals_at_once_are_one_request() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let (mut server, http) = with_3_mails_held(&spec, &mailbox);
    let check = spec.check("sent SIGTERM and SIGINT at once while the mailbox holds 3 mails");
    // The server is stopped meanwhile, so that no other work of the machine comes between them.
    server.pause(&check);
    server.signal(Signal::SIGTERM);
    server.signal(Signal::SIGINT);
    server.resume(&check);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    mailbox.release_all();
    logs_number(&check, &server, 3);
    server.ends_well(&check);
}

#[test]
fn a_second_signal_stops_it_right_away() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent SIGTERM while a worker has its job, and again later");
    let worker = script(&check, "read -r job <&3\nread -r end <&3");
    let (mut server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&check);
    post(&check, &http, &spec.mails(1));
    server.signal(Signal::SIGTERM);
    check.eventually("the port is closed to new requests", || http.is_refused().then_some(()));
    // What comes soon after the first one is still the same request. A server that gets signals is never quiet, so the
    // limit would run out.
    let ended = limit::poll(limit::limit() / 3, || {
        server.signal(Signal::SIGTERM);
        (!server.is_running()).then_some(())
    });
    check.holds("the program ends, with a job in hand", ended.is_some(), "it still runs");
    // The worker exits when the channel is closed, and so closes stderr.
    server.finish(&check).code(1).stderr_is("a line that begins with `error: `", &contains("error: "));
}

#[test]
fn clients_that_stop_in_the_middle_do_not_keep_it() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let begun = spec.check("connected four clients that stop in the middle of a request");
    let (mut server, http) = spec.server(&mailbox).serve(&begun);
    let clients = http.clients_that_stop(&begun);
    // Its answer says that the server has got to know the others.
    http.is_healthy(&begun);
    let check = spec.check("sent SIGTERM while four clients have stopped in the middle of a request");
    server.stops(&check);
    for mut client in clients {
        client.read_to_end(&check);
    }
}

#[test]
fn without_work_a_signal_stops_it_right_away() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let check = spec.check("sent SIGTERM to the server when it had nothing to do");
    let (mut server, _http) = spec.server(&mailbox).serve(&check);
    server.stops(&check);
}

#[test]
fn bad_requests_are_refused() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let begun = spec.check("started the server");
    let (_server, http) = spec.server(&mailbox).serve(&begun);
    let check = spec.check("posted a body of more than 1 MiB");
    let long = json!({"emails": [], "more": "x".repeat(1024 * 1024)}).to_string();
    refuses(&check, &http.post_bytes(&check, "/endpoint", long.as_bytes()), 413, "bytes");
    for (path, status) in [("/nowhere", 404), ("/endpoint", 405)] {
        let check = spec.check(format!("sent GET {path}"));
        refuses(&check, &http.get(&check, path), status, path);
    }
}

#[test]
fn a_web_page_from_elsewhere_is_refused() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    let begun = spec.check("started the server, with workers that do nothing at all");
    let worker = script(&begun, IDLE);
    let (server, http) = spec.server(&mailbox).env("WORKER", worker.command()).serve(&begun);
    let port = http.base().rsplit(':').next().unwrap_or_default();
    let requests = [
        (format!("host: 127.0.0.1:{port}"), 200, 1),
        (format!("host: localhost:{port}"), 200, 2),
        (format!("host: localhost:{port}\r\norigin: http://localhost:{port}"), 200, 3),
        ("host: evil.example".to_owned(), 421, 3),
        (format!("host: 127.0.0.1:{port}\r\norigin: https://evil.example"), 403, 3),
    ];
    for (headers, status, workers) in requests {
        let check = spec.check(format!("posted no mails with {}", headers.replace("\r\n", " and ")));
        let request = format!(
            "POST /endpoint HTTP/1.1\r\n{headers}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: 13\r\n\r\n{{\"emails\":[]}}"
        );
        let answer = http.send_bytes(&check, "a request", request.into_bytes());
        let answer = answer.unwrap_or_else(|instead| check.fail("an answer", &instead));
        has_status(&check, &answer, status);
        check.equal("the number of workers so far", &pids_of_children(&server).len(), &workers);
    }
}
