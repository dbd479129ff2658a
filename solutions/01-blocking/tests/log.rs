//! `log!` in processes whose stderr is closed, full, or shared. Each process is this test program once more.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use solution_01::log;
use std::env;
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use support::limit;

/// Not a test of its own: with `LINES`, logs so many lines, says so on stdout, then logs each line of stdin.
#[test]
fn a_process_that_logs() {
    let Some(lines) = env::var("LINES").ok().and_then(|lines| lines.parse::<usize>().ok()) else { return };
    for number in 0..lines {
        log!("{} line {number} {}", std::process::id(), filling(number));
    }
    println!("\nlogged");
    for line in io::stdin().lines() {
        log!("{}", line.expect("a line"));
    }
}

/// Lines differ in their length, and the last ones of many are long.
fn filling(number: usize) -> String {
    "x".repeat((number * 7 % 560).max(number / 4).min(560))
}

fn start(lines: usize, stderr: impl Into<Stdio>) -> Child {
    Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "a_process_that_logs", "--nocapture"])
        .env("LINES", lines.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("a process")
}

/// The process must end well, and soon: it waits for nobody.
fn ends(child: &mut Child) {
    drop(child.stdin.take());
    let status = limit::poll(limit::limit(), || child.try_wait().expect("a status"));
    if status.is_none() {
        let _ = child.kill();
    }
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}

/// Reads what is there at this moment.
fn drain(pipe: &mut PipeReader) -> usize {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a flag");
    let mut text = Vec::new();
    let _ = pipe.read_to_end(&mut text);
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::empty())).expect("a flag");
    text.len()
}

// Elsewhere, another process may take the room that `log!` has seen.
#[cfg(target_os = "linux")]
#[test]
fn processes_that_share_a_pipe_which_nobody_reads_all_go_on() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut all: Vec<Child> = (0..4).map(|_| start(10_000, writer.try_clone().expect("a copy"))).collect();
    drop(writer);
    // Each piece that is read makes room for some lines, and all of them run for it.
    for _ in 0..200 {
        let _ = reader.read_exact(&mut [0; 4096]);
    }
    all.iter_mut().for_each(ends);
}

// Elsewhere, another process may take the room that `log!` has seen.
#[cfg(target_os = "linux")]
#[test]
fn lines_of_processes_that_share_a_pipe_do_not_mix() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let mut all: Vec<Child> = (0..4).map(|_| start(1000, writer.try_clone().expect("a copy"))).collect();
    drop(writer);
    let collected = std::thread::spawn(move || {
        BufReader::new(reader).lines().map(|line| line.expect("a line")).collect::<Vec<_>>()
    });
    all.iter_mut().for_each(ends);
    let (lost, whole): (Vec<String>, Vec<String>) =
        collected.join().expect("lines").into_iter().partition(|line| line.starts_with('('));
    for line in &whole {
        let words: Vec<&str> = line.split(' ').collect();
        let [pid, "line", number, text] = words[..] else { panic!("a line that is mixed or torn: {line}") };
        assert!(all.iter().any(|child| child.id().to_string() == pid), "{line}");
        assert_eq!(text, filling(number.parse().expect("a number")));
    }
    // "(7 log lines lost: …)": what was lost after the last line is told by nobody.
    let told = |line: &String| line[1..].split(' ').next().and_then(|number| number.parse::<usize>().ok());
    let lost: usize = lost.iter().filter_map(told).sum();
    assert!(whole.len() + lost <= 4000, "{} and {lost}", whole.len());
    assert!(whole.len() > 100, "{}", whole.len());
}

#[test]
fn lost_lines_are_told_when_there_is_room_again() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut child = start(2000, writer);
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(stdout.by_ref().map_while(Result::ok).any(|line| line == "logged"));
    assert!(drain(&mut reader) > 4000);
    writeln!(stdin, "after that").expect("a line");
    let mut lines = BufReader::new(reader).lines().map(|line| line.expect("a line"));
    let told = lines.next().expect("a line");
    assert!(told.starts_with('(') && told.ends_with(" log lines lost: stderr was not read)"), "{told}");
    assert_eq!(lines.next().as_deref(), Some("after that"));
    writeln!(stdin, "and again").expect("a line");
    assert_eq!(lines.next().as_deref(), Some("and again"));
    drop(stdin);
    ends(&mut child);
}

#[test]
fn a_socket_that_nobody_reads_stops_nobody() {
    // As Node and systemd give them to a process.
    let (_reader, writer) = UnixStream::pair().expect("a socket pair");
    ends(&mut start(5000, Stdio::from(OwnedFd::from(writer))));
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    ends(&mut start(100, writer));
    let (reader, writer) = UnixStream::pair().expect("a socket pair");
    drop(reader);
    ends(&mut start(100, Stdio::from(OwnedFd::from(writer))));
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        ends(&mut start(100, full));
    }
}

#[test]
fn control_characters_are_escaped() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let mut child = start(0, writer);
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "one\ttwo \u{1b}[31mred\u{7} \r over it").expect("a line");
    drop(stdin);
    ends(&mut child);
    let logged = io::read_to_string(reader).expect("text");
    assert_eq!(logged, "one\\ttwo \\u{1b}[31mred\\u{7} \\r over it\n");
}
