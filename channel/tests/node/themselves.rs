//! What Node itself does, where our half of the contract rests on it. A test that fails here says that Node
//! has changed, and that the appendix has to.

use std::io::Read;
use std::process::Command;

use crate::common::{BRIEFLY, LIMIT, Raw, Summary, node, output};

/// A Node child that reports each message and how it ended, on stdout.
const REPORT: &str =
    "process.on('message', message => { console.log(JSON.stringify(message)); process.send('got it') });
    process.on('internalMessage', message => console.log('internal', JSON.stringify(message)));
    process.on('error', () => {}); // we may be gone when it answers
    process.on('disconnect', () => console.log('disconnect'));";

/// Writes `bytes` to a Node child, closes, and gives how it ended and what it printed.
fn report_of(bytes: impl AsRef<[u8]>) -> Option<Summary> {
    let mut raw = Raw::fork(node(REPORT)?);
    raw.write(bytes);
    Some(raw.finish())
}

#[test]
fn b02_b06_node_ends_at_once_when_it_cannot_make_sense_of_the_environment() {
    let Some(mut command) = node("console.log('runs')") else { return };
    command.env("NODE_CHANNEL_FD", "abc").env("NODE_CHANNEL_SERIALIZATION_MODE", "json");
    let (code, stdout, _) = output(&mut command);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    // The harness announces `json`, so the shell takes that back.
    let mut shell = Command::new("sh");
    shell.args(["-c", "NODE_CHANNEL_SERIALIZATION_MODE=other exec node -e 'console.log(1)'"]);
    let (code, stdout, _) = Raw::fork(shell).finish();
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
}

#[test]
fn b05_node_without_a_channel_has_no_send() {
    let script = "console.log([process.send, process.connected, process.channel, process.disconnect].join())";
    let Some(mut command) = node(script) else { return };
    let (code, stdout, stderr) = output(command.env("NODE_CHANNEL_FD", ""));
    assert_eq!((code, stdout.as_str()), (Some(0), ",,,\n"), "{stderr}");
}

#[test]
fn b09_b11_b16_b17_b47_b48_node_takes_what_we_may_write() {
    let bytes = b" \t{\"a\":1}\r\n1e400\n{\"a\":1,\"a\":2}\n\"\\ud800\"\n\"x\xffy\"\n";
    let Some((code, stdout, stderr)) = report_of(bytes) else { return };
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, "{\"a\":1}\nnull\n{\"a\":2}\n\"\\ud800\"\n\"x\u{fffd}y\"\ndisconnect\n");
    let script = "process.on('message', m => { let n = 0; while (Array.isArray(m)) { m = m[0]; n++ } process.send(n) })";
    let mut raw = Raw::fork(node(script).unwrap());
    raw.write(format!("{}1{}\n", "[".repeat(5000), "]".repeat(5000)));
    assert_eq!(raw.read_line(), "5000\n");
    assert_eq!(raw.finish().0, Some(0));
}

#[test]
fn b13_b14_node_dies_of_a_line_that_is_no_json_and_loses_the_frames_before_it() {
    for line in ["\n", "junk\n", "\u{feff}{}\n", "NaN\n", "{} {}\n"] {
        let Some((code, stdout, stderr)) = report_of(format!("\"before\"\n{line}")) else { return };
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{line:?}: {stderr}");
        assert!(stderr.contains("SyntaxError"), "{line:?}: {stderr}");
    }
}

#[test]
fn b15_node_drops_a_frame_without_its_newline() {
    let Some((code, stdout, stderr)) = report_of("1\n{\"a\":1}") else { return };
    assert_eq!((code, stdout.as_str()), (Some(0), "1\ndisconnect\n"), "{stderr}");
}

#[test]
fn b20_node_keeps_internal_messages_to_itself_by_the_same_rule() {
    let Some(command) = node(REPORT) else { return };
    let mut raw = Raw::fork(command);
    for line in [r#"{"cmd":"NODE_X"}"#, r#"{"\u0063md":"\u004eODE_X"}"#, r#"{"cmd":5,"cmd":"NODE_Y"}"#] {
        raw.write(format!("{line}\n"));
    }
    for line in
        [r#"{"cmd":"NODE_"}"#, r#"{"cmd":"node_x"}"#, r#"[{"cmd":"NODE_X"}]"#, r#"{"cmd":"NODE_X","cmd":5}"#]
    {
        raw.write(format!("{line}\n"));
        assert_eq!(raw.read_line(), "\"got it\"\n", "{line}");
    }
    let (code, stdout, stderr) = raw.finish();
    assert_eq!(code, Some(0), "{stderr}");
    let (internal, ordinary): (Vec<&str>, Vec<&str>) =
        stdout.lines().partition(|line| line.starts_with("internal"));
    assert_eq!(
        internal,
        [r#"internal {"cmd":"NODE_X"}"#, r#"internal {"cmd":"NODE_X"}"#, r#"internal {"cmd":"NODE_Y"}"#]
    );
    assert_eq!(
        ordinary,
        [r#"{"cmd":"NODE_"}"#, r#"{"cmd":"node_x"}"#, r#"[{"cmd":"NODE_X"}]"#, r#"{"cmd":5}"#, "disconnect"]
    );
}

#[test]
fn b22_node_holds_back_every_message_until_a_handle_is_answered() {
    let script = "const server = require('net').createServer().listen(0, '127.0.0.1', () => {
        process.send('with a server', server); process.send('behind'); server.close() });
        process.once('message', () => {})";
    let Some(command) = node(script) else { return };
    let mut raw = Raw::fork(command);
    let handle = "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":\"with a server\"}\n";
    assert_eq!(raw.read_line(), handle);
    raw.socket.set_read_timeout(Some(BRIEFLY)).unwrap();
    let early = raw.socket.read(&mut [0]).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    raw.socket.set_read_timeout(Some(LIMIT)).unwrap();
    raw.write("{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
    assert_eq!(raw.read_line(), "\"behind\"\n");
    raw.write("1\n");
    assert_eq!(raw.finish().0, Some(0));
}

#[test]
fn b58_node_dies_of_an_answer_that_it_does_not_wait_for() {
    let Some((code, _, stderr)) = report_of("{\"cmd\":\"NODE_HANDLE_ACK\"}\n") else { return };
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("ERR_INTERNAL_ASSERTION"), "{stderr}");
}

#[test]
fn b59_node_refuses_a_handle_message_without_a_handle() {
    let Some(command) = node(REPORT) else { return };
    let mut raw = Raw::fork(command);
    raw.write("{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":1}\n");
    assert_eq!(raw.read_line(), "{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
    let (code, stdout, _) = raw.finish();
    assert_eq!(code, Some(0));
    assert!(!stdout.lines().any(|line| line == "1"), "{stdout}");
}
