//! A worker dies between its work and its acknowledgement: what is lost, and what is done twice.

use std::collections::VecDeque;

// ANCHOR: shown
fn main() {
    for steps in [["ack", "print"], ["print", "ack"]] {
        let mut queue = VecDeque::from(['a', 'b', 'c']);
        let (mut printed, mut crash_at) = (String::new(), Some('b'));
        // A worker takes the first letter, which stays in the queue until its ack.
        while let Some(&letter) = queue.front() {
            for step in steps {
                match step {
                    "ack" => drop(queue.pop_front()),
                    _ => printed.push(letter),
                }
                if crash_at == Some(letter) {
                    crash_at = None;
                    break; // This worker is dead. The next one takes what the queue still has.
                }
            }
        }
        println!("{} first: {printed}", steps[0]);
    }
}
// ANCHOR_END: shown
