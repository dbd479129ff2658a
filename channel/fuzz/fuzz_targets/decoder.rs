//! Any bytes, in pieces of any size, under any limit: the frames are the lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use node_channel::frame::FrameDecoder;

fuzz_target!(|input: (u16, Vec<u8>, Vec<u8>)| {
    let (limit, cuts, bytes) = input;
    let limit = usize::from(limit);
    let mut decoder = FrameDecoder::new(limit);
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut cuts = cuts.iter().cycle();
    let mut rest = bytes.as_slice();
    let mut seen = 0;
    while !rest.is_empty() {
        let count = cuts.next().map_or(rest.len(), |cut| usize::from(*cut) + 1).min(rest.len());
        let space = decoder.space();
        let count = count.min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        decoder.filled(count);
        rest = &rest[count..];
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    let line = lines.next().expect("a frame that is no line");
                    assert_eq!(frame, line);
                    assert!(frame.len() <= limit);
                    seen += frame.len() + 1;
                }
                Ok(None) => break,
                Err(_) => {
                    assert!(lines.next().expect("an error without a line").len() > limit);
                    return;
                }
            }
        }
    }
    assert_eq!(decoder.clear(), bytes.len() - seen);
});
