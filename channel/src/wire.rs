//! The socket, and the bytes that wait to be written to it.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use nix::sys::socket::{self, MsgFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::Error;
use crate::internal::HANDLE_REFUSED;

/// With more than this waiting, a sender waits too. It is also what a batch is collected up to, and
/// about what the kernel takes in one write.
const HIGH_WATER_BYTES: usize = 64 * 1024;

/// Like the read buffer, the write buffer is given back after an unusually large message.
pub(crate) const KEEP_BYTES: usize = 4 * 1024 * 1024;

/// Handles are answered at once. A peer that sends them faster than it reads the answers is not
/// read from any more beyond this many.
pub(crate) const MAX_WAITING_ANSWERS: usize = 1000;

/// What both halves of a channel share.
///
/// Messages and answers to handles come from different places, so they meet in one buffer, whole:
/// two writers on one socket would get their halves mixed up.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Registered with the runtime for reading only: see [`writable`](Wire::writable).
    pub(crate) socket: AsyncFd<UnixStream>,
    outgoing: Mutex<Outgoing>,
    /// Neither this side nor, as far as it is known, the other one has left.
    connected: AtomicBool,
}

#[derive(Debug)]
struct Outgoing {
    /// `bytes[written..]` waits to be written. The beginning may be the rest of a frame.
    bytes: Vec<u8>,
    written: usize,
    /// How many answers to handles are among the bytes, or were.
    answers: usize,
}

impl Wire {
    /// Makes `stream` non-blocking (Node hands a blocking one to its child) and registers it with
    /// the runtime. Panics outside of one.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Wire> {
        stream.set_nonblocking(true)?;
        let outgoing = Outgoing { bytes: Vec::new(), written: 0, answers: 0 };
        let socket = register(stream, Interest::READABLE)?;
        Ok(Wire { socket, outgoing: Mutex::new(outgoing), connected: AtomicBool::new(true) })
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(crate) fn set_disconnected(&self) {
        self.connected.store(false, Ordering::Relaxed);
    }

    /// Puts `frame` behind what already waits, and leaves an empty buffer in its place. If too much
    /// waits already, the result is `false`, and the caller has to flush first.
    pub(crate) fn queue(&self, frame: &mut Vec<u8>) -> Result<bool, Error> {
        if !self.is_connected() {
            return Err(Error::Disconnected);
        }
        let mut outgoing = self.outgoing();
        if outgoing.waiting().len() >= HIGH_WATER_BYTES {
            return Ok(false);
        }
        outgoing.push(frame);
        Ok(true)
    }

    /// Answers a handle that arrived, at once if there is room. Otherwise the answer waits with
    /// everything else.
    pub(crate) fn refuse_handle(&self) {
        let mut outgoing = self.outgoing();
        outgoing.make_room();
        outgoing.bytes.extend_from_slice(HANDLE_REFUSED);
        outgoing.answers += 1;
        drop(outgoing);
        // If the other side has gone, what it sent before is still to be read.
        let _ = self.try_flush();
    }

    /// Whether anything waits to be written, and how many answers to handles at most.
    pub(crate) fn waiting(&self) -> (bool, usize) {
        let outgoing = self.outgoing();
        (!outgoing.waiting().is_empty(), outgoing.answers)
    }

    /// Writes as much as the kernel takes now; `true` when nothing is left.
    pub(crate) fn try_flush(&self) -> Result<bool, Error> {
        let mut outgoing = self.outgoing();
        while !outgoing.waiting().is_empty() {
            match write(self.socket.get_ref(), outgoing.waiting()) {
                Ok(count) => outgoing.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => {
                    drop(outgoing);
                    // Both directions only if the other side is still there: it may have sent
                    // something before it left.
                    return Err(match error.kind() {
                        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                            self.set_disconnected();
                            self.outgoing().clear();
                            Error::Disconnected
                        }
                        _ => {
                            self.close();
                            Error::Io { doing: "write to the channel", source: error }
                        }
                    });
                }
            }
        }
        outgoing.clear();
        // An empty buffer may be empty because an earlier write failed.
        if self.is_connected() { Ok(true) } else { Err(Error::Disconnected) }
    }

    /// Waits until the kernel takes more.
    ///
    /// Each time the other side reads, the kernel tells everybody who is registered for writing that
    /// there is room. For a conversation of small messages that would be a wake-up for nothing per
    /// message, so there is a registration for writing only as long as a write has to wait. A
    /// descriptor cannot be registered twice, so this one is a second descriptor of the socket.
    // ANCHOR: writable
    pub(crate) async fn writable(&self) -> Result<(), Error> {
        let copy = self.socket.get_ref().try_clone();
        let socket = copy
            .and_then(|copy| register(copy, Interest::WRITABLE))
            .map_err(|source| Error::CannotWait { source })?;
        socket.writable().await.map_err(Error::io("wait for the channel"))?.retain_ready();
        Ok(())
    }
    // ANCHOR_END: writable

    /// Ends the conversation in both directions, at once: Node never half-closes, so whoever sees
    /// the end of file may take it for the end of everything. What the other side has sent before
    /// can still be read.
    pub(crate) fn close(&self) {
        self.set_disconnected();
        self.outgoing().clear();
        // It fails only if the other side has closed before.
        let _ = self.socket.get_ref().shutdown(Shutdown::Both);
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().expect("nothing panics while it holds the buffer")
    }
}

impl Outgoing {
    fn waiting(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Appends `frame` and empties it. If nothing waits, which is the usual case, it isn't copied.
    fn push(&mut self, frame: &mut Vec<u8>) {
        if self.waiting().is_empty() {
            self.clear();
            std::mem::swap(&mut self.bytes, frame);
        } else {
            self.make_room();
            self.bytes.append(frame);
        }
    }

    /// Drops the bytes that are written. If the peer reads, but never everything, the buffer would
    /// grow without bound. Half of it is moved at most, so a byte is moved once on average.
    fn make_room(&mut self) {
        if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }

    fn clear(&mut self) {
        (self.written, self.answers) = (0, 0);
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
    }
}

fn register(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // SAFETY: The stream owns its descriptor, and nothing replaces or closes the stream while the
    // `AsyncFd` holds it: it is only ever borrowed.
    Ok(unsafe { AsyncFd::register_with_interest(stream, interest) }?)
}

fn write(socket: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(socket::send(socket.as_raw_fd(), bytes, NO_SIGNAL)?)
}

/// Rust programs ignore SIGPIPE, but this may become part of a program that doesn't. macOS has no
/// such flag.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: MsgFlags = MsgFlags::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: MsgFlags = MsgFlags::empty();

/// What one read brought.
pub(crate) struct Received {
    /// How many bytes; 0 at the end.
    pub(crate) count: usize,
    /// Whether descriptors came along. They are closed already.
    pub(crate) descriptors: bool,
}

/// Reads once into `space`, and closes the descriptors that come along: nobody asked for them, and
/// with each one that stayed open the peer could bring this process closer to its limit.
///
/// On Linux there is no need to take them first. Without room for them, the kernel closes them and
/// says so, which works at the limit too.
#[cfg(target_os = "linux")]
pub(crate) fn receive(socket: &UnixStream, space: &mut [u8]) -> io::Result<Received> {
    let mut pieces = [IoSliceMut::new(space)];
    let message = socket::recvmsg::<()>(socket.as_raw_fd(), &mut pieces, None, MsgFlags::empty())?;
    Ok(Received { count: message.bytes, descriptors: message.flags.contains(MsgFlags::MSG_CTRUNC) })
}

/// Elsewhere the kernel may open descriptors for which there is no room, so they are taken and
/// closed.
#[cfg(not(target_os = "linux"))]
pub(crate) fn receive(socket: &UnixStream, space: &mut [u8]) -> io::Result<Received> {
    use nix::sys::socket::ControlMessageOwned;
    use std::os::fd::{FromRawFd, OwnedFd, RawFd};

    // More than any kernel lets through in one message.
    const CONTROL_BYTES: usize = socket::cmsg_space::<[RawFd; 512]>();
    let mut control = [0; CONTROL_BYTES];
    let mut pieces = [IoSliceMut::new(space)];
    let message =
        socket::recvmsg::<()>(socket.as_raw_fd(), &mut pieces, Some(&mut control), MsgFlags::empty())?;
    let mut descriptors = message.flags.contains(MsgFlags::MSG_CTRUNC);
    // An error means that some were cut off. The bytes are there all the same.
    for control_message in message.cmsgs().into_iter().flatten() {
        if let ControlMessageOwned::ScmRights(numbers) = control_message {
            descriptors = true;
            for number in numbers {
                // SAFETY: The kernel has just opened this descriptor for us, nobody else knows it.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
    }
    Ok(Received { count: message.bytes, descriptors })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As when sends are cancelled while the peer reads, but never everything.
    #[test]
    fn a_buffer_that_is_never_empty_does_not_keep_what_was_written() {
        let mut outgoing = Outgoing { bytes: Vec::new(), written: 0, answers: 0 };
        let (mut pushed, mut written) = (Vec::new(), Vec::new());
        for number in 0..10_000 {
            let mut frame = format!("{number:0>999}\n").into_bytes();
            pushed.extend_from_slice(&frame);
            outgoing.push(&mut frame);
            assert!(frame.is_empty());
            let count = (outgoing.waiting().len() - 1).min(1500);
            written.extend_from_slice(&outgoing.waiting()[..count]);
            outgoing.written += count;
        }
        written.extend_from_slice(outgoing.waiting());
        assert!(written == pushed, "in order, and all of it");
        let kept = outgoing.bytes.capacity();
        assert!(kept < 10_000, "{kept} bytes are kept");
    }
}
