//! Programs that are not part of Rust, and that a machine may lack: real Node, a broker.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where the program of this name lies, or `None` when it is not installed.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian puts servers where only root's PATH looks.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// What a spec says, once, when it leaves out the checks that need this program. libtest counts them as passed: by
/// these words `cargo workshop` knows better.
pub fn left_out(name: &str) -> String {
    format!("{name} is not installed, so the checks that need it are left out.")
}

/// What `WORKER` is to say for a worker that is started with these words: they stand with a space between them, or, where
/// one of them has a space in it, as a JSON array.
///
/// ```
/// assert_eq!(observe::tool::worker(["node", "/a/send_mail.mjs"]), "node /a/send_mail.mjs");
/// assert_eq!(observe::tool::worker(["node", "/my files/send_mail.mjs"]), r#"["node", "/my files/send_mail.mjs"]"#);
/// ```
pub fn worker(words: impl IntoIterator<Item = impl AsRef<Path>>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.as_ref().display().to_string()).collect();
    if words.iter().any(|word| word.contains(char::is_whitespace)) {
        // Rust and JSON write a string in the same way, unless it has control characters in it.
        format!("{words:?}")
    } else {
        words.join(" ")
    }
}
