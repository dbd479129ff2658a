//! After a fork, each process has a copy of everything.

// ANCHOR: shown
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

fn main() -> nix::Result<()> {
    let mut bytes = vec![1u8; 3];
    // SAFETY: this process has one thread, so no other thread can hold a lock.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // Copy-on-write: this write makes the kernel copy the page.
            bytes[0] = 9;
            println!("child:  {bytes:?}");
        }
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            println!("parent: {bytes:?}");
        }
    }
    Ok(())
}
// ANCHOR_END: shown
