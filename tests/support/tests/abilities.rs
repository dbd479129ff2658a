//! What a spec can do to a program, on programs that are a line of shell.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use support::{Program, Reader, Signal, Spec, not_utf8, pause, process, resume};

fn spec() -> Spec {
    Spec::new("01-blocking", "lesson-01", "/bin/sh")
}

fn shell(spec: &Spec, script: &str) -> Program {
    spec.program().args(["-c", script])
}

#[test]
fn a_reader_that_leaves_makes_writing_fail() {
    for lines in [0, 1] {
        let spec = spec();
        let check = spec.check("1. Read the job", "ran a program whose stdout has no reader");
        // A shell's own `echo` would be ended by SIGPIPE.
        let script = "trap '' PIPE; echo one 2>/dev/null; read -r go; echo two || exit 7";
        let mut program = shell(&spec, script).stdout(Reader::LeavesAfter(lines)).start();
        if lines == 1 {
            assert_eq!(program.line(&check), "one");
        }
        program.write("go\n");
        assert_eq!(program.wait(&check).code(), Some(7));
        assert_eq!(program.finish(&check).stdout(), ["", "one\n"][lines]);
    }
}

#[test]
fn a_reader_that_stops_makes_writing_wait() {
    for lines in [0, 1] {
        let spec = spec();
        let check = spec.check("1. Read the job", "ran a program whose stderr is not read");
        let script = "echo ready; while :; do echo 'a log line of some length' >&2; done";
        let mut program = shell(&spec, script).stderr(Reader::StopsAfter(lines)).start();
        assert_eq!(program.line(&check), "ready");
        #[cfg(target_os = "linux")]
        check.eventually("the program waits for its reader", || {
            process::waiting_in(program.pid())?.contains("writing to").then_some(())
        });
        assert!(program.is_running());
        program.signal(Signal::SIGTERM);
        program.finish(&check);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_makes_writing_fail() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program whose stdout is a full disk");
    let finished = shell(&spec, "echo one || exit 7").stdout(Reader::DiskFull).run(&check);
    assert_eq!(finished.status().code(), Some(7));
}

#[test]
fn arguments_and_variables_need_not_be_utf8() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program with a byte that is not UTF-8");
    let script = "printf '%s' \"$1$WORKER\" | od -An -tx1 | tr -d ' \\n'";
    let program = shell(&spec, script).arg("sh").arg(not_utf8("a", "b")).env("WORKER", not_utf8("", "c"));
    assert_eq!(program.run(&check).stdout(), "61ff62ff63");
}

#[test]
fn the_number_of_descriptors_is_limited() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that may open 12 descriptors");
    let program = shell(&spec, "ulimit -n; ulimit -Hn").descriptor_limit(12);
    assert_eq!(program.run(&check).stdout(), "12\n12\n");
}

#[cfg(target_os = "linux")]
#[test]
fn memory_and_processor_time_are_seen() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that computes");
    let mut program = shell(&spec, "echo ready; read -r line; while :; do :; done").start();
    program.line(&check);
    assert!(program.peak_memory().is_some_and(|bytes| (100_000..100_000_000).contains(&bytes)));
    program.write("go\n");
    check.eventually("it computes", || program.processor_time().filter(|time| !time.is_zero()));
    program.signal(Signal::SIGKILL);
    program.wait(&check);
    assert_eq!(program.peak_memory(), None);
}

#[test]
fn a_program_and_its_child_are_stopped_and_go_on() {
    let spec = spec();
    let check = spec.check("1. Read the job", "stopped a program");
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

/// bash gives each job a process group of its own with `-m`. `None` where there is no bash.
fn in_groups(spec: &Spec, script: &str) -> Option<Program> {
    let bash = std::process::Command::new("bash").args(["-c", "exit"]).status();
    bash.ok().filter(|status| status.success())?;
    Some(spec.other_program("bash", "bash").args(["-c", &format!("set -m; {script}")]))
}

#[test]
fn what_has_left_its_group_is_found_and_ended() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program whose children leave its group");
    let Some(program) = in_groups(&spec, "(sleep 1000 & echo $!); sleep 1000 & echo $!; wait") else {
        return;
    };
    let mut program = program.start();
    let pids: Vec<u32> = (0..2).map(|_| program.line(&check).parse().expect("a pid")).collect();
    assert!(process::group(program.pid()).iter().all(|info| !pids.contains(&info.pid)));
    let tree = spec.process_tree();
    assert!(pids.iter().all(|pid| tree.contains(&format!("pid {pid} "))), "{tree}");
    drop(program);
    assert!(pids.iter().all(|pid| process::info(*pid).is_none_or(|info| info.is_zombie())));
}

/// A server that does with its one connection what `serve` says, and a client of it.
fn connection(spec: &Spec, serve: impl FnOnce(TcpStream) + Send + 'static) -> support::Http {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    let check = spec.check("1. Read the job", "started a server");
    let script = format!("echo 'listening on http://{address}'; read -r line");
    shell(spec, &script).start().listening(&check)
}

#[test]
fn a_client_says_what_it_likes_and_reads_what_comes() {
    let spec = spec();
    let check = spec.check("1. Read the job", "spoke to a server");
    let http = connection(&spec, |stream| {
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
    let spec = spec();
    let check = spec.check("1. Read the job", "spoke to a server that goes");
    let http = connection(&spec, |stream| drop(BufReader::new(stream).read_line(&mut String::new())));
    let mut client = http.connect(&check);
    assert!(client.is_open());
    // The second half is unread when the server closes, so the connection is reset.
    client.write("one\ntwo").unwrap();
    assert_eq!(client.read_to_end(&check), b"");
    assert!(!client.is_open());
}

#[test]
fn stdin_may_be_a_folder() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program whose stdin is a folder");
    let folder = std::fs::File::open(".").expect("a folder");
    let finished = shell(&spec, "cat || exit 7").stdin_from(folder).run(&check);
    assert_eq!(finished.status().code(), Some(7));
}

#[test]
fn lines_of_its_own_are_no_errors() {
    let spec = spec();
    let check = spec.check("1. Read the job", "ran a program that logs");
    shell(&spec, "echo 'an error: of another kind' >&2").run(&check).reports_no_error();
    let finished = shell(&spec, "echo 'error: this: one' >&2").run(&check);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| finished.reports_no_error())).is_err());
}
