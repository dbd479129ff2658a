//! A workshop of two lessons without dependencies, which compiles in an instant.

use super::Running;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A workshop in a folder of its own. The folder is removed when this is dropped.
pub struct Tiny {
    root: PathBuf,
}

const SPEC: &str = r#"
mod step_1_double;

use std::process::Command;

fn run(argument: &str) -> String {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    let program = std::env::var("WORKSHOP_PROGRAM").unwrap_or(program.into());
    let output = Command::new(program).arg(argument).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if stderr.contains("not yet implemented") {
        eprintln!("NOT WRITTEN YET");
        std::panic::resume_unwind(Box::new("the check failed; the report is above"));
    }
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn check(argument: &str, expected: &str) {
    let got = run(argument);
    if got.trim() != expected {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        eprintln!("CHECK FAILED: {name}\nthe answer to {argument} is {expected}, but {} came", got.trim());
        std::panic::resume_unwind(Box::new("the check failed; the report is above"));
    }
}
"#;

const STEP_1: &str = r#"
use super::*;

#[test]
fn two_is_doubled() {
    check("2", "4");
}

#[test]
fn ten_is_doubled() {
    check("10", "20");
}
"#;

const SOLUTION: &str = r#"//! Doubles a number.

fn main() {
    let number: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    println!("{}", double(number));
}

// ANCHOR: double
fn double(number: u32) -> u32 {
    // ANCHOR: step_1 todo!("1: return twice the number")
    // Twice.
    number * 2
    // ANCHOR_END: step_1
}
// ANCHOR_END: double
"#;

/// Makes a book of one page, which says how it was asked for.
const BOOK_BUILDER: &str = r#"
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    std::fs::create_dir_all(&arguments[0]).unwrap();
    std::fs::write(format!("{}/index.html", arguments[0]), arguments.join(" ")).unwrap();
}
"#;

const HINTS: &str = "# Hints for lesson NN\n\n\
    ## 1. Double it\n\n\
    <details><summary>A nudge</summary>\n\nThink of twins.\n</details>\n\n\
    <details><summary>More</summary>\n\nThere is an operator for it.\n</details>\n\n\
    <details><summary>Nearly the answer</summary>\n\n```rust,ignore\nnumber * 2\n```\n</details>\n";

impl Tiny {
    /// Makes the workshop. `name` must differ from test to test.
    pub fn new(name: &str) -> Self {
        let tiny = Self { root: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name) };
        let _ = fs::remove_dir_all(&tiny.root);
        tiny.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"book/builder\", \"lessons/*\", \"solutions/*\"]\n\
             default-members = [\"solutions/*\"]\n",
        );
        tiny.write("book/builder/Cargo.toml", "[package]\nname = \"book-builder\"\nedition = \"2024\"\n");
        tiny.write("book/builder/src/main.rs", BOOK_BUILDER);
        tiny.write(".gitignore", "/target/\n/.workshop/\n");
        for (number, word) in [("01", "one"), ("02", "two")] {
            tiny.add(number, word);
        }
        tiny
    }

    /// Adds a lesson.
    pub fn add(&self, number: &str, word: &str) {
        let name = format!("{number}-{word}");
        let manifest = format!(
            "[package]\nname = \"solution-{number}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [[test]]\nname = \"spec\"\npath = \"../../tests/{name}/main.rs\"\n"
        );
        self.write(&format!("solutions/{name}/Cargo.toml"), &manifest);
        self.write(&format!("solutions/{name}/src/main.rs"), SOLUTION);
        let lesson = course::Marked::read(&self.root, &name).unwrap();
        self.write(&format!("lessons/{name}/Cargo.toml"), &lesson.manifest());
        for (file, text) in lesson.starter() {
            self.write(&format!("lessons/{name}/{}", file.display()), &text);
        }
        self.write(&format!("tests/{number}-{word}/main.rs"), SPEC);
        self.write(&format!("tests/{number}-{word}/step_1_double.rs"), STEP_1);
        self.write(&format!("lessons/{number}-{word}/hints.md"), &HINTS.replace("NN", number));
        let chapter = format!("# {number} The {word}: doubled\n\n*About 15 minutes. You need: numbers.*\n");
        self.write(&format!("book/src/{number}-{word}.md"), &chapter);
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts the solution in the place of a lesson's starter.
    pub fn solve(&self, name: &str) {
        self.write(
            &format!("lessons/{name}/src/main.rs"),
            &self.read(&format!("solutions/{name}/src/main.rs")),
        );
    }

    /// Makes it a repository. Only what makers of lessons use needs one.
    pub fn with_git(self) -> Self {
        let mut git = Command::new("git");
        git.args(["init", "--quiet"]).current_dir(&self.root);
        for variable in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
            git.env_remove(variable);
        }
        assert!(git.status().unwrap().success());
        self
    }

    /// The command in this workshop, to be run to its end.
    pub fn workshop(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = super::workshop();
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", self.root.join("target")).args(arguments);
        command
    }

    /// Runs `cargo workshop LINE` in this workshop: see [`super::says`].
    pub fn says(&self, line: &str, code: i32, words: &[&str]) -> String {
        super::says(&mut self.workshop(&line.split_whitespace().collect::<Vec<_>>()), code, words)
    }

    /// Waits until so many of this workshop's programs run.
    pub fn wait_for_programs(&self, count: usize) {
        let root = self.root.display().to_string();
        let is_program = |command: &str| command.starts_with(&root) && command.contains("/lesson-0");
        let running = || {
            let all = observe::process::all();
            all.into_iter().filter(|info| is_program(&info.command)).count()
        };
        let reached = observe::limit::poll(super::LIMIT, || (running() == count).then_some(()));
        assert!(reached.is_some(), "{} of the programs run, and not {count}", running());
    }

    /// The command in this workshop, while it runs.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(super::PROGRAM);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", self.root.join("target")).args(arguments);
        Running::spawn(&mut command)
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
