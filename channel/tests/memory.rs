//! What has been sent and received is not kept. A program of its own: nothing else grows in it meanwhile.
#![cfg(target_os = "linux")] // where a process can see its own peak

mod common;

use common::run;
use node_channel::Channel;

#[test]
fn many_large_messages_take_the_memory_of_a_few() {
    const COUNT: usize = 30;
    run(async {
        let text = "x".repeat(1 << 20);
        let peak = || support::process::peak_memory(std::process::id()).unwrap();
        let before = peak();
        let (mut one, mut other) = Channel::pair().unwrap();
        let sending = async {
            for _ in 0..COUNT {
                one.send(&text).await.unwrap();
            }
        };
        let receiving = async {
            for _ in 0..COUNT {
                assert_eq!(other.recv::<String>().await.unwrap().unwrap().len(), text.len());
            }
        };
        tokio::join!(sending, receiving);
        let grown = peak() - before;
        assert!(grown < 15 << 20, "{} MiB were kept of {COUNT}", grown >> 20);
    });
}
