//! What has been sent and received is not kept. A program of its own: nothing else grows in it meanwhile.
#![cfg(target_os = "linux")] // where a process can see its own peak

mod common;

use common::{run, within};
use node_channel::Channel;

/// The most memory that this process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn many_large_messages_take_the_memory_of_a_few() {
    const COUNT: usize = 30;
    run(async {
        let text = "x".repeat(1 << 20);
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
        within("all messages", async { tokio::join!(sending, receiving) }).await;
        let grown = peak() - before;
        assert!(grown < 15 << 20, "{} MiB were kept of {COUNT}", grown >> 20);
    });
}
