//! The order of the steps. A mistake in an early step makes checks of later ones fail, too. So a check that fails waits for
//! those of earlier steps that still run: when one of them fails, that is the one to read.

use std::cell::RefCell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A check of this test program.
struct Entry {
    name: String,
    step: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Over,
    Failed,
}

static CHECKS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
static CHANGED: Condvar = Condvar::new();

thread_local! {
    /// The check that this thread runs: libtest gives each one a thread, or runs one after another on the same.
    static CURRENT: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// The check is over when its thread ends or begins another one.
struct Running(usize);

impl Drop for Running {
    fn drop(&mut self) {
        change(self.0, State::Over);
    }
}

fn checks() -> MutexGuard<'static, Vec<Entry>> {
    CHECKS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn change(number: usize, to: State) {
    let state = &mut checks()[number].state;
    if *state == State::Running {
        *state = to;
    }
    CHANGED.notify_all();
}

/// A check of this step begins on this thread.
pub(crate) fn begin(name: &str, step: u32) {
    CURRENT.with_borrow_mut(|current| {
        *current = None;
        let mut checks = checks();
        checks.push(Entry { name: name.to_owned(), step, state: State::Running });
        *current = Some(Running(checks.len() - 1));
    });
}

/// The check of this thread has failed.
pub(crate) fn failed() {
    CURRENT.with_borrow(|current| {
        if let Some(Running(number)) = current {
            change(*number, State::Failed);
        }
    });
}

/// How many times less patient a check of this step may be, because one of its step or an earlier one has failed already:
/// then there is one to read. After an earlier step, it says only that it fails, too.
pub(crate) fn hurry(step: u32) -> u32 {
    let failed = |check: &&Entry| check.state == State::Failed && check.step <= step;
    match checks().iter().filter(failed).map(|check| check.step).min() {
        None => 1,
        Some(first) if first == step => 4,
        Some(_) => 12,
    }
}

/// The first check of an earlier step that has failed. Waits for those that still run. libtest begins checks in the order
/// of their names, which is the order of the steps, so all earlier ones have begun.
pub(crate) fn failed_before(step: u32) -> Option<String> {
    let runs_before = |checks: &mut Vec<Entry>| {
        checks.iter().any(|check| check.step < step && check.state == State::Running)
    };
    let checks = CHANGED.wait_while(checks(), runs_before).unwrap_or_else(PoisonError::into_inner);
    let failed = checks.iter().filter(|check| check.step < step && check.state == State::Failed);
    failed.min_by_key(|check| check.step).map(|check| check.name.clone())
}
