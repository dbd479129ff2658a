//! `cargo workshop book` and `doctor`.

mod run;

use nix::sys::signal::Signal;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use run::Running;
use run::tiny::Tiny;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

#[test]
fn without_mdbook_it_says_how_to_get_it() {
    let tiny = Tiny::new("book-without");
    let mut command = tiny.workshop(&["book", "--no-open"]);
    command.env("PATH", "/nowhere").assert().code(1).stderr(contains("To get it: cargo install mdbook"));
}

#[test]
fn the_book_is_served_until_ctrl_c() {
    let tiny = Tiny::new("book-served");
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    // It makes one page.
    let programs = run::root().join("workshop/tests/programs");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    command.current_dir(tiny.root()).args(["book", "--no-open"]).env("PATH", path);
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
    let here = run::workshop().arg("doctor").env("COLUMNS", "200").assert().code(0);
    here.stdout(contains("ok        Rust         rustc 1.").and(contains("  linker  ")))
        .stdout(contains(" s from a save to a built lesson"))
        .stdout(contains("Everything is here that the workshop needs."));
    let tiny = Tiny::new("doctor");
    let mut command = tiny.workshop(&["doctor"]);
    command
        .env("PATH", "/nowhere")
        .assert()
        .code(1)
        .stdout(contains("missing   Rust         rustc not found. rustup"))
        .stdout(contains("optional  node"))
        .stderr(contains("2 of these are missing"));
}

/// Programs of the folder workshop/tests/programs stand for others, if there is a choice.
fn with_programs(mut command: assert_cmd::Command, folder: &str) -> assert_cmd::Command {
    let programs = run::root().join("workshop/tests/programs").join(folder);
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    command.env("PATH", path);
    command
}

#[test]
fn doctor_says_which_lesson_needs_a_newer_rust() {
    let tiny = Tiny::new("doctor-rust");
    let manifest = tiny.read("lessons/02-two/Cargo.toml");
    tiny.write("lessons/02-two/Cargo.toml", &manifest.replace("edition", "rust-version = \"1.89\"\nedition"));
    let told = with_programs(tiny.workshop(&["doctor"]), "old-rust").env("COLUMNS", "200").assert();
    told.stdout(contains(
        "optional  Rust         rustc 1.88.0 (6b00bc388 2025-06-23), but lesson 02 needs 1.89. rustup update",
    ));
}

#[test]
fn a_classroom_is_tried_without_a_network() {
    let tiny = Tiny::new("classroom");
    // This makes Cargo.lock, which a clone has.
    tiny.workshop(&["check", "01"]).assert().code(1);
    let prepared = with_programs(tiny.workshop(&["doctor", "--classroom"]), "").assert().code(0);
    prepared
        .stdout(contains("All crates are here."))
        .stdout(contains("  ok   lesson-01: compiles, and its spec says what is to do (2 checks)"))
        .stdout(contains("  ok   solution-02: all 2 checks pass"))
        .stdout(contains("The whole day works "));
    let without = with_programs(tiny.workshop(&["doctor", "--classroom"]), "without").assert().code(0);
    without
        .stdout(contains("The whole day").not())
        .stdout(contains("  - the book in a browser, since mdbook cannot build it\n"));
    tiny.write("solutions/02-two/src/main.rs", "fn main() {}\n");
    let broken = tiny.workshop(&["doctor", "--classroom"]).assert().code(1);
    broken
        .stdout(contains("  BAD  solution-02: only 0 of 2 checks pass"))
        .stdout(contains("CHECK FAILED: the answer to "))
        .stderr(contains("error: not everything works without a network; see above"));
}

#[test]
fn a_classroom_needs_every_crate() {
    let tiny = Tiny::new("classroom-without");
    let manifest = tiny.read("lessons/01-one/Cargo.toml");
    tiny.write(
        "lessons/01-one/Cargo.toml",
        &manifest.replace("[[test]]", "[dependencies]\nserde = \"1\"\n\n[[test]]"),
    );
    let mut command = tiny.workshop(&["doctor", "--classroom"]);
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_HOME", tiny.root().join("empty"));
    command.assert().code(1).stderr(contains("error: cargo cannot get the crates ready"));
}

#[test]
fn a_classroom_with_half_of_the_crates_is_told_which_are_missing() {
    let tiny = Tiny::new("classroom-half");
    for name in ["here", "gone", "gone-too"] {
        tiny.write(&format!("vendor/{name}/.cargo-checksum.json"), "{\"files\":{}}");
        tiny.write(&format!("vendor/{name}/src/lib.rs"), "");
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"1.2.3\"\n");
        tiny.write(&format!("vendor/{name}/Cargo.toml"), &manifest);
    }
    tiny.write(
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n",
    );
    let manifest = tiny.read("lessons/01-one/Cargo.toml");
    let dependencies = "[dependencies]\nhere = \"1\"\ngone = \"1\"\ngone-too = \"1\"\n\n[[test]]";
    tiny.write("lessons/01-one/Cargo.toml", &manifest.replace("[[test]]", dependencies));
    // This makes Cargo.lock, which a clone has.
    tiny.workshop(&["check", "01"]).assert().code(1).stdout(contains("NOT WRITTEN YET"));
    for name in ["gone", "gone-too"] {
        fs::remove_dir_all(tiny.root().join("vendor").join(name)).unwrap();
    }
    let told = tiny.workshop(&["doctor", "--classroom"]).assert().code(1);
    told.stderr(contains("error: 2 of 3 crates are missing: gone 1.2.3, gone-too 1.2.3. They belong in"));
}

#[test]
fn help_shows_an_example() {
    run::shows_an_example("book");
    run::shows_an_example("doctor");
}
