//! A port on which nobody listens.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};
use std::os::fd::{AsRawFd, OwnedFd};

/// A TCP port of 127.0.0.1 that refuses every connection, and that no other test can get meanwhile.
///
/// The socket is bound but never listens, so the kernel answers with a reset (tcp(7)).
pub struct ClosedPort {
    _bound: OwnedFd,
    port: u16,
}

impl ClosedPort {
    /// Takes a free port.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn new() -> nix::Result<Self> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0))?;
        let address: SockaddrIn = getsockname(socket.as_raw_fd())?;
        Ok(Self { _bound: socket, port: address.port() })
    }

    /// The number of the port.
    pub fn number(&self) -> u16 {
        self.port
    }
}
