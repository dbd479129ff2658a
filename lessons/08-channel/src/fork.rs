//! The parent's side: start a program with a channel to it.

use crate::{Channel, Error};
use command_fds::{CommandFdExt, FdMapping};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus};

/// Starts `command` with a channel to it. Panics outside of a tokio runtime.
pub fn fork(mut command: Command) -> Result<Child, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    todo!("4: make a socket pair, announce and pass on the child's end, start the child")
}

/// A forked process and the channel to it. What a [`Channel`] can do, a child can do.
pub struct Child {
    channel: Channel,
    process: tokio::process::Child,
}

impl Child {
    /// The process id, until the process was waited for.
    pub fn id(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// Waits until the process has exited, and returns its exit status.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.process.wait().await
    }
}

impl std::ops::Deref for Child {
    type Target = Channel;
    fn deref(&self) -> &Channel {
        &self.channel
    }
}
