//! `cargo workshop doctor --line`: one line for a teacher, without a path and without a name.

use super::{Finding, free_bytes, version};
use crate::failure::Failure;
use crate::ui::terminal;
use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

/// Prints the line. It is never broken, however narrow the terminal is: a copied line must stay one.
///
/// # Errors
/// When something is missing, as without `--line`.
pub fn print(root: &Path, findings: &[(&str, Finding)]) -> Result<(), Failure> {
    let missing = names(findings, |finding| matches!(finding, Finding::Missing(_)));
    let optional = names(findings, |finding| matches!(finding, Finding::Optional(_)));
    let mut line = format!("{}: {}", if missing.is_empty() { "ready" } else { "NOT READY" }, machine(root));
    for (word, names) in [("missing", &missing), ("optional", &optional)] {
        if !names.is_empty() {
            line += &format!("; {word}: {}", names.join(", "));
        }
    }
    terminal::print(line);
    if missing.is_empty() {
        return Ok(());
    }
    let count = missing.len();
    Err(Failure::work(format!("missing: {count}; `cargo workshop doctor` says how to fix it")))
}

/// The names of those findings that are like this.
fn names<'a>(findings: &[(&'a str, Finding)], is_like: impl Fn(&Finding) -> bool) -> Vec<&'a str> {
    findings.iter().filter(|(_, finding)| is_like(finding)).map(|(name, _)| *name).collect()
}

/// The machine in a few words.
fn machine(root: &Path) -> String {
    let rust = version("rustc");
    let rust = rust.as_deref().and_then(|text| text.split(' ').nth(1));
    let rust = rust.map_or_else(|| "no Rust".into(), |number| format!("Rust {number}"));
    let free = free_bytes(root).map_or_else(|| "?".into(), |bytes| (bytes >> 30).to_string());
    let cores = available_parallelism().map_or_else(|_| "?".into(), |cores| cores.to_string());
    let commit = commit(root).map_or_else(|| "without git".into(), |commit| format!("at {commit}"));
    format!("{} {ARCH}, {rust}, {free} GiB free, cores: {cores}, workshop {commit}", system())
}

/// The system. Inside WSL, it matters which of the two it is.
fn system() -> &'static str {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    match OS {
        "linux" if kernel.contains("WSL2") => "WSL2",
        "linux" if kernel.contains("Microsoft") => "WSL1",
        "linux" => "Linux",
        "macos" => "macOS",
        other => other,
    }
}

/// The commit of this clone. A copy without a `.git` has none, even where it lies in another clone.
fn commit(root: &Path) -> Option<String> {
    if !root.join(".git").exists() {
        return None;
    }
    let mut git = Command::new(observe::tool::find("git")?);
    git.args(["rev-parse", "--short", "HEAD"]).current_dir(root).stdin(Stdio::null()).stderr(Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
