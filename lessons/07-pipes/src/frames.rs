//! Bytes in, frames out. A frame is one JSON document on a line of its own.

use std::io::{self, ErrorKind, Read};

/// A pipe on Linux holds 64 KiB, so one read rarely brings more.
const READ_BYTES: usize = 64 * 1024;

/// Reads frames from a stream of bytes, and keeps what has come so far of the next ones.
pub struct FrameReader<R> {
    input: R,
    /// What has been read. `kept[start..]` is not handed out yet.
    kept: Vec<u8>,
    start: usize,
    /// There is no line end in `kept[start..searched]`: no need to look there again.
    searched: usize,
}

impl<R: Read> FrameReader<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input, kept: Vec::new(), start: 0, searched: 0 }
    }

    /// The next frame, or `None` at the end of the stream. Waits until one is complete. Empty lines are skipped;
    /// white space around a frame is cut off; what stands after the last line end is a frame, too.
    pub fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        // So far, it reads once, and hands out the lines before an empty one. Write over these lines.
        if self.kept.is_empty() {
            self.read_more()?;
        }
        if let Some(line) = self.take_line().filter(|line| !line.is_empty()) {
            return Ok(Some(line));
        }
        todo!("2: take a line, read more, or know the end")
    }

    /// The next whole line among what is kept, without its line end. `None` if more has to be read first.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        todo!("1: find the next line among what is kept")
    }

    /// Everything that is kept.
    fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.kept.split_off(self.start);
        (self.start, self.searched) = (self.kept.len(), self.kept.len());
        rest
    }

    /// Reads once and adds what came to what is kept. `false` at the end of the stream.
    fn read_more(&mut self) -> io::Result<bool> {
        // What has been handed out makes room.
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
