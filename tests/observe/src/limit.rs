//! How long a spec waits before it says that something does not happen.

use std::env;
use std::time::{Duration, Instant};

/// The limit of every wait: ten seconds, or what `WORKSHOP_LIMIT_SECONDS` says.
///
/// What a spec waits for takes milliseconds, so the limit only decides how soon a hanging program is
/// reported. Raise it for a machine that is very slow or very busy.
pub fn limit() -> Duration {
    env::var("WORKSHOP_LIMIT_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .map_or(Duration::from_secs(10), Duration::from_secs)
}

/// How long a spec watches that something does *not* happen, for example that no answer comes.
pub const BRIEFLY: Duration = Duration::from_millis(150);

/// How often something is asked that no one announces.
pub const LOOK_EVERY: Duration = Duration::from_millis(3);

/// How often somebody who waits for a message looks whether that is in vain.
pub const A_MOMENT: Duration = Duration::from_millis(50);

/// Asks again and again until `condition` gives a value. `None` means that `limit` ran out.
///
/// For what no one announces, such as a process that ends. Where there is a message, wait for the message.
pub fn poll<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
