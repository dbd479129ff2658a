//! Which branch `select!` takes when several are ready.

use std::future::ready;

// ANCHOR: shown
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut first = 0;
    for _ in 0..1000 {
        tokio::select! {
            () = ready(()) => first += 1,
            () = ready(()) => {}
        }
    }
    println!("by chance, the first branch wins some of the time: {}", (1..1000).contains(&first));
    first = 0;
    for _ in 0..1000 {
        tokio::select! {
            biased;
            () = ready(()) => first += 1,
            () = ready(()) => {}
        }
    }
    println!("biased, it wins {first} of 1000 times");
}
// ANCHOR_END: shown
