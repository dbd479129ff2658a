//! Where the workshop lies, and building what is in it.

use crate::failure::Failure;
use crate::run::children::Group;
use crate::run::command::finish;
use crate::run::interrupt;
use crate::ui::terminal::note;
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

/// Another checkout that builds in the folder that this one builds in, as it was last seen.
pub fn other_checkout(root: &Path) -> Option<PathBuf> {
    let builder = PathBuf::from(fs::read_to_string(builder_file(root)).ok()?);
    (builder != root).then_some(builder)
}

/// The file that says which checkout builds in the folder.
fn builder_file(root: &Path) -> PathBuf {
    target(root).join("workshop-checkout")
}

/// Makes sure that what cargo takes for built was made of this checkout's files.
///
/// cargo names what it makes after the package and its place in the workspace, and builds again what is older than its
/// source. So in a folder that two checkouts share, it takes a program of the one for the other's.
///
/// # Errors
/// When cargo cannot clean up, or when Ctrl-C was pressed.
pub fn claim_target(root: &Path) -> Result<(), Failure> {
    let (file, target) = (builder_file(root), target(root));
    match other_checkout(root) {
        Some(other) => note(format!(
            "note: another checkout of the workshop, {}, also builds in {}. cargo can't tell the programs of the two \
             apart, so yours are built again. Give each checkout its own CARGO_TARGET_DIR.",
            other.display(),
            target.display()
        )),
        // It is ours, or it is the folder that everybody has.
        None if file.is_file() || target.starts_with(root) => return Ok(()),
        None => {}
    }
    if target.is_dir() {
        clean(root)?;
    }
    // Where this cannot be written, cargo cannot build either, and says so.
    let _ = fs::create_dir_all(&target).and_then(|()| fs::write(&file, root.as_os_str().as_bytes()));
    Ok(())
}

/// Lets cargo forget what it made of the packages of the workspace. Dependencies stay.
fn clean(root: &Path) -> Result<(), Failure> {
    let mut clean = cargo(root);
    clean.arg("clean").args(members(root)?.iter().flat_map(|member| ["--package", member]));
    match finish(clean.stdout(Stdio::null()).stderr(Stdio::null()))? {
        true => Ok(()),
        false => Err(Failure::input(format!("cargo cannot clean {}", target(root).display()))),
    }
}

/// The packages of the workspace, without this one, which is running.
fn members(root: &Path) -> Result<Vec<String>, Failure> {
    let cannot = |why: &str| Failure::work(format!("cannot list the packages: {why}"));
    let mut metadata = cargo(root);
    metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = metadata.output().map_err(|error| cannot(&error.to_string()))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| cannot(String::from_utf8_lossy(&output.stderr).trim()))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let names = packages.filter_map(|package| package["name"].as_str());
    Ok(names.filter(|name| *name != env!("CARGO_PKG_NAME")).map(str::to_owned).collect())
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
