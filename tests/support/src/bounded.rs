//! A limit for a unit test, whose code runs in the test program itself.

use crate::check::describe_limit;
use crate::{limit, process};
use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// A program of the workshop needs some ten MiB.
const MAX_MEMORY_BYTES: u64 = 512 << 20;
/// How often to look. A loop that fills memory fills some hundred MiB a second.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// While this lives, the test has a limit of time and of memory. See [`bounded`].
pub struct Bounded(#[expect(dead_code, reason = "dropped, it ends the watch")] Sender<()>);

/// Limits a unit test, in time ([`limit::limit`]) and in memory (512 MiB for the whole test program), until the result is
/// dropped. A loop without end cannot be stopped from outside, so the test program says which test it was and exits.
///
/// ```
/// let _bounded = support::bounded();
/// assert_eq!(1 + 1, 2);
/// ```
pub fn bounded() -> Bounded {
    let (alive, over) = mpsc::channel();
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let began = Instant::now();
    thread::spawn(move || {
        let is_over = |wait| over.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected);
        while !is_over(LOOK_EVERY) {
            let memory = process::info(std::process::id()).map_or(0, |info| info.resident_bytes);
            if memory > MAX_MEMORY_BYTES {
                give_up(&test, &format!("this test program takes {} MiB of memory", memory >> 20));
            }
            if began.elapsed() > limit::limit() {
                give_up(&test, &format!("it has not ended after {}", describe_limit()));
            }
        }
    });
    Bounded(alive)
}

/// Not by `eprintln!`: libtest keeps to itself what a test prints, and shows it when the test has ended.
fn give_up(test: &str, why: &str) -> ! {
    let words = format!(
        "\nCHECK FAILED: {test}\n\n  came:      {why}\n\nLook for a loop that never ends. The other tests of this \
         program were not run to their end.\n"
    );
    let _ = io::stderr().write_all(words.as_bytes());
    std::process::exit(101)
}
