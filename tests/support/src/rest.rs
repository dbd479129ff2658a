//! Whether a program that waits really waits, or looks again and again.

use crate::{Check, Running, limit, process};
use std::iter::once;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// For so long nothing of a program may run.
const REST: Duration = Duration::from_millis(150);

impl Running {
    /// The program must sleep while it waits: for so long that it can't be looking again and again, however long it sleeps
    /// between two looks. `meanwhile` says what it waits for.
    pub fn sleeps(&self, check: &Check, meanwhile: &str) {
        if let Some(how) = self.is_busy_waiting() {
            check.fail(&format!("a program that sleeps while {meanwhile}"), how);
        }
    }

    /// How the program is busy waiting, in words, if it is.
    pub fn is_busy_waiting(&self) -> Option<&'static str> {
        if !self.rests() {
            return Some("it wakes up again and again, to look: it is busy waiting");
        }
        let sleeps_for_a_time = process::sleeps(self.pid()).unwrap_or(false);
        sleeps_for_a_time
            .then_some("it sleeps for a fixed time, to look again when that is over: it is busy waiting")
    }

    /// Waits until no thread of the program runs any more. False when that takes too long. A program that has ended rests,
    /// too. Where only Linux shows what a process does, this is true at once.
    pub fn rests(&self) -> bool {
        let began = Instant::now();
        let look = || process::activity(once(self.pid()));
        let Some(mut before) = look() else { return true };
        loop {
            sleep(REST);
            let Some(now) = look() else { return true };
            if now == before && !now.is_at_work() {
                return true;
            }
            if began.elapsed() >= self.spec().in_hurry(limit::limit() * 3 / 10).max(2 * REST) {
                return false;
            }
            before = now;
        }
    }
}
