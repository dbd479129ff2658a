//! The other side of the tests, in the role that the arguments name.
//!
//! `child` answers every message. The others look at what `inherited` and `fork` do to the process that calls
//! them: they want to be called before there is a thread, and libtest runs every test in one.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, ExitCode, Stdio};

use node_channel::{Channel, Error, fork, inherited};
use serde_json::{Value, json};

fn main() -> ExitCode {
    // Flags come first when a Node parent passes its own on to us. None of them is meant for us.
    let role = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    match role.as_str() {
        "child" => return child(),
        "clean" => leaves_nothing_behind(),
        "twice" => takes_it_twice(),
        "too late" => takes_it_too_late(),
        "equal number" => forks_with_an_equal_number(),
        "no descriptor" => sends_without_a_descriptor(),
        _ => panic!("no such role: {role}"),
    }
    ExitCode::SUCCESS
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The worker: answers every message until the parent disconnects. A line for stderr, and 2, when that fails.
fn child() -> ExitCode {
    let work = || {
        let inherited = inherited()?;
        run(async {
            let mut channel = inherited.open()?;
            while let Some(echo) = channel.recv::<Value>().await? {
                channel.send(&json!({"echo": echo})).await?;
            }
            Ok(())
        })
    };
    match work() {
        // Nobody wants the answer any more.
        Ok(()) | Err(Error::Disconnected) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Takes the channel, then looks at what a program that it starts would get.
fn leaves_nothing_behind() {
    let number = std::env::var("NODE_CHANNEL_FD").unwrap();
    let inherited = inherited().unwrap();
    assert!(std::env::vars().all(|(name, _)| !name.starts_with("NODE_CHANNEL")));
    let list = Command::new("sh").args(["-c", "ls /dev/fd; env"]).stdin(Stdio::null()).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(!list.contains("NODE_CHANNEL") && !list.lines().any(|line| line == number), "{list}");
    run(async { inherited.open().unwrap().send("done").await.unwrap() });
}

fn takes_it_twice() {
    let first = inherited();
    assert!(first.is_ok(), "{first:?}");
    let second = inherited();
    assert!(matches!(second, Err(Error::NotForked)), "{second:?}");
}

fn takes_it_too_late() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let error = inherited().unwrap_err().to_string();
    assert_eq!(error, "the channel must be taken before any thread is started, and 2 are running");
    drop(stop);
    assert!(thread.join().unwrap().is_err());
}

/// Arranges that the socket pair gets the numbers 0 and 3, so that the child's end has the number 3 in the
/// parent already. A plain dup2(3, 3) would leave it closed on exec.
fn forks_with_an_equal_number() {
    let three = File::open("/dev/null").unwrap();
    assert_eq!(three.as_raw_fd(), 3);
    run(async {
        drop(three);
        // SAFETY: Nothing in this program uses its standard input.
        drop(unsafe { OwnedFd::from_raw_fd(0) });
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("child");
        let mut child = fork(command).unwrap();
        child.send("hello").await.unwrap();
        assert_eq!(child.recv::<Value>().await.unwrap().unwrap()["echo"], "hello");
        child.disconnect().await.unwrap();
        assert!(child.wait().await.unwrap().success());
    });
}

/// Takes all descriptors that the limit leaves, then sends more than the kernel holds.
fn sends_without_a_descriptor() {
    run(async {
        let (one, mut other) = Channel::pair().unwrap();
        let (mut sender, _receiver) = one.split();
        let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let text = "x".repeat(1 << 20);
        let error = sender.send(&text).await.unwrap_err();
        assert!(matches!(error, Error::CannotWait { .. }) && !error.is_fatal(), "{error:?}");
        assert!(error.to_string().starts_with("cannot wait for the channel: "), "{error}");
        assert!(sender.connected());
        drop(taken);
        let (received, sent) = tokio::join!(other.recv::<String>(), sender.send("next"));
        sent.unwrap();
        assert!(received.unwrap().unwrap() == text);
        assert_eq!(other.recv::<String>().await.unwrap().unwrap(), "next");
    });
}
