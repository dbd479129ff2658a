//! A socket pair carries bytes both ways. It reports end of file when every copy of the other end is closed.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

// ANCHOR: shown
fn main() -> std::io::Result<()> {
    let (mut ann, mut bob) = UnixStream::pair()?;
    let mut word = [0; 4];
    ann.write_all(b"tick")?;
    bob.read_exact(&mut word)?;
    println!("Bob read {:?}", String::from_utf8_lossy(&word));

    let copy = bob.try_clone()?;
    drop(bob);
    ann.set_read_timeout(Some(Duration::from_millis(50)))?; // Or the next line waits forever.
    println!("a copy is open: {:?}", ann.read(&mut word).map_err(|error| error.kind()));
    drop(copy);
    println!("every copy is closed: {:?}", ann.read(&mut word));
    Ok(())
}
// ANCHOR_END: shown
