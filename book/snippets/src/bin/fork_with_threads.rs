//! Why a program with threads must not fork: the child has the lock, and not the thread that would unlock it.

// ANCHOR: shown
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::sync::Mutex;
use std::thread::{self, sleep};
use std::time::Duration;

static LOCK: Mutex<()> = Mutex::new(());

fn main() -> nix::Result<()> {
    thread::spawn(|| {
        let _held = LOCK.lock();
        sleep(Duration::from_millis(200));
    });
    sleep(Duration::from_millis(100));
    // SAFETY: none! Another thread holds a lock. That is the mistake.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // The copy of the lock is locked. Its thread was not copied.
            let _never = LOCK.lock();
            println!("child:  I have the lock");
        }
        ForkResult::Parent { child } => {
            sleep(Duration::from_millis(400));
            let _ours = LOCK.lock();
            println!("parent: I have the lock");
            if waitpid(child, Some(WaitPidFlag::WNOHANG))? == WaitStatus::StillAlive {
                println!("parent: my child is still waiting for its copy");
                kill(child, Signal::SIGKILL)?;
            }
            waitpid(child, None)?;
        }
    }
    Ok(())
}
// ANCHOR_END: shown
