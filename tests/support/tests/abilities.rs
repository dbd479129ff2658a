//! What a spec can do to a program, on programs that are a line of shell.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use support::{Check, Place, Program, Reader, Signal, Spec, not_utf8};

fn begin() -> (Spec, Check) {
    let spec = Spec::new(Place::SHELL);
    let check = spec.check("did something to a program");
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
        support::process::waiting_in(program.pid())?.contains("writing to").then_some(())
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
        write!(&stream, "the end").unwrap();
    });
    let mut client = http.connect(&check);
    client.write("hell").unwrap();
    client.stays_open(&check, "a line has an end");
    client.write(b"\x00\n1\n".as_slice()).unwrap();
    assert_eq!(client.answer(&check).body, "one: hell\0\n");
    assert_eq!(client.answer(&check).body, "two: 1\n");
    assert_eq!(client.read_to_end(&check), b"the end");
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
