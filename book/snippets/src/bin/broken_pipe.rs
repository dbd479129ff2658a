//! Writing to a pipe that has no reader anymore.

// ANCHOR: shown
use std::io::{Write, pipe};

fn main() -> std::io::Result<()> {
    let (reader, mut writer) = pipe()?;
    writer.write_all(b"tick\n")?;
    drop(reader);
    // Rust ignores SIGPIPE, so this write returns an error (EPIPE) instead of killing the program.
    match writer.write_all(b"tock\n") {
        Ok(()) => println!("written"),
        Err(error) => println!("{:?}: {error}", error.kind()),
    }
    Ok(())
}
// ANCHOR_END: shown
