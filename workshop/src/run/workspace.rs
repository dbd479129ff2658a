//! Where the workshop lies, and building what is in it.

use crate::failure::Failure;
use crate::run::children::Group;
use crate::run::interrupt;
use serde_json::Value;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the workspace: the nearest one above the current folder that holds lessons and solutions.
///
/// # Errors
/// When the current folder is outside of the workshop.
pub fn root() -> Result<PathBuf, Failure> {
    Ok(course::root()?)
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

/// Another checkout that builds in the folder that this one builds in, or that owns it.
pub fn other_checkout(root: &Path) -> Option<PathBuf> {
    let noted = fs::read_to_string(builder_file(root)).ok().map(PathBuf::from);
    let owner = target(root).parent().filter(|folder| course::is_root(folder)).map(Path::to_owned);
    let is_other = |other: &PathBuf| other.canonicalize().ok() != root.canonicalize().ok();
    [noted, owner].into_iter().flatten().find(is_other)
}

/// The file that says which checkout builds in the folder.
fn builder_file(root: &Path) -> PathBuf {
    target(root).join("workshop-checkout")
}

/// Makes sure that no other checkout builds in the folder that this one builds in.
///
/// cargo names what it makes after the package and its place in the workspace, and builds again what is older than its
/// source. So in a folder that two checkouts share, it takes a program of the one for the other's.
///
/// # Errors
/// When there is such a checkout.
pub fn claim_target(root: &Path) -> Result<(), Failure> {
    let target = target(root);
    if let Some(other) = other_checkout(root) {
        return Err(Failure::input(format!(
            "another checkout of the workshop, {}, also builds in {}, and cargo can't tell the programs of the two apart. \
             Give each checkout its own CARGO_TARGET_DIR. If the other one is gone: cargo clean",
            other.display(),
            target.display()
        )));
    }
    // The folder that everybody has needs no note.
    if !target.starts_with(root) {
        // Where this cannot be written, cargo cannot build either, and says so.
        let _ = fs::create_dir_all(&target)
            .and_then(|()| fs::write(builder_file(root), root.as_os_str().as_bytes()));
    }
    Ok(())
}

/// Builds a package and gives the path of its program. cargo's messages go to stderr.
///
/// # Errors
/// When cargo cannot be started, or when it does not build the program.
pub fn build(root: &Path, package: &str) -> Result<PathBuf, Failure> {
    claim_target(root)?;
    let cannot = |why: &str| Failure::work(format!("cannot build {package}: {why}"));
    let mut command = cargo(root);
    command.args(["build", "--package", package, "--message-format", "json-render-diagnostics"]);
    let mut cargo = Group::start(command.stdout(Stdio::piped()))
        .map_err(|error| cannot(&format!("cargo does not start: {error}")))?;
    let messages = cargo.child().stdout.take().ok_or_else(|| cannot("no messages"))?;
    let program = BufReader::new(messages)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
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
