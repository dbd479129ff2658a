//! Ctrl-C, and SIGTERM, which means the same here.

use crate::children;
use crate::failure::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on, Ctrl-C ends all children and then calls `act`, instead of ending this process.
///
/// # Errors
/// When the system takes no handler.
pub fn listen(act: impl Fn() + Send + 'static) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::work(format!("cannot listen for Ctrl-C: {error}")))?;
    thread::spawn(move || {
        for _signal in signals.forever() {
            REQUESTED.store(true, Ordering::SeqCst);
            children::end_all();
            act();
        }
    });
    Ok(())
}

/// Whether Ctrl-C was pressed.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// What a verb says that was ended in the middle.
pub fn failure() -> Failure {
    Failure::work("interrupted")
}
