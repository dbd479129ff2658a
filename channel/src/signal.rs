//! The signals that a parent sends to a child.

use nix::sys::signal;

/// A signal, for [`Process::kill`](crate::Process::kill).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "signal(7) describes them")]
pub enum Signal {
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGKILL,
    SIGUSR1,
    SIGUSR2,
    SIGTERM,
    SIGCONT,
    SIGSTOP,
}

impl From<Signal> for signal::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::SIGHUP => Self::SIGHUP,
            Signal::SIGINT => Self::SIGINT,
            Signal::SIGQUIT => Self::SIGQUIT,
            Signal::SIGKILL => Self::SIGKILL,
            Signal::SIGUSR1 => Self::SIGUSR1,
            Signal::SIGUSR2 => Self::SIGUSR2,
            Signal::SIGTERM => Self::SIGTERM,
            Signal::SIGCONT => Self::SIGCONT,
            Signal::SIGSTOP => Self::SIGSTOP,
        }
    }
}
