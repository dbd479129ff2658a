//! `cargo workshop book` and `doctor`.

mod run;

use run::says;
use run::tiny::Tiny;

/// A PATH that begins with a folder of workshop/tests/programs: its programs stand for others.
fn path_with(folder: &str) -> String {
    let programs = run::root().join("workshop/tests/programs").join(folder);
    format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn the_book_is_built_and_can_be_opened() {
    let tiny = Tiny::new("book");
    for (arguments, opens) in [("book", true), ("book --no-open", false)] {
        tiny.says(arguments, 0, &["The book is in ", "target/book/index.html"]);
        assert_eq!(tiny.read("target/book/index.html").contains("--open"), opens);
    }
    tiny.write("book/builder/src/main.rs", "fn main() { panic!(\"no page 7\") }\n");
    tiny.says("book", 1, &["no page 7", "error: cannot build the book; see above"]);
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
    let words = ["missing   Rust         rustc not found. rustup", "optional  node", "error: missing: 2;"];
    says(tiny.workshop(&["doctor"]).env("PATH", "/nowhere"), 1, &words);
    let manifest = tiny.read("lessons/02-two/Cargo.toml");
    tiny.write("lessons/02-two/Cargo.toml", &manifest.replace("edition", "rust-version = \"1.89\"\nedition"));
    let found =
        "optional  Rust         rustc 1.88.0 (6b00bc388 2025-06-23), but lesson 02 needs 1.89. rustup update";
    let mut command = tiny.workshop(&["doctor"]);
    says(command.env("PATH", path_with("old-rust")).env("COLUMNS", "200"), 0, &[found]);
}

/// Runs `doctor --line` on a narrow terminal. Its stdout is one line, which is returned.
fn line(command: &mut assert_cmd::Command, code: i32) -> String {
    let output = command.args(["doctor", "--line"]).env("COLUMNS", "60").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    printed
}

#[test]
fn doctor_has_one_line_to_send_without_paths_and_names() {
    let here = line(&mut run::workshop(), 0);
    assert!(here.starts_with("ready: "), "{here}");
    for words in [std::env::consts::ARCH, ", Rust 1.", " GiB free, cores: ", ", workshop at "] {
        assert!(here.contains(words), "{words:?} is not in {here}");
    }
    assert!(!here.contains('/'), "{here}");
    let tiny = Tiny::new("line");
    let manifest = tiny.read("lessons/02-two/Cargo.toml");
    tiny.write("lessons/02-two/Cargo.toml", &manifest.replace("edition", "rust-version = \"1.89\"\nedition"));
    let old = line(tiny.workshop(&[]).env("PATH", path_with("old-rust")), 0);
    assert!(old.contains(", Rust 1.88.0, ") && old.contains("; optional: Rust"), "{old}");
    assert!(old.contains(", workshop without git"), "{old}");
    let nothing = line(tiny.workshop(&[]).env("PATH", "/nowhere"), 1);
    assert!(nothing.starts_with("NOT READY: ") && nothing.contains(", no Rust, "), "{nothing}");
    assert!(nothing.contains("; missing: Rust, linker; optional: git, "), "{nothing}");
    says(&mut tiny.workshop(&["doctor", "--line", "--classroom"]), 2, &["cannot be used with"]);
}

#[test]
fn a_classroom_is_tried_without_a_network() {
    let tiny = Tiny::new("classroom");
    // This makes Cargo.lock, which a clone has.
    tiny.says("check 01", 1, &[]);
    let prepare = |code: i32, words: &[&str]| {
        let mut command = tiny.workshop(&["doctor", "--classroom"]);
        says(command.env("PATH", path_with("")), code, words)
    };
    let words = [
        "All crates are here.",
        "  ok   lesson-01: 0 of 2 checks pass",
        "  ok   solution-02: all 2 checks pass",
        "The whole day works ",
    ];
    prepare(0, &words);
    let builder = tiny.read("book/builder/src/main.rs");
    tiny.write("book/builder/src/main.rs", "fn main() { std::process::exit(1) }\n");
    let without = prepare(0, &["  - the book in a browser: cannot build the book; see above\n"]);
    assert!(!without.contains("The whole day works"), "{without}");
    tiny.write("book/builder/src/main.rs", &builder);
    tiny.write("solutions/02-two/src/main.rs", "fn main() {}\n");
    let words = [
        "  BAD  solution-02: 0 of 2 checks pass",
        "CHECK FAILED: step_1_double::",
        "error: not everything works without a network; see above",
    ];
    prepare(1, &words);
    let manifest = tiny.read("lessons/01-one/Cargo.toml");
    let manifest = manifest.replace("[[test]]", "[dependencies]\nserde = \"1\"\n\n[[test]]");
    tiny.write("lessons/01-one/Cargo.toml", &manifest);
    let mut command = tiny.workshop(&["doctor", "--classroom"]);
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_HOME", tiny.root().join("empty"));
    says(&mut command, 1, &["error: cargo cannot get all crates ready"]);
}
