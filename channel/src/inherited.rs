//! The child's side: take over the channel that the parent announced.

use std::env;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{SockType, getsockopt, sockopt};

use crate::{Channel, Error};

/// The channel to the parent, taken but not in use yet.
#[derive(Debug)]
pub struct Inherited {
    stream: UnixStream,
}

/// Takes the channel to the parent, as announced in the environment.
///
/// Call it first thing in a synchronous `main`: before a runtime opens descriptors of its own, and
/// before there is a thread or a child that could see what is changed here. The variables are
/// removed from the environment and the descriptor is closed on exec, so that programs that this
/// one starts get neither. A second call finds nothing.
///
/// # Errors
/// - [`Error::NotForked`]: no parent, or one that gave no channel.
/// - [`Error::BadChannelFd`]: what is announced is not an open socket. (A Node child does not notice
///   and waits for ever.)
/// - [`Error::UnsupportedSerialization`]: the parent speaks `advanced`. (A frame of JSON would make a
///   Node parent wait for two gigabytes.)
/// - [`Error::ThreadsRunning`]: too late.
// ANCHOR: inherited
pub fn inherited() -> Result<Inherited, Error> {
    let announced = env::var_os("NODE_CHANNEL_FD").unwrap_or_default();
    if announced.is_empty() {
        return Err(Error::NotForked);
    }
    let mode = env::var_os("NODE_CHANNEL_SERIALIZATION_MODE").unwrap_or_default();
    check_single_thread()?;
    for name in ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE"] {
        // SAFETY: No other thread reads the environment meanwhile, because there is none.
        unsafe { env::remove_var(name) };
    }
    if !(mode.is_empty() || mode == "json") {
        return Err(Error::UnsupportedSerialization { mode: mode.to_string_lossy().into_owned() });
    }
    let value = announced.to_string_lossy().into_owned();
    let descriptor = take_descriptor(&value).map_err(|reason| Error::BadChannelFd { value, reason })?;
    Ok(Inherited { stream: UnixStream::from(descriptor) })
}
// ANCHOR_END: inherited

impl Inherited {
    /// Makes the channel ready for use.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(self) -> Result<Channel, Error> {
        Channel::from_stream(self.stream).map_err(Error::io("open the channel"))
    }
}

/// The environment belongs to all threads, and C code reads it without asking.
fn check_single_thread() -> Result<(), Error> {
    #[cfg(target_os = "linux")]
    if let Ok(metadata) = std::fs::metadata("/proc/self/task") {
        // One directory per thread, beside `.` and `..`.
        let count = std::os::unix::fs::MetadataExt::nlink(&metadata).saturating_sub(2);
        if count > 1 {
            return Err(Error::ThreadsRunning { count });
        }
    }
    Ok(())
}

/// The descriptor with the number in `value`, if it is what a parent would pass; else what is wrong.
// ANCHOR: take_descriptor
fn take_descriptor(value: &str) -> Result<OwnedFd, String> {
    let number: RawFd = value.parse().map_err(|_| "is not a number")?;
    if number < 0 {
        return Err("is negative".to_owned());
    }
    // SAFETY: If nothing is open under this number, the first call below says so, and nothing else
    // is done with it. Nobody opens or closes anything meanwhile: there is one thread.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(descriptor, FcntlArg::F_GETFD).map_err(|_| "is not an open descriptor")?;
    match getsockopt(&descriptor, sockopt::SockType) {
        // Not every system can tell whether a socket listens.
        Ok(SockType::Stream | SockType::SeqPacket)
            if getsockopt(&descriptor, sockopt::AcceptConn) == Ok(true) =>
        {
            return Err("is a socket that listens".to_owned());
        }
        Ok(SockType::Stream | SockType::SeqPacket) => {}
        Ok(_) => return Err("is a socket without a connection".to_owned()),
        Err(_) => return Err("is not a socket".to_owned()),
    }
    fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(|error| error.to_string())?;
    // SAFETY: It is open, and the parent opened it for us alone. Nobody can take it a second time:
    // the variable that names it is gone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
// ANCHOR_END: take_descriptor
