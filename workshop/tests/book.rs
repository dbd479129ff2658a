//! `cargo workshop book` and `doctor`.

mod run;

use nix::sys::signal::Signal;
use run::tiny::Tiny;
use run::{Running, says};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

/// A PATH that begins with a folder of workshop/tests/programs: its programs stand for others.
fn path_with(folder: &str) -> String {
    let programs = run::root().join("workshop/tests/programs").join(folder);
    format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn the_book_is_served_until_ctrl_c() {
    let tiny = Tiny::new("book");
    let mut without = tiny.workshop(&["book", "--no-open"]);
    says(without.env("PATH", "/nowhere"), 1, &["To get it: cargo install mdbook"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    // It makes one page.
    command.current_dir(tiny.root()).args(["book", "--no-open"]).env("PATH", path_with(""));
    let mut book = Running::spawn(command.env("CARGO_TARGET_DIR", tiny.root().join("target")));
    let port = book.port();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get("/").ends_with("the book\n"));
    assert!(get("/../../Cargo.toml").starts_with("HTTP/1.1 404"));
    book.signal(Signal::SIGINT);
    assert_eq!(book.code(), Some(0));
}

#[test]
fn doctor_says_of_each_thing_whether_it_is_here() {
    let words = [
        "ok        Rust         rustc 1.",
        "  linker  ",
        " s from a save to a built lesson",
        "Everything is here that the workshop needs.",
    ];
    says(run::workshop().arg("doctor").env("COLUMNS", "200"), 0, &words);
    let tiny = Tiny::new("doctor");
    let words =
        ["missing   Rust         rustc not found. rustup", "optional  node", "2 of these are missing"];
    says(tiny.workshop(&["doctor"]).env("PATH", "/nowhere"), 1, &words);
    let manifest = tiny.read("lessons/02-two/Cargo.toml");
    tiny.write("lessons/02-two/Cargo.toml", &manifest.replace("edition", "rust-version = \"1.89\"\nedition"));
    let found =
        "optional  Rust         rustc 1.88.0 (6b00bc388 2025-06-23), but lesson 02 needs 1.89. rustup update";
    let mut command = tiny.workshop(&["doctor"]);
    says(command.env("PATH", path_with("old-rust")).env("COLUMNS", "200"), 0, &[found]);
}

#[test]
fn a_classroom_is_tried_without_a_network() {
    let tiny = Tiny::new("classroom");
    // This makes Cargo.lock, which a clone has.
    tiny.says("check 01", 1, &[]);
    let prepare = |programs: &str, code: i32, words: &[&str]| {
        let mut command = tiny.workshop(&["doctor", "--classroom"]);
        says(command.env("PATH", path_with(programs)), code, words)
    };
    let words = [
        "All crates are here.",
        "  ok   lesson-01: compiles, and its spec says what is to do (2 checks)",
        "  ok   solution-02: all 2 checks pass",
        "The whole day works ",
    ];
    prepare("", 0, &words);
    let without = prepare("without", 0, &["  - the book in a browser, since mdbook cannot build it\n"]);
    assert!(!without.contains("The whole day works"), "{without}");
    tiny.write("solutions/02-two/src/main.rs", "fn main() {}\n");
    let words = [
        "  BAD  solution-02: only 0 of 2 checks pass",
        "CHECK FAILED: the answer to ",
        "error: not everything works without a network; see above",
    ];
    prepare("", 1, &words);
    let manifest = tiny.read("lessons/01-one/Cargo.toml");
    let manifest = manifest.replace("[[test]]", "[dependencies]\nserde = \"1\"\n\n[[test]]");
    tiny.write("lessons/01-one/Cargo.toml", &manifest);
    let mut command = tiny.workshop(&["doctor", "--classroom"]);
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_HOME", tiny.root().join("empty"));
    says(&mut command, 1, &["error: cargo cannot get all crates ready"]);
}
