//! Killing a child and everything that it has started.

// ANCHOR: shown
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

fn main() -> std::io::Result<()> {
    let mut shell = Command::new("sh")
        .args(["-c", "sleep 60 & sleep 60 & echo ready; wait"])
        .stdout(Stdio::piped())
        .process_group(0) // a new group, whose number is the shell's pid
        .spawn()?;
    let mut out = BufReader::new(shell.stdout.take().expect("a pipe"));
    out.read_line(&mut String::new())?;

    // `shell.kill()` would leave both sleeps running, and the pipe open
    // for a minute.
    killpg(Pid::from_raw(shell.id().cast_signed()), Signal::SIGKILL)?;
    out.read_to_end(&mut Vec::new())?;
    println!("end of file: nothing can write to the pipe anymore");
    println!("{}", shell.wait()?);
    Ok(())
}
// ANCHOR_END: shown
