//! Text that waits in a buffer is copied by a fork, and written twice.

// ANCHOR: shown
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

fn main() -> nix::Result<()> {
    print!("tick "); // waits in the buffer of stdout until a line end comes
    // SAFETY: this process has one thread, so no other thread can hold a lock.
    match unsafe { fork() }? {
        ForkResult::Child => println!("child"),
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            println!("parent");
        }
    }
    Ok(())
}
// ANCHOR_END: shown
