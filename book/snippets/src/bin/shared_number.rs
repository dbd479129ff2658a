//! Two threads add to one number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

// ANCHOR: shown
fn main() {
    let letters = Arc::new(AtomicUsize::new(0));
    let threads = ["tick", "tock"].map(|word| {
        // Another handle to the same number. `move` hands it to the thread.
        let letters = Arc::clone(&letters);
        thread::spawn(move || {
            for _ in word.chars() {
                letters.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for thread in threads {
        thread.join().expect("the thread did not panic");
    }
    println!("{} letters", letters.load(Ordering::Relaxed));
}
// ANCHOR_END: shown
