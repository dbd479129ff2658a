//! Two tasks take from one queue. A slow item ties up only the task that took it.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::vec;
use tokio::task::JoinSet;
use tokio::time::sleep;

// ANCHOR: shown
type Queue = Arc<Mutex<vec::IntoIter<u64>>>;

fn take(queue: &Queue) -> Option<u64> {
    queue.lock().expect("no panic").next()
}

async fn nap(name: &str, queue: Queue) -> usize {
    let mut naps = 0;
    while let Some(millis) = take(&queue) {
        sleep(Duration::from_millis(millis)).await;
        naps += 1;
    }
    println!("{name}: {naps}");
    naps
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let queue = Arc::new(Mutex::new(vec![200, 10, 10, 10].into_iter()));
    let mut tasks = JoinSet::new();
    for name in ["Ann", "Bob"] {
        tasks.spawn(nap(name, Arc::clone(&queue)));
    }
    let naps = tasks.join_all().await;
    println!("together: {}", naps.into_iter().sum::<usize>());
}
// ANCHOR_END: shown
