//! A child process, with pipes at both its ends.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

// ANCHOR: shown
fn main() -> std::io::Result<()> {
    let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;

    // Dropping our end of the pipe at the end of this line is the child's end of file.
    child.stdin.take().expect("a pipe").write_all(b"tock\ntick\n")?;

    let mut sorted = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut sorted)?;
    let status = child.wait()?;
    print!("{sorted}");
    println!("{status}");
    Ok(())
}
// ANCHOR_END: shown
