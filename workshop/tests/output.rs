//! What cannot be written is no success, and nothing is left behind.

mod run;

use observe::process;
use run::LIMIT;
use run::tiny::Tiny;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn start(folder: &Path, arguments: &[&str], stdout: Stdio) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.current_dir(folder).args(arguments).stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
    if folder != run::root() {
        // A small workshop must not build where this one does: each would throw away what the other has built.
        command.env("CARGO_TARGET_DIR", folder.join("target"));
    }
    command.env("WORKSHOP_LIMIT_SECONDS", "10").spawn().unwrap()
}

/// The exit status, and what stderr says.
fn end(mut child: Child) -> (Option<i32>, String) {
    let status = observe::limit::poll(LIMIT, || child.try_wait().unwrap()).expect("the command ends");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (status.code(), said)
}

const VERBS: [&[&str]; 13] = [
    &[],
    &["--help"],
    &["check", "--help"],
    &["check", "01"],
    &["check", "01", "--json"],
    &["check", "01", "--points"],
    &["check", "01", "--classroom"],
    &["hint", "01"],
    &["diff", "01"],
    &["doctor"],
    &["doctor", "--line"],
    &["mailbox", "--port", "0"],
    &["watch", "01"],
];

/// Each verb fails, and says nothing but this.
fn each_verb_fails(name: &str, stdout: impl Fn() -> Stdio, words: Option<&str>) {
    let tiny = Tiny::new(name);
    tiny.solve("01-one");
    for verb in VERBS {
        let (code, said) = end(start(tiny.root(), verb, stdout()));
        assert_eq!(code, Some(1), "{verb:?}: {said}");
        assert!(words.is_none_or(|words| said.contains(words)), "{verb:?}: {said}");
        assert_eq!(said.contains("error"), words.is_some(), "{verb:?}: {said}");
        assert!(!said.contains("panicked"), "{verb:?}: {said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_each_verb_fails_and_says_why() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap().into();
    each_verb_fails("full", full, Some("error: cannot write to stdout: "));
}

#[test]
fn when_the_reader_has_gone_each_verb_fails_without_a_word() {
    each_verb_fails("gone", || std::io::pipe().unwrap().1.into(), None);
}

/// Reads the first lines of what is printed, as `head` does, and goes.
fn head(child: &mut Child, lines: usize) -> String {
    let printed = BufReader::new(child.stdout.take().unwrap()).lines().take(lines);
    printed.map(|line| line.unwrap() + "\n").collect()
}

#[test]
fn a_demo_whose_reader_goes_leaves_nothing_behind() {
    for lines in 2..=5 {
        let mut demo = start(&run::root(), &["demo"], Stdio::piped());
        let told = head(&mut demo, lines);
        let server: u32 =
            told.split("server   pid ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let (code, said) = end(demo);
        assert_eq!(code, Some(1), "after {lines} lines: {said}");
        // An orphan that has ended is left to whoever waits for orphans.
        let left = process::group(server).into_iter().filter(|info| !info.is_zombie());
        let left: Vec<_> = left.collect();
        assert!(left.is_empty(), "after {lines} lines: {left:?}");
    }
}

#[test]
fn a_watch_whose_reader_goes_leaves_nothing_behind() {
    let tiny = Tiny::new("watch-gone");
    let solution = tiny.read("solutions/01-one/src/main.rs");
    tiny.write(
        "lessons/01-one/src/main.rs",
        &solution.replace("number * 2", "loop { std::thread::park(); }"),
    );
    let mut watch = start(tiny.root(), &["watch", "01"], Stdio::piped());
    head(&mut watch, 4);
    tiny.wait_for_programs(2);
    // Now it wants to say something.
    std::io::Write::write_all(&mut watch.stdin.take().unwrap(), b"?\n").unwrap();
    let (code, said) = end(watch);
    assert_eq!(code, Some(1), "{said}");
    tiny.wait_for_programs(0);
}
