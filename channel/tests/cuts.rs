//! Any messages come out the same.

use node_channel::Channel;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Map, Value};

/// Any JSON document, also such as look internal but are not.
fn message() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no other numbers", |number| number.is_finite())
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::from("NODE_")),
    ];
    leaf.prop_recursive(6, 40, 8, |inner| {
        let key = prop_oneof![any::<String>(), Just("mails".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..8)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn b08_b18_what_one_end_sends_the_other_one_receives(messages in prop::collection::vec(message(), 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let received = runtime.block_on(async {
            let (mut one, mut other) = Channel::pair().unwrap();
            let sending = async {
                for message in &messages {
                    one.feed(message).await.unwrap();
                }
                one.disconnect().await.unwrap();
            };
            let receiving = async {
                let mut received = Vec::new();
                while let Some(message) = other.recv::<Value>().await.unwrap() {
                    received.push(message);
                }
                received
            };
            tokio::join!(sending, receiving).1
        });
        prop_assert_eq!(received, messages);
    }
}
