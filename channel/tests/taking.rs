//! What `inherited` and `fork` do to the process that calls them.
//!
//! `inherited` wants to be called before there is a thread, and libtest runs every test in a thread. So this
//! program has a `main` of its own: a test starts it again in the role that it wants to look at.

mod common;

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};

use common::{Raw, run};
use node_channel::{Channel, Error, fork, inherited};

/// The worker's descriptor: a number that nothing else has.
const NUMBER: RawFd = 60;

type Test = (&'static str, fn());

/// Each with a name that says what it checks, and a function of the same name.
macro_rules! tests {
    ($($name:ident)*) => { &[$((stringify!($name), $name)),*] };
}

const TESTS: &[Test] = tests! {
    b04_the_environment_and_the_descriptor_stay_with_the_worker
    b05_a_second_call_finds_nothing
    b04_too_late_is_an_error
    b40_the_childs_end_may_have_its_number_already
    b31_without_a_descriptor_to_wait_with_the_message_stays
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Ok(role) = std::env::var("TAKING_ROLE") {
        play(&role);
        return ExitCode::SUCCESS;
    }
    // What cargo test and nextest ask of a test program.
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let is_wanted = |name: &str| {
        wanted.is_empty()
            || wanted.iter().any(|part| if exact { *part == name } else { name.contains(part.as_str()) })
    };
    for (name, test) in TESTS.iter().filter(|(name, _)| is_wanted(name)) {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// This program again, in a role.
fn role(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("TAKING_ROLE", role);
    command
}

fn play(role: &str) {
    match role {
        "worker" => worker(),
        "twice" => twice(),
        "too late" => too_late(),
        "equal number" => equal_number(),
        "no descriptor" => no_descriptor(),
        _ => panic!("no such role: {role}"),
    }
}

fn assert_plays(mut raw: Raw) {
    let said = raw.read_to_end();
    let output = raw.finish();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn b04_the_environment_and_the_descriptor_stay_with_the_worker() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert_plays(Raw::fork_on(role("worker"), ours, theirs.into(), NUMBER));
}

/// Takes the channel, then looks at what a program that it starts would get.
fn worker() {
    let inherited = inherited().unwrap();
    assert!(std::env::vars().all(|(name, _)| !name.starts_with("NODE_CHANNEL")));
    let list = Command::new("sh").args(["-c", "ls /dev/fd; env"]).stdin(Stdio::null()).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(!list.contains("NODE_CHANNEL"), "{list}");
    assert!(!list.lines().any(|line| line == NUMBER.to_string()), "{list}");
    run(async {
        inherited.open().unwrap().send("done").await.unwrap();
    });
}

fn b05_a_second_call_finds_nothing() {
    assert_plays(Raw::fork(role("twice")));
}

fn twice() {
    let first = inherited();
    assert!(first.is_ok(), "{first:?}");
    let second = inherited();
    assert!(matches!(second, Err(Error::NotForked)), "{second:?}");
}

fn b04_too_late_is_an_error() {
    assert_plays(Raw::fork(role("too late")));
}

fn too_late() {
    if cfg!(not(target_os = "linux")) {
        return; // elsewhere nobody counts the threads
    }
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let error = inherited().unwrap_err();
    assert!(matches!(error, Error::ThreadsRunning { count: 2 }), "{error:?}");
    drop(stop);
    assert!(thread.join().unwrap().is_err());
}

fn b40_the_childs_end_may_have_its_number_already() {
    let output = role("equal number").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Arranges that the socket pair gets the numbers 0 and 3, so that the child's end has the number 3 in the
/// parent already. A plain dup2(3, 3) would leave it closed on exec.
fn equal_number() {
    let three = File::open("/dev/null").unwrap();
    assert_eq!(three.as_raw_fd(), 3);
    run(async {
        drop(three);
        // SAFETY: Nothing in this program uses its standard input.
        drop(unsafe { OwnedFd::from_raw_fd(0) });
        let mut command = Command::new(common::PROGRAM);
        command.arg("child");
        let mut child = fork(command).unwrap();
        child.send("hello").await.unwrap();
        let answer: serde_json::Value = child.recv().await.unwrap().unwrap();
        assert_eq!(answer["echo"], "hello");
        child.disconnect().await.unwrap();
        assert!(child.wait().await.unwrap().success());
    });
}

fn b31_without_a_descriptor_to_wait_with_the_message_stays() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 40; exec \"$0\""]).arg(std::env::current_exe().unwrap());
    let output = shell.env("TAKING_ROLE", "no descriptor").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Takes all descriptors that the limit leaves, then sends more than the kernel holds.
fn no_descriptor() {
    run(async {
        let (one, mut other) = Channel::pair().unwrap();
        let (mut sender, _receiver) = one.split();
        let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let text = "x".repeat(1 << 20);
        let error = sender.send(&text).await.unwrap_err();
        assert!(matches!(error, Error::CannotWait { .. }) && !error.is_fatal(), "{error:?}");
        assert!(sender.connected());
        drop(taken);
        let (received, sent) = tokio::join!(other.recv::<String>(), sender.send("next"));
        sent.unwrap();
        assert!(received.unwrap().unwrap() == text);
        assert_eq!(other.recv::<String>().await.unwrap().unwrap(), "next");
    });
}
