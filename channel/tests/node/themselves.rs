//! What Node itself does, where our half of the contract rests on it. A test that fails here says that Node
//! has changed, and that the appendix has to.

use std::process::{Command, Output};

use crate::common::{Raw, finish, node, node_is_missing};

/// A Node child that reports each message and how it ended, on stdout.
const REPORT: &str =
    "process.on('message', message => { console.log(JSON.stringify(message)); process.send('got it') });
    process.on('internalMessage', message => console.log('internal', JSON.stringify(message)));
    process.on('error', () => {}); // we may be gone when it answers
    process.on('disconnect', () => console.log('disconnect'));";

/// Writes `bytes` to a Node child, closes, and gives what it printed and how it ended.
fn report_of(bytes: &[u8]) -> (Option<i32>, String, String) {
    let mut raw = Raw::fork(node(REPORT));
    raw.write(bytes);
    summary(&raw.finish())
}

fn summary(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A Node program with `variables` in its environment.
fn node_with(variables: &[(&str, &str)], script: &str) -> (Option<i32>, String, String) {
    let mut command: Command = node(script);
    command.envs(variables.iter().copied());
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    summary(&finish(command.spawn().unwrap()))
}

#[test]
fn b02_b06_node_ends_at_once_when_it_cannot_make_sense_of_the_environment() {
    if node_is_missing() {
        return;
    }
    let mode = "NODE_CHANNEL_SERIALIZATION_MODE";
    let (code, stdout, _) = node_with(&[("NODE_CHANNEL_FD", "abc"), (mode, "json")], "console.log('runs')");
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    // The harness announces `json`, so the shell takes that back.
    let mut shell = Command::new("sh");
    shell.args(["-c", "NODE_CHANNEL_SERIALIZATION_MODE=other exec node -e 'console.log(1)'"]);
    let (code, stdout, _) = summary(&Raw::fork_on(shell, ours, theirs.into(), 3).finish());
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
}

#[test]
fn b05_node_without_a_channel_has_no_send() {
    if node_is_missing() {
        return;
    }
    let script = "console.log([process.send, process.connected, process.channel, process.disconnect].join())";
    let (code, stdout, stderr) = node_with(&[("NODE_CHANNEL_FD", "")], script);
    assert_eq!((code, stdout.as_str()), (Some(0), ",,,\n"), "{stderr}");
}

#[test]
fn b09_b11_b16_b17_b47_b48_node_takes_what_we_may_write() {
    if node_is_missing() {
        return;
    }
    let deep = format!("{}1{}\n", "[".repeat(5000), "]".repeat(5000));
    let mut bytes = b" \t{\"a\":1}\r\n1e400\n{\"a\":1,\"a\":2}\n\"\\ud800\"\n\"x\xffy\"\n".to_vec();
    let (code, stdout, stderr) = report_of(&bytes);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, "{\"a\":1}\nnull\n{\"a\":2}\n\"\\ud800\"\n\"x\u{fffd}y\"\ndisconnect\n");
    bytes.clear();
    bytes.extend_from_slice(deep.as_bytes());
    let mut raw = Raw::fork(node(
        "process.on('message', m => { let n = 0; while (Array.isArray(m)) { m = m[0]; n++ } process.send(n) })",
    ));
    raw.write(&bytes);
    assert_eq!(raw.read_line(), "5000\n");
    assert!(raw.finish().status.success());
}

#[test]
fn b13_b14_node_dies_of_a_line_that_is_no_json_and_loses_the_frames_before_it() {
    if node_is_missing() {
        return;
    }
    for line in ["\n", "junk\n", "\u{feff}{}\n", "NaN\n", "{} {}\n"] {
        let (code, stdout, stderr) = report_of(format!("\"before\"\n{line}").as_bytes());
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{line:?}: {stderr}");
        assert!(stderr.contains("SyntaxError"), "{line:?}: {stderr}");
    }
}

#[test]
fn b15_node_drops_a_frame_without_its_newline() {
    if node_is_missing() {
        return;
    }
    let (code, stdout, stderr) = report_of(b"1\n{\"a\":1}");
    assert_eq!((code, stdout.as_str()), (Some(0), "1\ndisconnect\n"), "{stderr}");
}

#[test]
fn b20_node_keeps_internal_messages_to_itself_by_the_same_rule() {
    if node_is_missing() {
        return;
    }
    let mut raw = Raw::fork(node(REPORT));
    for line in [r#"{"cmd":"NODE_X"}"#, r#"{"\u0063md":"\u004eODE_X"}"#, r#"{"cmd":5,"cmd":"NODE_Y"}"#] {
        raw.write(format!("{line}\n").as_bytes());
    }
    for line in
        [r#"{"cmd":"NODE_"}"#, r#"{"cmd":"node_x"}"#, r#"[{"cmd":"NODE_X"}]"#, r#"{"cmd":"NODE_X","cmd":5}"#]
    {
        raw.write(format!("{line}\n").as_bytes());
        assert_eq!(raw.read_line(), "\"got it\"\n", "{line}");
    }
    let (code, stdout, stderr) = summary(&raw.finish());
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
    if node_is_missing() {
        return;
    }
    let script = "const server = require('net').createServer().listen(0, '127.0.0.1', () => {
        process.send('with a server', server); process.send('behind'); server.close() });
        process.once('message', () => {})";
    let mut raw = Raw::fork(node(script));
    assert_eq!(
        raw.read_line(),
        "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":\"with a server\"}\n"
    );
    raw.socket.set_read_timeout(Some(crate::common::BRIEFLY)).unwrap();
    let early = std::io::Read::read(&mut raw.socket, &mut [0]).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    raw.socket.set_read_timeout(Some(crate::common::LIMIT)).unwrap();
    raw.write(b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
    assert_eq!(raw.read_line(), "\"behind\"\n");
    raw.write(b"1\n");
    assert!(raw.finish().status.success());
}

#[test]
fn b58_node_dies_of_an_answer_that_it_does_not_wait_for() {
    if node_is_missing() {
        return;
    }
    let (code, _, stderr) = report_of(b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n");
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("ERR_INTERNAL_ASSERTION"), "{stderr}");
}

#[test]
fn b59_node_refuses_a_handle_message_without_a_handle() {
    if node_is_missing() {
        return;
    }
    let mut raw = Raw::fork(node(REPORT));
    raw.write(b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":1}\n");
    assert_eq!(raw.read_line(), "{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
    let (code, stdout, _) = summary(&raw.finish());
    assert_eq!(code, Some(0));
    assert!(!stdout.lines().any(|line| line == "1"), "{stdout}");
}
