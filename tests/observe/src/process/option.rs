//! An option of another process's socket. No file of `/proc` shows it, but the kernel gives those who may trace the
//! process a copy of a descriptor (pidfd_getfd(2)), and the copy has the same options.

use super::linux;
use nix::libc::{SYS_pidfd_getfd, SYS_pidfd_open, c_long, syscall};
use nix::sys::socket::{getsockopt, sockopt::TcpNoDelay};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub(super) fn nodelay(pid: u32, peer: SocketAddr) -> Option<Vec<bool>> {
    let connections = linux::connections(pid, peer)?;
    let pid = i32::try_from(pid).ok()?;
    let process = open(SYS_pidfd_open, [pid.into(), 0, 0])?;
    let is_set = |number: i32| {
        let copy = open(SYS_pidfd_getfd, [process.as_raw_fd().into(), number.into(), 0])?;
        getsockopt(&copy, TcpNoDelay).ok()
    };
    connections.into_iter().map(is_set).collect()
}

/// One of the two calls above. `None` when the kernel does not know it, or does not let us.
fn open(call: c_long, arguments: [c_long; 3]) -> Option<OwnedFd> {
    // SAFETY: both calls take plain numbers, and give a new descriptor or -1. nix has no name for them.
    let descriptor = unsafe { syscall(call, arguments[0], arguments[1], arguments[2]) };
    let descriptor = RawFd::try_from(descriptor).ok().filter(|descriptor| *descriptor >= 0)?;
    // SAFETY: the kernel has just opened this descriptor for us, and nobody else knows it.
    Some(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
