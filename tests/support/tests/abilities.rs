//! What a spec can do to a program, on programs that are a line of shell.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use support::{Check, ClosedPort, Program, Reader, Signal, Spec, json, not_utf8, pause, process, resume};

fn begin() -> (Spec, Check) {
    let spec = Spec::new("01-blocking", "lesson-01", "/bin/sh");
    let check = spec.check("1. Read the job", "did something to a program");
    (spec, check)
}

fn shell(spec: &Spec, script: &str) -> Program {
    spec.program().args(["-c", script])
}

#[test]
fn writing_fails_without_a_reader_and_on_a_full_disk() {
    for reader in [Reader::Left, Reader::DiskFull] {
        let (spec, check) = begin();
        // A shell's own `echo` would be ended by SIGPIPE.
        let finished = shell(&spec, "trap '' PIPE; echo one || exit 7").stdout(reader).run(&check).code(7);
        assert_eq!(finished.stdout(), "");
    }
}

#[test]
fn writing_waits_where_nobody_reads() {
    let (spec, check) = begin();
    let mut program = shell(&spec, "echo ready; echo 'a line' >&2").stderr(Reader::Stopped).start();
    assert_eq!(program.line(&check), "ready");
    #[cfg(target_os = "linux")]
    check.eventually("the program waits for its reader", || {
        process::waiting_in(program.pid())?.contains("writing to").then_some(())
    });
    assert!(program.is_running());
    program.signal(Signal::SIGTERM);
    program.finish(&check);
}

#[test]
fn arguments_and_variables_need_not_be_utf8() {
    let (spec, check) = begin();
    let script = "printf '%s' \"$1$WORKER\" | od -An -tx1 | tr -d ' \\n'";
    let program = shell(&spec, script).arg("sh").arg(not_utf8("a", "b")).env("WORKER", not_utf8("", "c"));
    assert_eq!(program.run(&check).stdout(), "61ff62ff63");
}

#[test]
fn the_number_of_descriptors_is_limited() {
    let (spec, check) = begin();
    let program = shell(&spec, "ulimit -n; ulimit -Hn").descriptor_limit(12);
    assert_eq!(program.run(&check).stdout(), "12\n12\n");
}

#[test]
fn a_program_and_its_child_are_stopped_and_go_on() {
    let (spec, check) = begin();
    let script = "sh -c 'while read -r line; do echo \"child $line\"; done' <&0 & echo $!; wait";
    // A shell gives what runs in the background no stdin of its own, unless it is told.
    let script = format!("exec 3<&0; {}", script.replace("<&0 &", "<&3 &"));
    let mut program = shell(&spec, &script).start();
    let child: u32 = program.line(&check).parse().expect("a pid");
    program.write("one\n");
    assert_eq!(program.line(&check), "child one");
    program.pause(&check);
    assert!(process::is_stopped(program.pid()) && !process::is_stopped(child));
    pause(&check, child);
    assert!(process::is_stopped(child));
    program.write("two\n");
    program.resume(&check);
    resume(&check, child);
    assert_eq!(program.line(&check), "child two");
    assert!(!process::is_stopped(child));
    program.finish(&check);
}

/// A server that does with its one connection what `serve` says, and a client of it.
fn connection(spec: &Spec, check: &Check, serve: impl FnOnce(TcpStream) + Send + 'static) -> support::Http {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    let script = format!("echo 'listening on http://{address}'; read -r line");
    shell(spec, &script).start().listening(check)
}

#[test]
fn a_client_says_what_it_likes_and_reads_what_comes() {
    let (spec, check) = begin();
    let http = connection(&spec, &check, |stream| {
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        for body in ["one", "two"] {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let body = format!("{body}: {line}");
            write!(&stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        write!(&stream, "the end {rest}").unwrap();
    });
    let mut client = http.connect(&check);
    client.write("hell").unwrap();
    client.stays_open(&check, "a line has an end");
    client.write(b"\x00\n1\n".as_slice()).unwrap();
    assert_eq!(client.answer(&check).body, "one: hell\0\n");
    assert_eq!(client.answer(&check).body, "two: 1\n");
    client.write("rest").unwrap();
    client.close_writing();
    assert_eq!(client.read_to_end(&check), b"the end rest");
    assert!(!client.is_open());
}

#[test]
fn a_server_that_closes_is_noticed() {
    let (spec, check) = begin();
    let http = connection(&spec, &check, |stream| drop(BufReader::new(stream).read_line(&mut String::new())));
    let mut client = http.connect(&check);
    assert!(client.is_open());
    // The second half is unread when the server closes, so the connection is reset.
    client.write("one\ntwo").unwrap();
    assert_eq!(client.read_to_end(&check), b"");
    assert!(!client.is_open());
}

#[test]
fn stdin_may_be_a_folder() {
    let (spec, check) = begin();
    let folder = std::fs::File::open(".").expect("a folder");
    let finished = shell(&spec, "cat || exit 7").stdin_from(folder).run(&check);
    assert_eq!(finished.status().code(), Some(7));
}

#[test]
fn a_forked_program_has_a_channel() {
    let (spec, check) = begin();
    // bash, since a POSIX shell takes only one digit after `<&`.
    let script = "read -r line <&$NODE_CHANNEL_FD; echo \"$line\" >&$NODE_CHANNEL_FD; exit 7";
    if Command::new("bash").args(["-c", "exit"]).status().is_err() {
        return;
    }
    let (mut program, mut channel) = spec.other_program("bash", "bash").args(["-c", script]).fork();
    channel.send(&check, &json!({"n": 1}));
    assert_eq!(channel.recv(&check), json!({"n": 1}));
    channel.ends(&check);
    assert_eq!(program.wait(&check).code(), Some(7));
}

#[test]
fn signals_and_lines_are_seen() {
    let (spec, check) = begin();
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.01; done";
    let mut program = shell(&spec, script).start();
    assert_eq!(program.line(&check), "ready");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.line(&check), "caught");
    assert_eq!(program.wait(&check).code(), Some(3));
}

#[test]
fn a_closed_port_refuses() {
    let port = ClosedPort::new().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port.number())).is_err());
}
