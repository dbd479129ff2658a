//! After a fork, each process has a copy of everything.

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

// ANCHOR: shown
fn main() -> nix::Result<()> {
    let mut pages = vec![1u8; 3];
    // SAFETY: the program has one thread, so no lock is held by another one.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // Copy-on-write: the kernel copies the page at this moment.
            pages[0] = 9;
            println!("child:  {pages:?}");
        }
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            println!("parent: {pages:?}");
        }
    }
    Ok(())
}
// ANCHOR_END: shown
