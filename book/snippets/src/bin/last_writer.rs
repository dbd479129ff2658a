//! A pipe reaches end of file when its last write end is closed.

// ANCHOR: shown
use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let (mut reader, mut first) = io::pipe()?;
    let mut second = first.try_clone()?; // fork does this to every descriptor
    first.write_all(b"tick ")?;
    drop(first);
    second.write_all(b"tock")?; // the pipe is still open
    drop(second); // without this line, the read below would wait forever
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    println!("{text}, and then end of file");
    Ok(())
}
// ANCHOR_END: shown
