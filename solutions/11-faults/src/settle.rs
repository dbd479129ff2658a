//! What the server knows about a mail, and what it doesn't.

use jobs::{State, Why};

// ANCHOR: settle
/// A worker is gone, and `state` is the last that is known about one of
/// its mails. What is known now? `reports` says whether the worker
/// reports each mail before it starts it; `why` says what happened to it.
pub fn settle(state: State, reports: bool, why: &Why) -> State {
    // ANCHOR: step_5 todo!("5: what is known about this mail, now that its worker is gone?")
    match state {
        State::Started => State::Unknown(why.clone()),
        State::NotStarted if !reports => State::Unknown(why.clone()),
        state => state,
    }
    // ANCHOR_END: step_5
}
// ANCHOR_END: settle

// ANCHOR: unsent
/// Whether a retry sends this mail: it is not sent, as far as the server knows.
pub fn is_unsent(state: &State) -> bool {
    // ANCHOR: step_6 todo!("6: which mails does a retry send?")
    match state {
        State::NotStarted | State::Failed(_) | State::Unknown(_) => true,
        State::Started | State::Sent => false,
    }
    // ANCHOR_END: step_6
}
// ANCHOR_END: unsent
