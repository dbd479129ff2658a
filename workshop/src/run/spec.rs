//! Running a lesson's spec with cargo and reading what it says.

use crate::failure::Failure;
use crate::run::command::{Captured, captured};
use crate::run::workspace;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long cargo may build. It may wait for another cargo that builds in the same folder.
const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// How long a spec may run. It limits each of its own waits; this is for one that hangs all the same.
const LIMIT: Duration = Duration::from_secs(180);

/// Without such a tool a spec checks next to nothing. (Without Node it leaves some checks out, and the others still
/// prove something.)
const NEEDED: [&str; 1] = ["nats-server"];

/// What came of a run.
#[derive(Debug)]
pub enum Verdict {
    /// It does not compile.
    DoesNotCompile,
    /// It did not end within the limit.
    Hangs,
    /// Some check failed.
    Red,
    /// All checks passed.
    Green,
    /// Checks were left out, and libtest says that they passed: this tool is missing.
    Lacks(&'static str),
}

impl Verdict {
    /// The verdict on a spec that has ended so, or had to be ended, and has printed this.
    pub fn of(status: Option<ExitStatus>, printed: &str) -> Self {
        match status {
            None => Self::Hangs,
            Some(status) if !status.success() => Self::Red,
            Some(_) => {
                let lacks = |name: &&str| printed.contains(&observe::tool::left_out(name));
                NEEDED.into_iter().find(lacks).map_or(Self::Green, Self::Lacks)
            }
        }
    }
}

/// A run and what was printed, stdout and stderr as they came.
pub struct Run {
    /// What came of it.
    pub verdict: Verdict,
    /// What cargo said while it built.
    pub build_output: String,
    /// What the spec said.
    pub output: String,
    /// How long the spec ran.
    pub took: Duration,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The name of the test.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
}

/// Builds and runs the spec of a package, `lesson-NN` or `solution-NN`, in this workspace.
///
/// # Errors
/// When cargo cannot be started, or fails itself, or when Ctrl-C was pressed.
pub fn run(root: &Path, package: &str) -> Result<Run, Failure> {
    // Built first and run afterwards, to tell an answer that does not compile from one that fails. It is run
    // without cargo, which would look through the whole workspace a second time.
    workspace::claim_target(root)?;
    let mut cargo = workspace::cargo(root);
    let build = Build::of(cargo.args(["test", "--package", package, "--test", "spec"]))?;
    let spec = build.executable("spec").filter(|_| build.succeeded);
    let mut run = Run {
        verdict: Verdict::DoesNotCompile,
        build_output: build.output,
        output: String::new(),
        took: Duration::ZERO,
    };
    let Some(spec) = spec else { return Ok(run) };
    let began = Instant::now();
    let mut command = Command::new(spec.path);
    // A backtrace says nothing to a learner. cargo runs a test in its package's folder, too.
    command.args(["--format", "pretty"]).current_dir(spec.package).env("RUST_BACKTRACE", "0");
    let end = captured(&mut command, LIMIT, None)?;
    run.took = began.elapsed();
    run.verdict = Verdict::of(end.status, &end.text);
    run.output = end.text;
    Ok(run)
}

/// What cargo made of a package and its spec.
pub struct Build {
    messages: Vec<Value>,
    /// What cargo and rustc said to people.
    pub output: String,
    /// Whether everything was built.
    pub succeeded: bool,
}

/// A program that cargo made.
pub struct Executable {
    /// Where it is.
    pub path: PathBuf,
    /// The folder of its package.
    pub package: PathBuf,
}

impl Build {
    /// Lets this `cargo test` build, and not run.
    ///
    /// # Errors
    /// When cargo cannot be started, or when it fails itself (rustc's errors are none of its own), or when Ctrl-C was
    /// pressed.
    pub fn of(cargo_test: &mut Command) -> Result<Self, Failure> {
        cargo_test.args(["--no-run", "--message-format", "json"]);
        // What it says is looked at in plain text.
        cargo_test.env("CARGO_TERM_COLOR", "never");
        let Captured { text, status } = captured(cargo_test, BUILD_LIMIT, None)?;
        let succeeded = status.is_some_and(|status| status.success());
        let mut build = Self { messages: Vec::new(), output: String::new(), succeeded };
        text.lines().for_each(|line| build.read(line));
        if succeeded || build.messages.iter().any(is_error_of_rustc) {
            return Ok(build);
        }
        Err(build.failure_of_cargo())
    }

    fn read(&mut self, line: &str) {
        match serde_json::from_str::<Value>(line) {
            Ok(message) if message.is_object() => {
                self.output += message["message"]["rendered"].as_str().unwrap_or_default();
                self.messages.push(message);
            }
            _ => {
                self.output += line;
                self.output.push('\n');
            }
        }
    }

    /// What cargo says of a folder that cannot be written to, or of a Cargo.toml, is no verdict on a program.
    fn failure_of_cargo(&self) -> Failure {
        let errors = self.output.find("error: ").map_or(&*self.output, |begin| &self.output[begin + 7..]);
        let mut why =
            format!("cargo itself fails, before rustc has said anything. It says:\n{}", errors.trim());
        if ["Read-only file system", "Permission denied"].iter().any(|words| errors.contains(words)) {
            why += "\nTo let cargo build in a folder of your own, for this copy of the workshop alone: \
                    export CARGO_TARGET_DIR=~/workshop-target";
        }
        Failure::input(why)
    }

    /// The program of this target.
    pub fn executable(&self, target: &str) -> Option<Executable> {
        let of_target = self.messages.iter().filter(|message| message["target"]["name"] == target);
        let executable = |message: &Value| {
            let path = PathBuf::from(message["executable"].as_str()?);
            let package = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
            Some(Executable { path, package })
        };
        of_target.filter_map(executable).next_back()
    }
}

fn is_error_of_rustc(message: &Value) -> bool {
    message["message"]["level"].as_str().is_some_and(|level| level.starts_with("error"))
}

impl Run {
    /// The checks that the spec has run, in alphabetical order.
    pub fn checks(&self) -> Vec<Check> {
        let check = |line: &str| {
            let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
            let passed = match result {
                "ok" => true,
                "FAILED" => false,
                _ => return None,
            };
            Some(Check { name: name.to_owned(), passed })
        };
        let mut checks: Vec<Check> = self.output.lines().filter_map(check).collect();
        // They are printed as they end, which differs from run to run.
        checks.sort_by(|one, other| one.name.cmp(&other.name));
        checks
    }

    /// What the spec said about a check that failed.
    pub fn report(&self, name: &str) -> String {
        let heading = format!("---- {name} stdout ----");
        let after = self.output.lines().skip_while(|line| *line != heading).skip(1);
        let is_end =
            |line: &&str| *line == "failures:" || (line.starts_with("---- ") && line.ends_with(" ----"));
        after.take_while(|line| !is_end(line)).collect::<Vec<_>>().join("\n")
    }
}
