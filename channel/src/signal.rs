//! The signals that a parent sends to a child.

use nix::libc;

/// A signal, for [`Process::kill`](crate::Process::kill).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
#[allow(missing_docs, reason = "signal(7) describes them")]
pub enum Signal {
    SIGHUP = libc::SIGHUP,
    SIGINT = libc::SIGINT,
    SIGQUIT = libc::SIGQUIT,
    SIGKILL = libc::SIGKILL,
    SIGUSR1 = libc::SIGUSR1,
    SIGUSR2 = libc::SIGUSR2,
    SIGTERM = libc::SIGTERM,
    SIGCONT = libc::SIGCONT,
    SIGSTOP = libc::SIGSTOP,
}
