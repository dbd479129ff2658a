//! Where the workshop lies, and building what is in it.

use crate::children::Group;
use crate::failure::Failure;
use crate::interrupt;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the workspace: the nearest one above the current folder that holds lessons and solutions.
///
/// # Errors
/// When the current folder is outside of the workshop.
pub fn root() -> Result<PathBuf, Failure> {
    let here = env::current_dir()
        .map_err(|error| Failure::input(format!("cannot tell the current folder: {error}")))?;
    let is_root = |folder: &&Path| folder.join("lessons").is_dir() && folder.join("solutions").is_dir();
    here.ancestors().find(is_root).map(Path::to_owned).ok_or_else(|| {
        Failure::input(format!("cannot find the workshop: no lessons folder in or above {}", here.display()))
    })
}

/// The folder that cargo builds in.
pub fn target(root: &Path) -> PathBuf {
    root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// cargo, to be run in the workspace. The one that runs us, where it says so.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// Builds a package and gives the path of its program. cargo's messages go to stderr.
///
/// # Errors
/// When cargo cannot be started, or when it does not build the program.
pub fn build(root: &Path, package: &str) -> Result<PathBuf, Failure> {
    let cannot = |why: &str| Failure::work(format!("cannot build {package}: {why}"));
    let mut command = cargo(root);
    command.args(["build", "--package", package, "--message-format", "json-render-diagnostics"]);
    let mut cargo = Group::start(command.stdout(Stdio::piped()))
        .map_err(|error| cannot(&format!("cargo does not start: {error}")))?;
    let messages = cargo.child().stdout.take().ok_or_else(|| cannot("no messages"))?;
    let program = BufReader::new(messages)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok())
        .filter(|message| message["target"]["name"] == package)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .last();
    // Its messages have ended, so cargo is about to end too.
    let status = cargo.child().wait().map_err(|error| cannot(&error.to_string()))?;
    if interrupt::requested() {
        return Err(interrupt::failure());
    }
    if !status.success() {
        return Err(cannot("cargo's messages are above"));
    }
    program.ok_or_else(|| cannot("cargo made no program of this name"))
}
