//! What the server knows about a mail, and what it doesn't.

use jobs::{State, Why};

/// A worker is gone, and `state` is the last that is known about one of
/// its mails. What is known now? `reports` says whether the worker
/// reports each mail before it starts it; `why` says what happened to it.
pub fn settle(state: State, reports: bool, why: &Why) -> State {
    todo!("5: what is known about this mail, now that its worker is gone?")
}

/// Whether a retry sends this mail: it is not sent, as far as the server knows.
pub fn is_unsent(state: &State) -> bool {
    todo!("6: which mails does a retry send?")
}
