//! The socket, and the bytes that wait to be written to it.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use nix::sys::socket::{self, ControlMessageOwned, MsgFlags};
use serde::Serialize;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::internal::{self, HANDLE_REFUSED, Kind};
use crate::{DEFAULT_MAX_FRAME_BYTES, Error};

/// With more than this waiting, a sender waits too. It is also what a batch is collected up to, and
/// about what the kernel takes in one write.
const HIGH_WATER_BYTES: usize = 64 * 1024;

/// Like the read buffer, the write buffer is given back after an unusually large message.
const KEEP_BYTES: usize = 4 * 1024 * 1024;

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
    max_frame_bytes: usize,
}

impl Wire {
    /// Makes `stream` non-blocking (Node hands a blocking one to its child) and registers it with
    /// the runtime. Panics outside of one.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Wire> {
        stream.set_nonblocking(true)?;
        let outgoing =
            Outgoing { bytes: Vec::new(), written: 0, answers: 0, max_frame_bytes: DEFAULT_MAX_FRAME_BYTES };
        let socket = register(stream, Interest::READABLE)?;
        Ok(Wire { socket, outgoing: Mutex::new(outgoing), connected: AtomicBool::new(true) })
    }

    pub(crate) fn set_max_frame_bytes(&self, max_frame_bytes: usize) {
        self.outgoing().max_frame_bytes = max_frame_bytes;
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(crate) fn set_disconnected(&self) {
        self.connected.store(false, Ordering::Relaxed);
    }

    /// Puts `message` behind what already waits, unless that is too much: then the answer is
    /// `false`, and the caller has to flush first.
    pub(crate) fn queue<T: Serialize + ?Sized>(&self, message: &T) -> Result<bool, Error> {
        if !self.is_connected() {
            return Err(Error::Disconnected);
        }
        let mut outgoing = self.outgoing();
        if outgoing.waiting().len() >= HIGH_WATER_BYTES {
            return Ok(false);
        }
        outgoing.push(message).map(|()| true)
    }

    /// Refuses a handle that arrived.
    pub(crate) fn queue_handle_answer(&self) {
        let mut outgoing = self.outgoing();
        outgoing.bytes.extend_from_slice(HANDLE_REFUSED);
        outgoing.answers += 1;
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
                    outgoing.clear();
                    self.set_disconnected();
                    return Err(match error.kind() {
                        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Error::Disconnected,
                        _ => Error::Io { doing: "write to the channel", source: error },
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
    pub(crate) async fn writable(&self) -> io::Result<()> {
        let socket = register(self.socket.get_ref().try_clone()?, Interest::WRITABLE)?;
        socket.writable().await?.retain_ready();
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

    /// Appends `message` as one frame, or nothing at all.
    // ANCHOR: push
    fn push<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), Error> {
        let start = self.bytes.len();
        // ANCHOR: step_2 todo!("2: append the message as one frame, or nothing at all")
        let checked = serde_json::to_writer(&mut self.bytes, message)
            .map_err(Error::Unserializable)
            .and_then(|()| self.check(&self.bytes[start..]));
        match checked {
            Ok(()) => self.bytes.push(b'\n'),
            Err(_) => self.bytes.truncate(start),
        }
        checked
        // ANCHOR_END: step_2
    }
    // ANCHOR_END: push

    fn check(&self, frame: &[u8]) -> Result<(), Error> {
        if frame.len() > self.max_frame_bytes {
            return Err(Error::MessageTooLarge { bytes: frame.len(), limit_bytes: self.max_frame_bytes });
        }
        match internal::kind(frame) {
            Kind::Message => Ok(()),
            Kind::Handle | Kind::OtherInternal => Err(Error::ReservedCmd),
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
    // Rust programs ignore SIGPIPE, but this may become part of a program that does not.
    Ok(socket::send(socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL)?)
}

/// What one read brought.
pub(crate) struct Received {
    /// How many bytes; 0 at the end.
    pub(crate) count: usize,
    /// Whether descriptors came along. They are closed already.
    pub(crate) descriptors: bool,
}

/// Reads once into `space`, and closes the descriptors that come along: nobody asked for them, and
/// with every one that stayed open the peer could bring this process closer to its limit.
pub(crate) fn receive(socket: &UnixStream, space: &mut [u8]) -> io::Result<Received> {
    // As many descriptors as the kernel lets through in one message (SCM_MAX_FD).
    const CONTROL_BYTES: usize = socket::cmsg_space::<[RawFd; 253]>();
    let mut control = [0; CONTROL_BYTES];
    let mut pieces = [IoSliceMut::new(space)];
    let message = socket::recvmsg::<()>(socket.as_raw_fd(), &mut pieces, Some(&mut control), CLOSE_ON_EXEC)?;
    let mut descriptors = false;
    for control_message in message.cmsgs()? {
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

/// Between the arrival of a descriptor and its closing, another thread may start a program.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const CLOSE_ON_EXEC: MsgFlags = MsgFlags::MSG_CMSG_CLOEXEC;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const CLOSE_ON_EXEC: MsgFlags = MsgFlags::empty();
