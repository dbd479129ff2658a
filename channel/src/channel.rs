//! One end of a channel: `send`, `recv`, `disconnect`. It is the same on both sides.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::unix::AsyncFdReadyGuard;
use tokio::task::coop::consume_budget;

use crate::frame::{FrameDecoder, FrameTooLarge};
use crate::internal::{self, Kind};
use crate::wire::{self, KEEP_BYTES, MAX_WAITING_ANSWERS, Wire};
use crate::{DEFAULT_MAX_FRAME_BYTES, Error, json};

/// One end of a channel, over which messages go both ways.
///
/// A message is anything that serde can write as JSON. Sending waits while the other side does not
/// read; receiving waits for a message or for the end. Dropping a channel disconnects it, but what
/// has not been flushed is lost then: call [`disconnect`](Channel::disconnect) to be sure.
///
/// ```
/// use node_channel::Channel;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), node_channel::Error> {
/// let (mut here, mut there) = Channel::pair()?;
/// here.send(&"ping").await?;
/// assert_eq!(there.recv::<String>().await?.as_deref(), Some("ping"));
///
/// here.disconnect().await?;
/// assert_eq!(there.recv::<String>().await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Channel {
    sender: Sender,
    receiver: Receiver,
}

/// The half of a channel that sends.
#[derive(Debug)]
pub struct Sender {
    wire: Arc<Wire>,
    /// Where a message becomes a frame, before the other half can see it: a `Serialize` of the
    /// caller's may fail, take its time, or panic.
    frame: Vec<u8>,
    max_frame_bytes: usize,
}

/// The half of a channel that receives.
#[derive(Debug)]
pub struct Receiver {
    wire: Arc<Wire>,
    decoder: FrameDecoder,
    /// Nothing more will be read from the socket.
    ended: bool,
}

impl Channel {
    /// Makes a channel of a connected stream socket.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn from_stream(stream: UnixStream) -> io::Result<Channel> {
        let wire = Arc::new(Wire::new(stream)?);
        let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME_BYTES);
        Ok(Channel {
            sender: Sender {
                wire: wire.clone(),
                frame: Vec::new(),
                max_frame_bytes: DEFAULT_MAX_FRAME_BYTES,
            },
            receiver: Receiver { wire, decoder, ended: false },
        })
    }

    /// Two ends that are connected to each other, in one process: for tests and experiments.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn pair() -> Result<(Channel, Channel), Error> {
        let pair = || {
            let (one, other) = UnixStream::pair()?;
            Ok((Channel::from_stream(one)?, Channel::from_stream(other)?))
        };
        pair().map_err(Error::io("make a socket pair"))
    }

    /// Limits the length of a message in either direction; 64 MiB unless told.
    ///
    /// A longer one that arrives is [`Error::FrameTooLarge`] and closes the channel, a longer one
    /// of one's own is [`Error::MessageTooLarge`] and is not sent.
    pub fn set_max_frame_bytes(&mut self, max_frame_bytes: usize) {
        self.sender.max_frame_bytes = max_frame_bytes;
        self.receiver.decoder.set_max_frame_bytes(max_frame_bytes);
    }

    /// Sends `message` and waits until the kernel has all of it. Whether the other side ever reads
    /// it is another question: only an answer tells.
    ///
    /// While it waits, messages that arrive are read into memory (up to the frame limit), so that
    /// two sides that send a lot to each other before they look at the answers do not wait for
    /// each other for ever.
    ///
    /// # Errors
    /// [`Error::Disconnected`] when the channel is closed; [`Error::Unserializable`],
    /// [`Error::ReservedCmd`] or [`Error::MessageTooLarge`] when there is no frame for
    /// `message`. In the last three cases nothing was sent and the channel goes on.
    /// [`Error::CannotWait`] when it has to wait and this process has no descriptor left to wait
    /// with: the message stays in the buffer, and the channel goes on.
    ///
    /// # Cancel safety
    /// When the future is dropped, the message goes out either whole or not at all: what the kernel
    /// has not taken yet stays in the buffer and leaves first with the next call.
    pub async fn send<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Like [`send`](Channel::send), but waits only if much is waiting already. For many messages in
    /// a row; call [`flush`](Channel::flush) after the last one.
    pub async fn feed<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), Error> {
        consume_budget().await;
        self.sender.make_frame(message)?;
        while !self.sender.queue()? {
            self.flush().await?;
        }
        Ok(())
    }

    /// Waits until the kernel has everything that was sent. Cancel safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        while !self.sender.wire.try_flush()? {
            self.receiver.turn().await?;
        }
        Ok(())
    }

    /// The next message, or `None` when the other side has disconnected. See [`Receiver::recv`].
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        self.receiver.recv().await
    }

    /// Flushes, then closes: the other side receives everything that was sent, then its end.
    /// A second call does nothing.
    ///
    /// A peer that never reads makes this wait for ever: put a timeout around it if you do not trust
    /// the peer. What the other side sent before it saw the end can still be received.
    pub async fn disconnect(&mut self) -> Result<(), Error> {
        if !self.connected() {
            return Ok(());
        }
        let flushed = self.flush().await;
        self.sender.wire.close();
        flushed
    }

    /// Whether messages can be sent: false after [`disconnect`](Channel::disconnect), and once the
    /// end of the other side was noticed, which takes a `recv` or a `send`.
    pub fn connected(&self) -> bool {
        self.sender.connected()
    }

    /// Two halves, so that one task can send while another one receives. The channel is closed when
    /// both are dropped, or by [`Sender::disconnect`].
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Sender {
    /// Sends `message` and waits until the kernel has all of it. See [`Channel::send`] for errors
    /// and cancellation; unlike there, reading meanwhile is the [`Receiver`]'s part.
    pub async fn send<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Like [`send`](Sender::send), but waits only if much is waiting already. For many messages in
    /// a row; call [`flush`](Sender::flush) after the last one.
    pub async fn feed<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), Error> {
        // Without this a peer that is always ready would let no other task of this thread run.
        consume_budget().await;
        self.make_frame(message)?;
        while !self.queue()? {
            self.flush().await?;
        }
        Ok(())
    }

    /// Makes a frame of `message`. It is on its way only after [`queue`](Self::queue).
    // ANCHOR: make_frame
    fn make_frame<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), Error> {
        if !self.connected() {
            return Err(Error::Disconnected);
        }
        self.frame.clear();
        serde_json::to_writer(&mut self.frame, message).map_err(Error::Unserializable)?;
        // Only white space can be a raw newline, and only a `RawValue` can bring it.
        if memchr::memchr(b'\n', &self.frame).is_some() {
            self.frame.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        }
        self.check()?;
        self.frame.push(b'\n');
        Ok(())
    }
    // ANCHOR_END: make_frame

    /// Puts the frame behind what already waits. `false` if that is too much: flush first.
    fn queue(&mut self) -> Result<bool, Error> {
        let queued = self.wire.queue(&mut self.frame)?;
        if queued {
            self.frame.shrink_to(KEEP_BYTES);
        }
        Ok(queued)
    }

    fn check(&self) -> Result<(), Error> {
        let (bytes, limit_bytes) = (self.frame.len(), self.max_frame_bytes);
        if bytes > limit_bytes {
            return Err(Error::MessageTooLarge { bytes, limit_bytes });
        }
        match internal::kind(&self.frame) {
            Kind::Message => Ok(()),
            Kind::Handle | Kind::OtherInternal => Err(Error::ReservedCmd),
        }
    }

    /// Waits until the kernel has everything that was sent. Cancel safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        while !self.wire.try_flush()? {
            self.wire.writable().await?;
        }
        Ok(())
    }

    /// Flushes, then closes, also for the [`Receiver`]: see [`Channel::disconnect`].
    pub async fn disconnect(&mut self) -> Result<(), Error> {
        if !self.connected() {
            return Ok(());
        }
        let flushed = self.flush().await;
        self.wire.close();
        flushed
    }

    /// Whether messages can be sent, as far as it is known. See [`Channel::connected`].
    pub fn connected(&self) -> bool {
        self.wire.is_connected()
    }
}

impl Receiver {
    /// The next message, or `None` when the other side has disconnected.
    ///
    /// Messages come in the order in which they were sent. Node's internal ones are dealt with here
    /// and never returned. While it waits, it also writes what still has to be written.
    ///
    /// # Errors
    /// [`Error::WrongShape`] when the message is not a `T`: it is skipped, and the next call goes on
    /// behind it. [`Error::InvalidJson`], [`Error::FrameTooLarge`] and [`Error::TruncatedFrame`]
    /// close the channel: afterwards there is only `None`. Messages that came before are returned
    /// before.
    ///
    /// # Cancel safety
    /// When the future is dropped, no message is lost.
    // ANCHOR: recv
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        consume_budget().await;
        loop {
            match self.next_buffered() {
                Ok(None) if self.ended => return self.finish(),
                Ok(None) => self.turn().await?,
                Err(error) if error.is_fatal() => return Err(self.abandon(error)),
                result => return result,
            }
        }
    }
    // ANCHOR_END: recv

    /// The next message among the bytes that have been read.
    // ANCHOR: next_buffered
    fn next_buffered<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        loop {
            let limit_bytes = self.decoder.max_frame_bytes();
            let frame = match self.decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(None),
                Err(FrameTooLarge) => return Err(Error::FrameTooLarge { limit_bytes }),
            };
            match internal::kind(frame) {
                Kind::Message => return json::parse(frame).map(Some),
                Kind::Handle => self.wire.refuse_handle(),
                Kind::OtherInternal => {}
            }
        }
    }
    // ANCHOR_END: next_buffered

    /// Waits until something has come or what waits can be written, and reads or writes it.
    async fn turn(&mut self) -> Result<(), Error> {
        let (read, write) = self.interest();
        tokio::select! {
            ready = self.wire.socket.readable(), if read => {
                let read = match ready {
                    Ok(mut guard) => read_once(&mut guard, &mut self.decoder),
                    Err(error) => Err(error),
                };
                let ended = read
                    .map_err(Error::io("read from the channel"))
                    .map_err(|error| self.abandon(error))?;
                if ended {
                    self.ended = true;
                    self.wire.set_disconnected();
                }
            }
            ready = self.wire.writable(), if write => {
                ready?;
                // If the other side has gone, what it sent before is still to be read.
                let _ = self.wire.try_flush();
            }
        }
        Ok(())
    }

    /// What to wait for, reading or writing or both. Writing only if there is something to write.
    /// Reading, unless the end has come, or a whole frame's worth has been read ahead, or too many
    /// answers wait to be written.
    fn interest(&self) -> (bool, bool) {
        let (unwritten, answers) = self.wire.waiting();
        let read = !self.ended
            && self.decoder.buffered() <= self.decoder.max_frame_bytes()
            && answers < MAX_WAITING_ANSWERS;
        (read || !unwritten, unwritten)
    }

    /// The end of the stream: `None`, unless a frame was cut off.
    fn finish<T>(&mut self) -> Result<Option<T>, Error> {
        match self.decoder.clear() {
            0 => Ok(None),
            bytes => Err(Error::TruncatedFrame { bytes }),
        }
    }

    /// Closes the channel because of `error`. After a frame that makes no sense, or a failed read,
    /// nothing that follows can be trusted.
    fn abandon(&mut self, error: Error) -> Error {
        self.decoder.clear();
        self.ended = true;
        self.wire.close();
        error
    }
}

/// Reads what there is into the room of `decoder`; `true` at the end of the stream.
fn read_once(guard: &mut AsyncFdReadyGuard<'_, UnixStream>, decoder: &mut FrameDecoder) -> io::Result<bool> {
    let space = decoder.space();
    let room = space.len();
    match wire::receive(guard.get_inner(), space) {
        // 0 is the end. A reset is the end, too: the kernel says so when the other side closed its
        // socket before it had read everything.
        Ok(received) if received.count == 0 => return Ok(true),
        Ok(received) => {
            decoder.filled(received.count);
            // Less than there was room for: nothing is left, which saves asking. Unless descriptors
            // came along, because the kernel stops reading behind them.
            if received.count < room && !received.descriptors {
                guard.clear_ready();
            }
        }
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock => guard.clear_ready(),
            ErrorKind::Interrupted => {}
            ErrorKind::ConnectionReset => return Ok(true),
            _ => return Err(error),
        },
    }
    Ok(false)
}
