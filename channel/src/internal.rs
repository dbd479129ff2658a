//! Node's own messages on the channel. They never reach the program, and some want an answer.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::json;

/// The answer to a handle (a socket, a server) that came along: not taken.
///
/// Node holds back every later message until a handle is answered, and dies of an answer that it
/// does not wait for: each `NODE_HANDLE` gets this, once. A Node program has nothing to do for it;
/// Node tries a socket three more times, warns, and goes on with the messages that waited.
pub(crate) const HANDLE_REFUSED: &[u8] = b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n";

/// What a frame is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The program.
    Message,
    /// This library: a handle comes with it, which has to be answered.
    Handle,
    /// Nobody here: acknowledgements, cluster news, what later versions may add.
    OtherInternal,
}

/// Node's rule (`lib/internal/child_process.js`, `isInternal`): an object whose `cmd` is a string
/// that begins with `NODE_` and goes on after that.
pub(crate) fn kind(frame: &[u8]) -> Kind {
    if !is_suspicious(frame) {
        return Kind::Message;
    }
    // Repaired first, so that a damaged `NODE_` message is recognised as Node would.
    match serde_json::from_slice::<Probe>(&json::repair(frame)) {
        Ok(Probe { cmd: Some(cmd) }) if cmd == "NODE_HANDLE" => Kind::Handle,
        Ok(Probe { cmd: Some(cmd) }) if cmd.len() > 5 && cmd.starts_with("NODE_") => Kind::OtherInternal,
        _ => Kind::Message,
    }
}

/// Whether `frame` can be internal at all. Every ordinary message goes through this, so it looks at
/// the bytes only: the letters `NODE_`, or an escape that may stand for one of them.
fn is_suspicious(frame: &[u8]) -> bool {
    static PREFIX: LazyLock<Finder> = LazyLock::new(|| Finder::new("NODE_"));
    static ESCAPE: LazyLock<Finder> = LazyLock::new(|| Finder::new("\\u00"));
    frame.trim_ascii_start().starts_with(b"{")
        && (PREFIX.find(frame).is_some() || ESCAPE.find(frame).is_some())
}

/// The `cmd` of an object if it is a string; like JSON.parse, the last one if there are several.
struct Probe {
    cmd: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Cmd {
    Text(String),
    Other(IgnoredAny),
}

impl<'de> Deserialize<'de> for Probe {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ProbeVisitor;
        impl<'de> Visitor<'de> for ProbeVisitor {
            type Value = Probe;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Probe, A::Error> {
                let mut probe = Probe { cmd: None };
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    if key != "cmd" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    probe.cmd = match map.next_value()? {
                        Cmd::Text(text) => Some(text),
                        Cmd::Other(_) => None,
                    };
                }
                Ok(probe)
            }
        }
        deserializer.deserialize_map(ProbeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_nodes() {
        let cases = [
            (r#"{"cmd":"NODE_X"}"#, Kind::OtherInternal),
            (r#"{"cmd":"NODE_CLUSTER","act":"online","seq":0}"#, Kind::OtherInternal),
            (r#" {"a":{"b":[1]}, "cmd" : "NODE_HANDLE_ACK"}"#, Kind::OtherInternal),
            (r#"{"cmd":"\u004eODE_X"}"#, Kind::OtherInternal),
            (r#"{"\u0063md":"NODE_X"}"#, Kind::OtherInternal),
            (r#"{"cmd":5,"cmd":"NODE_X"}"#, Kind::OtherInternal),
            (r#"{"cmd":"NODE_\ud800"}"#, Kind::OtherInternal),
            (r#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_HANDLE"}}"#, Kind::Handle),
            (r#"{"cmd":"NODE_"}"#, Kind::Message),
            (r#"{"cmd":"node_x"}"#, Kind::Message),
            (r#"{"cmd":5}"#, Kind::Message),
            (r#"{"cmd":["NODE_X"]}"#, Kind::Message),
            (r#"[{"cmd":"NODE_X"}]"#, Kind::Message),
            (r#""NODE_X""#, Kind::Message),
            (r#"{"msg":{"cmd":"NODE_X"}}"#, Kind::Message),
            (r#"{"cmd":"NODE_X","cmd":null}"#, Kind::Message),
            (r#"{"cmd":"NODE_X""#, Kind::Message),
        ];
        for (frame, expected) in cases {
            assert_eq!(kind(frame.as_bytes()), expected, "{frame}");
        }
    }
}
