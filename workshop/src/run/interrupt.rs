//! Ctrl-C, and SIGTERM, which means the same here.

use crate::failure::Failure;
use crate::run::children;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::thread;

/// From now on, Ctrl-C ends all children instead of this process.
///
/// # Errors
/// When the system takes no handler.
pub fn listen() -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::work(format!("cannot listen for Ctrl-C: {error}")))?;
    thread::spawn(move || {
        for _signal in signals.forever() {
            children::interrupt();
        }
    });
    Ok(())
}

/// Whether Ctrl-C was pressed.
pub fn requested() -> bool {
    children::are_interrupted()
}

/// What a verb says that was ended in the middle.
pub fn failure() -> Failure {
    Failure::work("interrupted")
}
