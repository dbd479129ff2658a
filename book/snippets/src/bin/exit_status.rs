//! A process exits by itself, or a signal kills it.

// ANCHOR: shown
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

fn main() -> std::io::Result<()> {
    for script in ["exit 3", "kill -TERM $$", "exit 143"] {
        let status = Command::new("sh").args(["-c", script]).status()?;
        let (code, signal) = (status.code(), status.signal());
        println!("{script:13}  code: {code:?}, signal: {signal:?}");
    }
    Ok(())
}
// ANCHOR_END: shown
