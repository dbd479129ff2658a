//! Which arm `select!` takes when several are ready.

use std::future::ready;

// ANCHOR: shown
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (mut at_random, mut in_order) = (0, 0);
    for _ in 0..1000 {
        tokio::select! { () = ready(()) => at_random += 1, () = ready(()) => {} }
        tokio::select! { biased; () = ready(()) => in_order += 1, () = ready(()) => {} }
    }
    println!("at random, the first arm wins some rounds of 1000: {}", (1..1000).contains(&at_random));
    println!("biased, the first arm wins {in_order} rounds");
}
// ANCHOR_END: shown
