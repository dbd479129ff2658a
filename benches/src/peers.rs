//! The programs beside which the workshop is measured: where they are, and which versions.

use crate::machine;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// This package's folder: its JavaScript programs, and what npm has installed for them.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The path of a file of this package.
pub fn file(name: &str) -> String {
    folder().join(name).display().to_string()
}

/// Looks a program up: among the packages of npm, and where programs are.
pub fn find(program: &str) -> Option<PathBuf> {
    let of_npm = folder().join("node_modules/.bin").join(program);
    if of_npm.is_file() { Some(of_npm) } else { observe::tool::find(program) }
}

/// Looks a program up, and says in one line when it is not there: then that peer is left out.
pub fn find_or_say(name: &str, program: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        crate::note!("{name} is left out: there is no {program}");
    }
    found
}

/// The JavaScript runtimes that are there: name, program, and the arguments before a script's name.
pub fn runtimes() -> Vec<(&'static str, PathBuf, &'static [&'static str])> {
    let known: [(_, _, &[&str]); 3] =
        [("Node", "node", &[]), ("Bun", "bun", &[]), ("Deno", "deno", &["run", "--allow-all"])];
    let installed = |(name, program, flags)| find_or_say(name, program).map(|path| (name, path, flags));
    known.into_iter().filter_map(installed).collect()
}

/// Node, and the version of a package of npm, when both are there. Otherwise one line says what is missing.
pub fn node_with(package: &str) -> Option<(PathBuf, String)> {
    let node = find_or_say(package, "node")?;
    let manifest = folder().join("node_modules").join(package).join("package.json");
    let version = fs::read_to_string(manifest).ok().and_then(|text| {
        let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(manifest["version"].as_str()?.to_owned())
    });
    if version.is_none() {
        crate::note!("{package} is left out: npm install --prefix benches would install it");
    }
    Some((node, format!("{package} {}", version?)))
}

/// A program's own word for its version, in short: "Node 20.1.0".
pub fn version(name: &str, program: &Path) -> String {
    let line = machine::output(Command::new(program).arg("--version")).unwrap_or_default();
    let number = line.split([' ', 'v']).find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    format!("{name} {}", number.unwrap_or("of an unknown version"))
}

/// Postfix's version.
pub fn postfix() -> String {
    let version =
        find("postconf").and_then(|path| machine::output(Command::new(path).args(["-h", "mail_version"])));
    format!("Postfix {}", version.unwrap_or_else(|| "of an unknown version".into()))
}

/// The version of a crate, as `Cargo.lock` says.
pub fn crate_version(name: &str) -> String {
    let lock = fs::read_to_string(folder().join("../Cargo.lock")).unwrap_or_default();
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{name}\""));
    let version = lines.nth(1).and_then(|line| line.split('"').nth(1));
    format!("{name} {}", version.unwrap_or("of an unknown version"))
}
