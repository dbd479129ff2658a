//! Tools that may be missing: real Node, a broker.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where a tool lies that a spec can do without, or `None` when it is not installed.
///
/// A missing tool is said in one line and the spec passes. With `WORKSHOP_REQUIRE=all` it is a failure.
///
/// # Panics
/// When the tool is missing and `WORKSHOP_REQUIRE` is `all`.
pub fn optional_tool(name: &str, how_to_get_it: &str) -> Option<PathBuf> {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(PathBuf::from(name));
    }
    let message = format!("{name} is not installed, so this check is left out. To have it: {how_to_get_it}");
    assert!(env::var("WORKSHOP_REQUIRE").as_deref() != Ok("all"), "{message}");
    eprintln!("{message}");
    None
}

/// Real Node, 20 or newer.
pub fn node() -> Option<PathBuf> {
    optional_tool("node", "install Node.js 20 or newer, or leave it: it is not needed to learn")
}
