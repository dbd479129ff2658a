//! Any bytes on the socket: each ordinary line of JSON is received, up to the first line that is none.
#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use node_channel::{Channel, Error};

/// The socket takes this much without a reader.
const MAX_BYTES: usize = 32 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(bytes).unwrap();
        there.shutdown(std::net::Shutdown::Write).unwrap();
        let mut channel = Channel::from_stream(here).unwrap();
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let mut next_line = || lines.find(|line| !is_internal(line)).expect("a result without a line");
        loop {
            match channel.recv::<Value>().await {
                Ok(Some(message)) => {
                    if let Ok(expected) = serde_json::from_slice::<Value>(next_line()) {
                        assert_eq!(message, expected);
                    }
                }
                Ok(None) => break,
                Err(Error::WrongShape { .. }) => {
                    serde_json::from_slice::<Value>(next_line()).expect_err("this line is fine");
                }
                Err(Error::InvalidJson { offset, .. }) => {
                    let line = next_line();
                    assert!(offset <= line.len());
                    serde_json::from_slice::<Value>(line).expect_err("this line is fine");
                    assert!(channel.recv::<Value>().await.unwrap().is_none(), "nothing comes after it");
                    return;
                }
                Err(Error::TruncatedFrame { bytes }) => {
                    assert_eq!(lines.last().map(<[u8]>::len), Some(bytes));
                    return;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(lines.all(is_internal), "the end came early");
    });
});

/// Node's rule, the slow way.
fn is_internal(line: &[u8]) -> bool {
    let Ok(Value::Object(object)) = serde_json::from_slice(line) else { return false };
    matches!(object.get("cmd"), Some(Value::String(cmd)) if cmd.len() > 5 && cmd.starts_with("NODE_"))
}
