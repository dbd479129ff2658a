//! A child with two pipes: one thread writes while another reads.

// ANCHOR: shown
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

fn main() -> std::io::Result<()> {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut to_child = child.stdin.take().expect("stdin is piped");
    let mut from_child = child.stdout.take().expect("stdout is piped");
    // The closure owns `to_child`, and drops it when it returns: `cat` reads end of file.
    thread::spawn(move || to_child.write_all(&[b'.'; 1_000_000]));
    let mut text = String::new();
    from_child.read_to_string(&mut text)?;
    println!("{} bytes came back, {}", text.len(), child.wait()?);
    Ok(())
}
// ANCHOR_END: shown
