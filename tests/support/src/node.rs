//! Tools that may be missing: real Node, a broker.

use std::collections::BTreeSet;
use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
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
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(PathBuf::from(name));
    }
    let how = format!("To have it: {how_to_get_it}");
    assert!(env::var("WORKSHOP_REQUIRE").as_deref() != Ok("all"), "{name} is not installed. {how}");
    say_once(&format!("{name} is not installed, so the checks that need it are left out. {how}\n"));
    None
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
