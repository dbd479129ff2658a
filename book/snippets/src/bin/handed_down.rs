//! Which descriptors a child inherits, and how it learns about them.

use command_fds::{CommandFdExt, FdMapping};
use std::io::Read;
use std::process::{Command, Stdio};

// ANCHOR: shown
fn child() -> Command {
    let mut command = Command::new("sh");
    let script = r#"echo "$WORD" >&7 || echo "child: 7 is not open""#; // >&7 writes to descriptor 7
    command.args(["-c", script]).env("WORD", "tick").stderr(Stdio::null());
    command
}

fn main() -> std::io::Result<()> {
    let (mut reader, writer) = std::io::pipe()?;
    child().status()?; // The pipe is close-on-exec, so this child doesn't get it.

    let mapping = FdMapping { parent_fd: writer.into(), child_fd: 7 };
    child().fd_mappings(vec![mapping]).expect("one mapping can't collide").status()?;
    // That command owned `writer`. The `;` dropped it, so the pipe can reach end of file.
    let mut heard = String::new();
    reader.read_to_string(&mut heard)?;
    print!("parent heard: {heard}");
    Ok(())
}
// ANCHOR_END: shown
