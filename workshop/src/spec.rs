//! Running a lesson's spec with cargo and reading what it says.

use crate::children::Group;
use crate::failure::Failure;
use crate::{interrupt, workspace};
use std::io::{self, PipeReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long cargo may build. It may wait for another cargo that builds in the same folder.
const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A spec that is to be run: of this package, in this workspace.
pub struct Spec<'a> {
    /// The folder of the workspace.
    pub root: &'a Path,
    /// `lesson-NN` or `solution-NN`.
    pub package: &'a str,
    /// How long the spec may run. A spec limits each of its own waits; this is for one that hangs all the same.
    pub limit: Duration,
}

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
}

/// A run and what was printed, stdout and stderr as they came.
pub struct Run {
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

impl Spec<'_> {
    /// Builds and runs the spec.
    ///
    /// # Errors
    /// When cargo cannot be started, or when Ctrl-C was pressed.
    pub fn run(&self) -> Result<Run, Failure> {
        // Built first and run afterwards, to tell an answer that does not compile from one that fails.
        let build = captured(self.cargo().arg("--no-run"), BUILD_LIMIT, None)?;
        let mut run = Run {
            verdict: Verdict::DoesNotCompile,
            build_output: build.text,
            output: String::new(),
            took: Duration::ZERO,
        };
        if !build.status.is_some_and(|status| status.success()) {
            return Ok(run);
        }
        let began = Instant::now();
        let end = captured(self.cargo().arg("--quiet").args(["--", "--format", "pretty"]), self.limit, None)?;
        run.took = began.elapsed();
        run.output = end.text;
        run.verdict = match end.status {
            None => Verdict::Hangs,
            Some(status) if status.success() => Verdict::Green,
            Some(_) => Verdict::Red,
        };
        Ok(run)
    }

    fn cargo(&self) -> Command {
        let mut command = workspace::cargo(self.root);
        command.args(["test", "--package", self.package, "--test", "spec"]);
        // A backtrace says nothing to a learner, and the words of a report are looked for in plain text.
        command.env("RUST_BACKTRACE", "0").env("CARGO_TERM_COLOR", "never");
        command
    }
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

/// What a command printed, stdout and stderr as they came, and how it ended; `None` when it had to be ended.
pub struct Captured {
    pub text: String,
    pub status: Option<ExitStatus>,
}

/// Runs a command to its end, or until `limit` is over, or until `enough` says so of what was printed.
///
/// # Errors
/// When it cannot be started, or when Ctrl-C was pressed.
pub fn captured(
    command: &mut Command,
    limit: Duration,
    enough: Option<&(dyn Fn(&str) -> bool + Sync)>,
) -> Result<Captured, Failure> {
    let name = command.get_program().display().to_string();
    let cannot = |error: io::Error| Failure::work(format!("cannot run {name}: {error}"));
    let (reader, writer) = io::pipe().map_err(cannot)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(cannot)?).stderr(writer);
    let mut group = Group::start(command).map_err(cannot)?;
    // The command keeps its ends of the pipe as long as it has them; without them, end of file comes.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let is_enough = AtomicBool::new(false);
    let (text, status) = thread::scope(|scope| {
        let reading = scope.spawn(|| read_until_enough(reader, enough, &is_enough));
        let status = observe::limit::poll(limit, || match group.ended() {
            Some(status) => Some(Some(status)),
            None => is_enough.load(Ordering::SeqCst).then_some(None),
        });
        drop(group);
        (reading.join().unwrap_or_default(), status.flatten())
    });
    if interrupt::requested() {
        return Err(interrupt::failure());
    }
    Ok(Captured { text, status })
}

fn read_until_enough(
    mut reader: PipeReader,
    enough: Option<&(dyn Fn(&str) -> bool + Sync)>,
    is_enough: &AtomicBool,
) -> String {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // What was read before an error is still worth showing.
        let count = reader.read(&mut buffer).unwrap_or(0);
        bytes.extend_from_slice(&buffer[..count]);
        if enough.is_some_and(|enough| enough(&String::from_utf8_lossy(&bytes))) {
            is_enough.store(true, Ordering::SeqCst);
        }
        if count == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}
