//! The parent's side: start a program with a channel to it.

use crate::{Channel, Error};
use command_fds::{CommandFdExt, FdMapping};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus};

// ANCHOR: fork
/// Starts `command` with a channel to it. Panics outside of a tokio runtime.
pub fn fork(mut command: Command) -> Result<Child, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    // ANCHOR: step_4 todo!("4: make a socket pair, announce and pass on the child's end, start the child")
    const CHILD_FD: i32 = 3; // the first one after stdin, stdout and stderr, as in Node
    let (ours, theirs) = UnixStream::pair()?;
    let channel = Channel::from_stream(ours)?;
    command
        .env("NODE_CHANNEL_FD", CHILD_FD.to_string())
        .env("NODE_CHANNEL_SERIALIZATION_MODE", "json")
        .fd_mappings(vec![FdMapping { parent_fd: theirs.into(), child_fd: CHILD_FD }])
        .expect("a single mapping does not collide");
    // The command owns the child's end, and is dropped at the end of this statement. If it
    // lived longer, `recv` would never see end of file when the child dies.
    let process = tokio::process::Command::from(command).spawn();
    let process = process.map_err(|source| Error::Spawn { program, source })?;
    Ok(Child { channel, process })
    // ANCHOR_END: step_4
}
// ANCHOR_END: fork

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
