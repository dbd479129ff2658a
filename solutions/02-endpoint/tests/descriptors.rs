//! The server at the limit of its descriptors: it accepts nobody more, without burning a processor or filling its log.

use std::thread::sleep;
use std::time::{Duration, Instant};
use support::predicates::str::contains;

#[test]
fn a_server_without_descriptors_waits_quietly_and_goes_on() {
    let spec = support::spec!();
    let check = spec.check("opened 40 connections to a server that may have 24 descriptors");
    let mailbox = spec.mailbox();
    let program = spec.program().env("PORT", "0").env("SMTP_URL", mailbox.url());
    let mut server = program.descriptor_limit(24).start();
    let http = server.listening(&check);
    let clients: Vec<_> = (0..40).map(|_| http.connect(&check)).collect();
    server.log_line(&check, &contains("cannot accept connections for now"));

    // Not that something happens, but that it does not happen too often.
    let (before, begin) = (server.processor_time(), Instant::now());
    sleep(Duration::from_millis(500));
    if let (Some(before), Some(after)) = (before, server.processor_time()) {
        let used = after - before;
        check.holds("an idle server", used < begin.elapsed() / 4, format!("{used:?}"));
    }
    check.equal("the number of lines about it", &server.logged("cannot accept").len(), &1);

    drop(clients);
    check.equal("the body of GET /health", http.get(&check, "/health").body.as_str(), "ok");
}
