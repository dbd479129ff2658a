//! A child process, with a pipe for its stdin and one for its stdout.

// ANCHOR: shown
use std::io::{Read, Write};
use std::process::{Command, Stdio};

fn main() -> std::io::Result<()> {
    let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;

    // `take` moves our end of the pipe out, and this line drops it.
    // For the child, that is end of file.
    child.stdin.take().expect("a pipe").write_all(b"tock\ntick\n")?;

    let mut sorted = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut sorted)?;
    let status = child.wait()?;
    print!("{sorted}");
    println!("{status}");
    Ok(())
}
// ANCHOR_END: shown
