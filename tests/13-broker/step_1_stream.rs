//! Step 1: make the stream of mails: a work queue on disk that refuses new mails when it is full, and remembers the
//! ids of messages for two minutes.

use super::*;

#[test]
fn the_stream_of_mails_is_a_work_queue_in_files() {
    let did = "started the server, and asked the broker about the stream \"mails\"";
    let Some((check, mut site)) = begin(support::spec!(), did, LONG) else { return };
    let room = site.spec.number(100_000..1_000_000);
    site.set("QUEUE_BYTES", room);
    let _server = site.server();
    let expected = "a stream with the name \"mails\"";
    let stream = check.eventually(expected, || site.broker.stream(&check, "mails"));
    for (what, name, value) in [
        ("its subjects", "subjects", json!(["mails"])),
        ("its retention: what is acknowledged is deleted", "retention", json!("workqueue")),
        ("its storage", "storage", json!("file")),
        ("its limit in bytes, QUEUE_BYTES", "max_bytes", json!(room)),
        ("whom a full stream refuses", "discard", json!("new")),
        ("how long an id is remembered, in nanoseconds", "duplicate_window", json!(120_000_000_000_u64)),
    ] {
        check.json(what, &stream["config"][name], &value);
    }
}

#[test]
fn every_program_makes_the_stream_or_finds_it() {
    let did = "started a server, put a message into the stream, and started another server and a worker";
    let Some((check, site)) = begin(support::spec!(), did, LONG) else { return };
    let mailbox = site.spec.mailbox();
    let first = site.server();
    site.broker.publish(&check, "mails", b"{}");
    let second = site.server();
    let held = messages(&check, &site);
    check.holds("1 message in the broker: the stream is left as it is", held == "1 message", held);
    let worker = site.worker(&mailbox);
    worker.log_line(&check, &contains("waiting for mails"));
    [first, second].iter().for_each(|server| server.is_healthy(&check));
}

#[test]
fn a_stream_that_cannot_be_made_is_an_error() {
    let spec = support::spec!();
    let Some(mut site) = Site::start_with(spec, LONG, "max_file_store: 20000") else { return };
    // There is room for what is given, which has two quarters of it.
    site.set("QUEUE_BYTES", 30_000);
    let check =
        site.spec.check("started the server with QUEUE_BYTES=30000; the broker has room for 20000 bytes");
    let mut server = site.program().start();
    server.finish(&check).code(1).reports_error(&["cannot make the streams", "storage"]);
}

#[test]
fn bad_configuration_and_a_missing_broker_are_reported_at_the_start() {
    let spec = support::spec!();
    let closed = ClosedPort::new().expect("a free port");
    let port = closed.number().to_string();
    let nobody = format!("nats://127.0.0.1:{port}");
    let cases = [
        ("NATS_URL", nobody.clone().into(), 1, port.as_str()),
        ("NATS_URL", "http://127.0.0.1:4222".into(), 2, "NATS_URL"),
        ("NATS_URL", "not a url".into(), 2, "NATS_URL"),
        ("NATS_URL", "".into(), 2, "NATS_URL"),
        ("NATS_URL", not_utf8("nats://", ""), 2, "UTF-8"),
        ("ACK_WAIT_MS", "soon".into(), 2, "ACK_WAIT_MS"),
        ("ACK_WAIT_MS", "0".into(), 2, "ACK_WAIT_MS"),
    ];
    for role in [None, Some("send-mail")] {
        for (name, value, code, word) in &cases {
            let did = format!("started {} with {name}={value:?}", role.unwrap_or("the server"));
            let program = spec.program().args(role).env("PORT", "0").env("NATS_URL", &nobody);
            let check = spec.check(did);
            program.env(name, value).run(&check).code(*code).reports_error(&[word]);
        }
    }
    let check = spec.check("started it in a role whose name is not UTF-8");
    spec.program().arg(not_utf8("send", "mail")).run(&check).code(2).reports_error(&["unknown role"]);
}
