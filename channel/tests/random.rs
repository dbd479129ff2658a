//! Any messages come out the same. A failure prints the seed that makes them again.

mod common;

use common::run;
use node_channel::Channel;
use serde_json::Value;

/// Any JSON document, also such as look internal but are not.
fn message(random: &mut fastrand::Rng, depth: usize) -> Value {
    match random.u8(..if depth > 0 { 9 } else { 7 }) {
        0 => Value::Null,
        1 => random.bool().into(),
        2 => random.i64(..).into(),
        3 => random.u64(..).into(),
        4 => f64::from_bits(random.u64(..)).into(), // null where JSON has no such number
        5 => text(random).into(),
        6 => "NODE_".into(),
        7 => (0..random.usize(..8)).map(|_| message(random, depth - 1)).collect(),
        _ => (0..random.usize(..8)).map(|_| (text(random), message(random, depth - 1))).collect(),
    }
}

fn text(random: &mut fastrand::Rng) -> String {
    (0..random.usize(..30)).map(|_| random.char(..)).collect()
}

#[test]
fn b08_b18_what_one_end_sends_the_other_one_receives() {
    run(async {
        for _ in 0..256 {
            let mut random = fastrand::Rng::new();
            let seed = random.get_seed();
            let messages: Vec<Value> = (0..random.usize(..20)).map(|_| message(&mut random, 5)).collect();
            let (mut one, mut other) = Channel::pair().unwrap();
            let sending = async {
                for message in &messages {
                    one.feed(message).await.unwrap();
                }
                one.disconnect().await.unwrap();
            };
            let receiving = async {
                for message in &messages {
                    assert_eq!(other.recv::<Value>().await.unwrap().as_ref(), Some(message), "seed {seed}");
                }
                assert_eq!(other.recv::<Value>().await.unwrap(), None, "seed {seed}");
            };
            tokio::join!(sending, receiving);
        }
    });
}
