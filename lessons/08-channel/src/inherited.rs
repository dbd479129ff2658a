//! The child's side: take over the channel that the parent announced.

use crate::{Channel, Error};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{getsockopt, sockopt::SockType};
use std::env;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// The channel to the parent, taken but not in use yet.
pub struct Inherited {
    socket: UnixStream,
}

/// Takes the channel to the parent, as announced in the environment. Call it once, and first thing
/// in `main`: what a runtime opens could get the announced number if nothing was open there.
pub fn inherited() -> Result<Inherited, Error> {
    todo!("1: take the channel that the environment announces")
}

impl Inherited {
    /// Makes the channel ready for use. Panics outside of a tokio runtime.
    pub fn open(self) -> Result<Channel, Error> {
        Ok(Channel::from_stream(self.socket)?)
    }
}

/// The socket with the number in `value`, or [`Error::BadChannelFd`].
fn take_socket(value: &str) -> Result<UnixStream, Error> {
    let bad = |reason: &str| Error::BadChannelFd { value: value.into(), reason: reason.into() };
    let number =
        value.parse().ok().filter(|number| *number >= 0).ok_or(bad("is not a descriptor's number"))?;
    // SAFETY: `borrow_raw` asks for an open descriptor, and whether this one is open is what we are about to find out.
    // Only `getsockopt` uses the borrow, and it returns EBADF or ENOTSOCK if the descriptor isn't an open socket.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    getsockopt(&descriptor, SockType).map_err(|_| bad("is not an open socket"))?;
    // SAFETY: It is open, and the parent opened it for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) }.into())
}
