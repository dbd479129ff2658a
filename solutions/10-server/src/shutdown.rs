//! The signals that ask a program to end.

use mail::log;
use std::process;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

/// A signal this soon after the first one repeats it: `timeout` and service
/// managers send SIGTERM to a whole group of processes, some of which pass it on.
const SAME_REQUEST: Duration = Duration::from_millis(200);

/// SIGINT, which Ctrl-C sends, and SIGTERM, which `kill` and service managers send.
pub struct ShutdownSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl ShutdownSignals {
    /// Catches both from now on: they no longer end the program by themselves.
    ///
    /// # Errors
    /// One line of text when the system doesn't allow it.
    pub fn new() -> Result<Self, String> {
        let catch = |kind| signal(kind).map_err(|error| format!("cannot catch signals: {error}"));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    /// Waits for the first signal, after which a program finishes its work
    /// in flight. A second one ends the program immediately, with status 1.
    pub async fn first(mut self) {
        self.next().await;
        log!("finishing the work in flight; a second signal exits immediately");
        tokio::spawn(async move {
            let repeated = async {
                loop {
                    self.next().await;
                }
            };
            let _: Result<(), _> = timeout(SAME_REQUEST, repeated).await;
            self.next().await;
            log!("error: exiting with work in flight: a second signal came");
            process::exit(1);
        });
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
