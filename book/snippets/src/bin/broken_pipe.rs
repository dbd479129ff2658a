//! Writing to a pipe that has no reader any more.

use std::io::{Write, pipe};

// ANCHOR: shown
fn main() -> std::io::Result<()> {
    let (reader, mut writer) = pipe()?;
    writer.write_all(b"tick\n")?;
    drop(reader);
    // Rust ignores SIGPIPE, so this is an error (EPIPE) and not the end of the program.
    match writer.write_all(b"tock\n") {
        Ok(()) => println!("written"),
        Err(error) => println!("{:?}: {error}", error.kind()),
    }
    Ok(())
}
// ANCHOR_END: shown
