//! Bytes in, frames out. A frame is one JSON document and a newline, and a `FrameReader` returns it
//! without the newline.

use std::io::{self, ErrorKind, Read};

/// A pipe on Linux holds 64 KiB, so one read rarely brings more.
const READ_BYTES: usize = 64 * 1024;

/// Reads frames from a stream of bytes, and keeps whatever has arrived of the frames after it.
pub struct FrameReader<R> {
    input: R,
    /// What has been read. `kept[start..]` is not handed out yet.
    kept: Vec<u8>,
    start: usize,
    /// `kept[start..searched]` contains no newline, so don't search it again.
    searched: usize,
}

impl<R: Read> FrameReader<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input, kept: Vec::new(), start: 0, searched: 0 }
    }

    // ANCHOR: next_frame
    /// The next frame, or `None` at end of file. Waits until one is complete. Skips empty lines
    /// and trims whitespace; bytes after the last newline are a frame, too.
    pub fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        // ANCHOR: step_2 todo!("2: take a line, read more, or stop at end of file")
        loop {
            let line = match self.take_line() {
                Some(line) => line,
                None if self.read_more()? => continue,
                None if self.start == self.kept.len() => return Ok(None),
                None => self.take_rest(),
            };
            let frame = line.trim_ascii();
            if !frame.is_empty() {
                return Ok(Some(frame.to_vec()));
            }
        }
        // ANCHOR_END: step_2
    }
    // ANCHOR_END: next_frame

    // ANCHOR: take_line
    /// The next whole line in `kept`, without its newline. `None` if more has to be read first.
    pub fn take_line(&mut self) -> Option<Vec<u8>> {
        // ANCHOR: step_1 todo!("1: find the next line in `kept`")
        let Some(length) = self.kept[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.kept.len();
            return None;
        };
        let end = self.searched + length;
        let line = self.kept[self.start..end].to_vec();
        (self.start, self.searched) = (end + 1, end + 1);
        Some(line)
        // ANCHOR_END: step_1
    }
    // ANCHOR_END: take_line

    /// Everything that is kept.
    fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.kept.split_off(self.start);
        (self.start, self.searched) = (self.kept.len(), self.kept.len());
        rest
    }

    /// Reads once and appends what arrived to `kept`. `false` at end of file.
    pub fn read_more(&mut self) -> io::Result<bool> {
        // Remove what has been handed out.
        self.kept.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let mut buffer = [0; READ_BYTES];
        loop {
            match self.input.read(&mut buffer) {
                Ok(count) => {
                    self.kept.extend_from_slice(&buffer[..count]);
                    return Ok(count > 0);
                }
                // A signal has interrupted the call. Nothing is lost: read again.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
