//! Bytes in, frames out. A frame is one JSON document on a line of its own.
//!
//! A stream socket knows nothing of messages: one read may bring half a frame, or three and a
//! half, or stop in the middle of a UTF-8 character. [`FrameDecoder`] puts the pieces together. It
//! does no input or output of its own, so that every way of cutting can be tested without a socket.

/// Node reads up to 65,536 bytes at a time, too. A smaller buffer means more calls to the kernel,
/// a larger one gains nothing: the kernel rarely has more than this waiting.
const READ_BYTES: usize = 64 * 1024;

/// With less room than this, making room is cheaper than reading in drops.
const MIN_SPACE_BYTES: usize = 16 * 1024;

/// A buffer that has grown beyond this for one large frame is given back afterwards: an idle
/// worker should not hold the memory of the largest message it ever saw.
const KEEP_BYTES: usize = 4 * 1024 * 1024;

/// A frame is longer than the limit. Nothing can be read after it: where it ends is not known.
#[derive(Debug, PartialEq, Eq)]
pub struct FrameTooLarge;

/// Collects bytes and hands out the frames among them, in order, each without its newline.
///
/// The cycle is: [`space`](Self::space) to read into, [`filled`](Self::filled) to say how much
/// came, [`next_frame`](Self::next_frame) until it has no more.
#[derive(Debug)]
pub struct FrameDecoder {
    /// `buffer[start..end]` has been read and not yet handed out; the rest is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// No newline in `buffer[start..searched]`. Without this, a frame that arrives in a thousand
    /// reads would be searched from its first byte a thousand times.
    searched: usize,
    max_frame_bytes: usize,
}

impl FrameDecoder {
    /// A decoder that refuses frames longer than `max_frame_bytes`, the newline not counted.
    pub fn new(max_frame_bytes: usize) -> Self {
        FrameDecoder { buffer: Vec::new(), start: 0, end: 0, searched: 0, max_frame_bytes }
    }

    /// Changes the limit for the frames that have not been handed out yet.
    pub fn set_max_frame_bytes(&mut self, max_frame_bytes: usize) {
        self.max_frame_bytes = max_frame_bytes;
    }

    /// The limit.
    pub fn max_frame_bytes(&self) -> usize {
        self.max_frame_bytes
    }

    /// The bytes that wait to be handed out.
    pub fn buffered(&self) -> usize {
        self.end - self.start
    }

    /// The next whole frame, or `None` if more has to be read first.
    // ANCHOR: next_frame
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameTooLarge> {
        let newline = memchr::memchr(b'\n', &self.buffer[self.searched..self.end]);
        let frame_end = newline.map_or(self.end, |position| self.searched + position);
        let frame = self.start..frame_end;
        if frame.len() > self.max_frame_bytes {
            return Err(FrameTooLarge);
        }
        if newline.is_none() {
            self.searched = self.end;
            return Ok(None);
        }
        self.start = frame_end + 1;
        self.searched = self.start;
        Ok(Some(&self.buffer[frame]))
    }
    // ANCHOR_END: next_frame

    /// Room to read into; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.clear();
        }
        if self.buffer.len() - self.end < MIN_SPACE_BYTES {
            self.make_room();
        }
        &mut self.buffer[self.end..]
    }

    /// `count` bytes have been read into [`space`](Self::space).
    pub fn filled(&mut self, count: usize) {
        assert!(count <= self.buffer.len() - self.end, "more was read than there was room for");
        self.end += count;
    }

    /// Forgets everything that has not been handed out and says how many bytes that was. At the
    /// end of the stream, anything but 0 means that a frame was cut off.
    pub fn clear(&mut self) -> usize {
        let dropped = self.buffered();
        (self.start, self.end, self.searched) = (0, 0, 0);
        if self.buffer.len() > KEEP_BYTES {
            self.buffer = Vec::new();
        }
        dropped
    }

    /// Moves the unfinished frame to the front, and doubles the buffer if that is not enough.
    /// Doubling means that a large frame is copied a few times in all, not once per read.
    fn make_room(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.searched -= self.start;
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < MIN_SPACE_BYTES {
            self.buffer.resize((2 * self.buffer.len()).max(READ_BYTES), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `pieces` one read at a time and collects all frames.
    fn decode(max_frame_bytes: usize, pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, FrameTooLarge> {
        let mut decoder = FrameDecoder::new(max_frame_bytes);
        let mut frames = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let space = decoder.space();
                let count = rest.len().min(space.len());
                space[..count].copy_from_slice(&rest[..count]);
                decoder.filled(count);
                rest = &rest[count..];
                while let Some(frame) = decoder.next_frame()? {
                    frames.push(frame.to_vec());
                }
            }
        }
        Ok(frames)
    }

    #[test]
    fn frames_come_out_whole_however_they_were_cut() {
        let bytes = "{\"a\":1}\n\"Grüße 📨\"\n\nnull\n".as_bytes();
        let expected = decode(100, &[bytes]).unwrap();
        assert_eq!(expected, ["{\"a\":1}", "\"Grüße 📨\"", "", "null"].map(|f| f.as_bytes().to_vec()));
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(decode(100, &pieces).unwrap(), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn the_limit_is_the_longest_frame_that_passes() {
        assert_eq!(decode(3, &[b"123\n"]).unwrap(), [b"123"]);
        assert_eq!(decode(3, &[b"1234\n"]), Err(FrameTooLarge));
        assert_eq!(decode(3, &[b"123", b"4"]), Err(FrameTooLarge), "before the newline comes");
        assert_eq!(decode(3, &[b"1\n2\n3\n4\n5\n"]).unwrap().len(), 5, "it is a limit per frame");
    }

    #[test]
    fn the_memory_of_a_large_frame_is_given_back() {
        let mut decoder = FrameDecoder::new(usize::MAX);
        while decoder.buffered() <= KEEP_BYTES {
            let space = decoder.space();
            let count = space.len();
            space.fill(b'x');
            space[count - 1] = b'\n';
            decoder.filled(count);
        }
        while decoder.next_frame().unwrap().is_some() {}
        assert!(decoder.buffer.len() > KEEP_BYTES);
        decoder.space();
        assert!(decoder.buffer.len() <= KEEP_BYTES, "{} bytes are kept", decoder.buffer.len());
    }

    #[test]
    fn a_large_frame_does_not_move_or_search_twice() {
        let mut decoder = FrameDecoder::new(usize::MAX);
        for _ in 0..10 {
            let space = decoder.space();
            space.fill(b'x');
            let count = space.len();
            decoder.filled(count);
            assert_eq!(decoder.next_frame(), Ok(None));
            assert_eq!(decoder.searched, decoder.end);
        }
    }
}
