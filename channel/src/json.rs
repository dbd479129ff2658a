//! From a frame to a message of the caller's type, and what to say when that fails.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::Error;

/// Reads `frame` as a `T`, straight from the bytes.
///
/// Almost every frame is read by the first lines. When that fails there are three cases to tell
/// apart: the frame is not JSON ([`Error::InvalidJson`]); it is JSON of a kind that Node writes or
/// accepts and strict parsers refuse, so it is [repaired](repair); or it is fine but not a `T`
/// ([`Error::WrongShape`]).
pub(crate) fn parse<T: DeserializeOwned>(frame: &[u8]) -> Result<T, Error> {
    // One look at all of the text is faster than one at each string in it.
    let read = match std::str::from_utf8(frame) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(frame),
    };
    let refused = match read {
        Ok(message) => return Ok(message),
        Err(error) => error,
    };
    // Skimming over the values asks only whether this is JSON, not whether it makes a `T`, or
    // whether the strings make sense.
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(frame) {
        let offset = offset(&error, frame);
        return Err(Error::InvalidJson { offset, reason: reason(&error), excerpt: excerpt(frame, offset) });
    }
    if let Cow::Owned(repaired) = repair(frame)
        && let Ok(message) = serde_json::from_slice(&repaired)
    {
        return Ok(message);
    }
    Err(Error::WrongShape { offset: offset(&refused, frame), reason: reason(&refused) })
}

/// Replaces by U+FFFD what a JavaScript string may hold and a Rust one may not: a surrogate without
/// its partner, which Node writes as `\ud800`; and bytes that are not UTF-8, which Node
/// replaces in the same way when it reads them.
pub(crate) fn repair(frame: &[u8]) -> Cow<'_, [u8]> {
    let mut text = match String::from_utf8_lossy(frame) {
        Cow::Borrowed(valid) => Cow::Borrowed(valid.as_bytes()),
        Cow::Owned(replaced) => Cow::Owned(replaced.into_bytes()),
    };
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &text[at..]) {
        at += found;
        at += match (escaped_unit(&text[at..]), escaped_unit(text.get(at + 6..).unwrap_or_default())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                text.to_mut()[at..at + 6].copy_from_slice(br"\ufffd");
                6
            }
            _ => 2, // the backslash and the character after it, which may be a backslash too
        };
        at = at.min(text.len());
    }
    text
}

/// The number of a `\uXXXX` at the start of `text`.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Where the parser stopped. A frame is one line, in which serde_json counts columns from 1.
fn offset(error: &serde_json::Error, frame: &[u8]) -> usize {
    if error.is_eof() {
        return frame.len();
    }
    let offset = error.column().saturating_sub(1);
    // It stops one byte early when it skims over a raw control character.
    let early = error.to_string().starts_with("control character") && frame.get(offset) >= Some(&b' ');
    offset + usize::from(early)
}

/// What the parser says, without its own way of saying where.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// Some characters on both sides of `offset`, fit for one line.
fn excerpt(frame: &[u8], offset: usize) -> String {
    let part = &frame[offset.saturating_sub(20)..frame.len().min(offset + 20)];
    String::from_utf8_lossy(part).replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_not_json_is_told_with_its_offset_whatever_type_was_asked_for() {
        let cases: [(&[u8], usize); 13] = [
            (b"", 0),
            (b"  ", 2),
            (b"hello", 0),
            (b"{\"counter\":", 11),
            (b"{\"counter\":1} {}", 14),
            ("\u{feff}{}".as_bytes(), 0),
            (b"{\"counter\":NaN}", 11),
            (b"\"a\tb\"", 2),
            (b"{\"a\tb\":1}", 3),
            (b"\"\t\"", 1),
            (b"[x\t]", 1),
            (b"{\"a\\qb\":1}", 4),
            (b"{\"counter\":\"wrong type first\",}", 30),
        ];
        for (frame, expected) in cases {
            for error in [parse::<u32>(frame).unwrap_err(), parse::<Value>(frame).unwrap_err()] {
                let Error::InvalidJson { offset, .. } = error else { panic!("{error:?}") };
                assert_eq!(offset, expected, "{}", String::from_utf8_lossy(frame));
            }
        }
    }

    #[test]
    fn lone_surrogates_and_invalid_utf8_become_replacement_characters() {
        assert_eq!(
            parse::<Value>(br#"["\ud800", "\udc00x", "\ud83d\udce8"]"#).unwrap(),
            json!(["\u{fffd}", "\u{fffd}x", "📨"])
        );
        assert_eq!(parse::<String>(br#""\ud800\ud800\ud800\ud800""#).unwrap(), "\u{fffd}".repeat(4));
        assert_eq!(parse::<Value>(br#"["\\ud800"]"#).unwrap(), json!(["\\ud800"]));
        assert_eq!(parse::<Value>(b"[\"a\xffb\"]").unwrap(), json!(["a\u{fffd}b"]));
        assert_eq!(parse::<String>(b"\"\xed\xa0\x80\"").unwrap(), "\u{fffd}\u{fffd}\u{fffd}");
        assert!(parse::<Value>(br#""\ud8"#).unwrap_err().is_fatal());
    }
}
