//! The parent's side: start a program with a channel to it, as Node's `child_process.fork` does.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus};

use command_fds::{CommandFdExt, FdMapping};
use nix::sys::signal;
use nix::unistd::Pid;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Channel, Error, Receiver, Sender, Signal};

/// The number that the child's end gets: the first one after stdin, stdout and stderr, as in Node.
const CHILD_FD: RawFd = 3;

/// Starts `command` with a channel to it.
///
/// Everything else about the command is left as the caller set it: arguments, directory, standard
/// streams. The environment gets `NODE_CHANNEL_FD` and `NODE_CHANNEL_SERIALIZATION_MODE`, and loses
/// `NODE_UNIQUE_ID`, which would make a Node child a cluster worker. Nothing else is inherited: this
/// side's end closes on exec, and the child's end is closed here as soon as the child has it.
///
/// When the [`Child`] is dropped the channel is closed, which a worker takes as its end; the process
/// itself is neither killed nor waited for.
///
/// To give the child its end, the mapping of descriptors runs code between fork and exec
/// (`pre_exec`). std then starts the program with fork and exec, and not with `posix_spawn`, so the
/// kernel copies this process's page tables first: with 1 GiB resident, fork and wait took 47 ms
/// instead of 3.7 ms. Fork before the memory grows, or keep the worker. (std's own way to pass a
/// descriptor, `CommandExt::fd`, would go with `posix_spawn`, but it is not stable yet. Clearing
/// close-on-exec here for a moment would go with it, too, but a child that another thread starts in
/// that moment would get the descriptor as well, and the end of this child would go unseen.)
///
/// # Errors
/// [`Error::Spawn`] when the program does not exist or cannot be started. (In Node this is an event
/// that comes later.)
///
/// # Panics
/// Outside of a tokio runtime.
///
/// ```
/// use std::process::Command;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut command = Command::new("sh");
/// // Any program can be a worker. This one answers the first line with the same line.
/// command.args(["-c", r#"read -r line <&"$NODE_CHANNEL_FD"; echo "$line" >&"$NODE_CHANNEL_FD""#]);
///
/// let mut child = node_channel::fork(command)?;
/// child.send(&["one", "two"]).await?;
/// assert_eq!(child.recv::<Vec<String>>().await?.unwrap(), ["one", "two"]);
/// assert_eq!(child.recv::<Vec<String>>().await?, None);
/// assert!(child.wait().await?.success());
/// # Ok(())
/// # }
/// ```
// ANCHOR: fork
pub fn fork(mut command: Command) -> Result<Child, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (ours, theirs) = UnixStream::pair().map_err(Error::io("make a socket pair"))?;
    let channel = Channel::from_stream(ours).map_err(Error::io("open the channel"))?;
    command
        .env("NODE_CHANNEL_FD", CHILD_FD.to_string())
        .env("NODE_CHANNEL_SERIALIZATION_MODE", "json")
        .env_remove("NODE_UNIQUE_ID");
    // Both ends close on exec. The mapping makes, in the child only, a copy that does not; and when
    // the end already has that number, it clears the flag, which a plain dup2 would not do.
    command
        .fd_mappings(vec![FdMapping { parent_fd: theirs.into(), child_fd: CHILD_FD }])
        .expect("a single mapping does not collide");
    // The command owns the child's end. It is dropped at the end of this statement; if it lived on,
    // the death of the child would never be seen here as the end of the channel.
    let process =
        tokio::process::Command::from(command).spawn().map_err(|source| Error::Spawn { program, source })?;
    let id = process.id().expect("it has not been waited for");
    Ok(Child { channel, process: Process { process, id } })
}
// ANCHOR_END: fork

/// A forked process and the channel to it.
#[derive(Debug)]
pub struct Child {
    channel: Channel,
    process: Process,
}

impl Child {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a message to the child. See [`Channel::send`].
    pub async fn send<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), Error> {
        self.channel.send(message).await
    }

    /// The next message from the child, or `None` when it has disconnected. See [`Receiver::recv`].
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        self.channel.recv().await
    }

    /// Closes the channel, after everything has been sent. A worker takes it as its end. See
    /// [`Channel::disconnect`].
    pub async fn disconnect(&mut self) -> Result<(), Error> {
        self.channel.disconnect().await
    }

    /// Whether messages can be sent. See [`Channel::connected`].
    pub fn connected(&self) -> bool {
        self.channel.connected()
    }

    /// Waits for the process to end. See [`Process::wait`].
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Sends a signal to the process. See [`Process::kill`].
    pub fn kill(&self, signal: Signal) -> io::Result<()> {
        self.process.kill(signal)
    }

    /// The channel, for what else it can do.
    pub fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    /// The process, for what else it can do.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The channel and the process, each on its own.
    pub fn into_parts(self) -> (Channel, Process) {
        (self.channel, self.process)
    }

    /// Both halves of the channel and the process: for sending while receiving.
    pub fn split(self) -> (Sender, Receiver, Process) {
        let (sender, receiver) = self.channel.split();
        (sender, receiver, self.process)
    }
}

/// A forked process without its channel.
#[derive(Debug)]
pub struct Process {
    process: tokio::process::Child,
    id: u32,
}

impl Process {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Waits for the process to end and says how it did: by an exit code or by a signal. It can be
    /// called again. Cancel safe.
    ///
    /// A child that disconnects has not ended, and one that ended may have left messages: receive
    /// until `None` first, then wait.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Sends a signal to the process. `Ok` means that it was sent, not that the process is dead:
    /// [`wait`](Process::wait) tells that.
    ///
    /// # Errors
    /// `ESRCH` when the process has ended and was waited for.
    pub fn kill(&self, signal: Signal) -> io::Result<()> {
        // After the wait, the number may belong to another process. Before, it cannot.
        let id = self.process.id().ok_or(nix::errno::Errno::ESRCH)?;
        Ok(signal::kill(Pid::from_raw(id as i32), signal::Signal::try_from(signal as i32)?)?)
    }

    /// The process as tokio knows it, for its standard streams.
    pub fn as_tokio(&mut self) -> &mut tokio::process::Child {
        &mut self.process
    }
}
