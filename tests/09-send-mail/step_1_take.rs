//! Step 1: take the channel that the parent announced. A worker without one was started in the wrong way: exit status 2.

use super::*;

#[test]
fn without_a_channel_it_says_so() {
    let (spec, mailbox) = support::spec_with_mailbox!();
    for url in [mailbox.url(), "not a url".into()] {
        let check = spec.check(format!("ran the worker without NODE_CHANNEL_FD, with SMTP_URL={url}"));
        let worker = spec.program().env("SMTP_URL", url);
        worker.run(&check).code(2).reports_error(&["not forked", "NODE_CHANNEL_FD"]);
    }
    for number in ["three", "0"] {
        let check = spec.check(format!("ran the worker with NODE_CHANNEL_FD={number}"));
        let worker = worker(&spec, &mailbox).env("NODE_CHANNEL_FD", number);
        worker.run(&check).code(2).reports_error(&[&format!("NODE_CHANNEL_FD={number}")]);
    }
    let check =
        spec.check("forked the worker with NODE_CHANNEL_SERIALIZATION_MODE=advanced, then disconnected");
    let (mut worker, mut channel) = worker(&spec, &mailbox).fork_with_mode("advanced");
    channel.disconnect();
    worker.finish(&check).code(2).reports_error(&["advanced"]);
}

#[test]
fn bad_configuration_makes_it_exit() {
    let spec = support::spec!();
    let bad = [
        ("SMTP_URL", "not a url".into()),
        ("SMTP_URL", "http://127.0.0.1:1".into()),
        ("SMTP_URL", not_utf8("smtp://127.0.0.1:2525", "")),
        ("SMTP_CONNECTIONS", "0".into()),
        ("SMTP_CONNECTIONS", "many".into()),
        ("SMTP_CONNECTIONS", not_utf8("4", "")),
    ];
    for (name, value) in bad {
        let check = spec.check(format!("forked the worker with {name}={}", value.display()));
        let (mut worker, _channel) = spec.program().env(name, value).fork();
        worker.finish(&check).code(2).reports_error(&[name]);
    }
}
