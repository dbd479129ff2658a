//! Tools that may be missing: real Node, a broker.

use observe::tool;
use std::collections::BTreeSet;
use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Where a tool lies that a spec can do without, or `None` when it is not installed.
///
/// A missing tool is said in one line, for all checks of a spec together, and the spec passes. With
/// `WORKSHOP_REQUIRE=all` it is a failure.
///
/// # Panics
/// When the tool is missing and `WORKSHOP_REQUIRE` is `all`.
pub fn optional_tool(name: &str, how_to_get_it: &str) -> Option<PathBuf> {
    if let Some(found) = tool::find(name).filter(|program| !is_broken(program)) {
        return Some(found);
    }
    let how = format!("To have it: {how_to_get_it}");
    assert!(env::var("WORKSHOP_REQUIRE").as_deref() != Ok("all"), "{name} is not installed. {how}");
    say_once(&format!("{} {how}\n", tool::left_out(name)));
    None
}

/// Version managers leave a program of this name that only says that no version was chosen. That this machine is too
/// busy to start it at the moment says nothing.
fn is_broken(program: &Path) -> bool {
    let run = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| !status.success())
}

/// Not by `eprintln!`: libtest keeps to itself what a check prints that passes, and nobody would read it.
fn say_once(line: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if said.insert(line.to_owned()) {
        // Whoever cannot read stderr does not miss it either.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Real Node, 20 or newer.
pub fn node() -> Option<PathBuf> {
    optional_tool("node", "install Node.js 20 or newer, or leave it: it is not needed to learn")
}

/// What `WORKER` is to say for a [`node_program!`](crate::node_program!), where there is Node.
pub fn worker(program: PathBuf) -> Option<String> {
    Some(tool::worker([node()?, program]))
}
