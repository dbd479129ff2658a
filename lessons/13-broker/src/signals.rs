//! The signals that end a program, as in lesson 10. This part is given.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, which Ctrl-C sends, and SIGTERM, which `kill` and service managers send.
pub struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignals {
    /// From now on, the signals end nothing by themselves.
    pub fn new() -> Result<Self, String> {
        let catch = |kind| signal(kind).map_err(|error| format!("cannot catch signals: {error}"));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    /// Waits for one of them.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
