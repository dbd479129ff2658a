//! Reading the messages between a parent and its worker, without a process between them.
//!
//! A program that starts a worker is told to start `workshop tap SOCKET PROGRAM ARG…` instead. That process
//! makes a second channel, hands the parent's channel and its own end of the new one over to the command that
//! draws (SCM_RIGHTS, unix(7)), and then becomes the worker by execve(2). So the worker is the parent's child,
//! with all that belongs to it, and the command that draws copies the frames from one channel to the other.

use crate::failure::Failure;
use crate::ui::arguments;
use clap::{Arg, ArgMatches};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::unistd::dup2;
use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread;

/// What the command line can say. Nobody types this: it is what a program is told to start as its worker.
pub fn command() -> clap::Command {
    let words =
        Arg::new("command").required(true).num_args(1..).trailing_var_arg(true).allow_hyphen_values(true);
    arguments::verb("tap", "Becomes a worker whose messages are read on the way", "Used by timeline.")
        .hide(true)
        .arg(Arg::new("socket").required(true))
        .arg(words)
}

/// How a program is told to start a tapped worker.
pub struct Tap {
    socket: PathBuf,
}

/// A message that has passed.
pub struct Passed {
    /// The worker's pid.
    pub worker: u32,
    pub to_worker: bool,
    pub frame: String,
}

/// Hands over the channel and becomes the worker. Returns only when that fails.
pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let cannot = |error: io::Error| Failure::work(format!("cannot tap the worker: {error}"));
    let mut words = matches.get_many::<String>("command").into_iter().flatten();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command.args(words);
    let hub = UnixStream::connect(arguments::required(matches, "socket")).map_err(cannot)?;
    match env::var("NODE_CHANNEL_FD").ok().and_then(|number| number.parse().ok()) {
        Some(number) => tap_channel(&hub, number),
        None => tap_pipes(&hub, &mut command),
    }
    .map_err(cannot)?;
    Err(cannot(command.exec()))
}

/// A channel is one socket for both directions.
fn tap_channel(hub: &UnixStream, number: RawFd) -> io::Result<()> {
    let (ours, workers) = UnixStream::pair()?;
    // SAFETY: the parent has made this descriptor for us, and nothing else in this process knows of it.
    let mut inherited = unsafe { OwnedFd::from_raw_fd(number) };
    let (parent, ours) = (inherited.as_raw_fd(), ours.as_raw_fd());
    hand_over(hub, [parent, ours, ours, parent])?;
    // The copy does not close on exec, and it has the number that the environment says.
    dup2(&workers, &mut inherited)?;
    // Open until the worker closes it.
    let _ = inherited.into_raw_fd();
    Ok(())
}

fn tap_pipes(hub: &UnixStream, command: &mut Command) -> io::Result<()> {
    let (to_worker_reader, to_worker) = io::pipe()?;
    let (from_worker, from_worker_writer) = io::pipe()?;
    hand_over(hub, [0, to_worker.as_raw_fd(), from_worker.as_raw_fd(), 1])?;
    command.stdin(to_worker_reader).stdout(from_worker_writer);
    Ok(())
}

/// Sends four descriptors: from the parent, to the worker, from the worker, to the parent. Waits until they have
/// come, since ours close soon.
fn hand_over(hub: &UnixStream, descriptors: [RawFd; 4]) -> io::Result<()> {
    let pid = process::id().to_ne_bytes();
    let rights = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(hub.as_raw_fd(), &[IoSlice::new(&pid)], &rights, MsgFlags::empty(), None)?;
    io::copy(&mut &*hub, &mut io::sink())?;
    Ok(())
}

impl Tap {
    /// Listens for workers, and calls `observer` for each message that passes.
    ///
    /// # Errors
    /// When there is no place for the socket.
    pub fn start(observer: impl Fn(Passed) + Clone + Send + 'static) -> io::Result<Self> {
        let socket = env::temp_dir().join(format!("workshop-tap-{}", process::id()));
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)?;
        thread::spawn(move || {
            for hub in listener.incoming().map_while(Result::ok) {
                // One that went away in the middle has nothing to pass on.
                let _ = receive(&hub, &observer);
            }
        });
        Ok(Self { socket })
    }

    /// The command line that starts this worker with a tap, as words.
    ///
    /// # Errors
    /// When this program does not know where it lies.
    pub fn command(&self, program: &Path, role: Option<&str>) -> io::Result<Vec<PathBuf>> {
        let mut words = vec![env::current_exe()?, "tap".into(), self.socket.clone(), program.to_owned()];
        words.extend(role.map(PathBuf::from));
        Ok(words)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}

/// Takes the four descriptors over and begins to copy.
fn receive(hub: &UnixStream, observer: &(impl Fn(Passed) + Clone + Send + 'static)) -> io::Result<()> {
    let mut pid = [0; 4];
    let mut space = nix::cmsg_space!([RawFd; 4]);
    let mut parts = [IoSliceMut::new(&mut pid)];
    let message = recvmsg::<()>(hub.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty())?;
    let mut descriptors = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = part {
            // SAFETY: the kernel has made these descriptors for us with this very message.
            let own = |number| unsafe { OwnedFd::from_raw_fd(number) };
            descriptors.extend(numbers.into_iter().map(own));
        }
    }
    // They are not for programs that are started here.
    for descriptor in &descriptors {
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    let Ok([from_parent, to_worker, from_worker, to_parent]) = <[OwnedFd; 4]>::try_from(descriptors) else {
        return Ok(());
    };
    let worker = u32::from_ne_bytes(pid);
    copy(from_parent, to_worker, worker, true, observer.clone());
    copy(from_worker, to_parent, worker, false, observer.clone());
    hub.shutdown(Shutdown::Both)
}

/// Copies frames from one side to the other, and closes the other side after the last one.
fn copy(
    from: OwnedFd,
    to: OwnedFd,
    worker: u32,
    to_worker: bool,
    observer: impl Fn(Passed) + Send + 'static,
) {
    thread::spawn(move || {
        let (mut from, mut to) = (BufReader::new(File::from(from)), File::from(to));
        let mut frame = Vec::new();
        while from.read_until(b'\n', &mut frame).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&frame).trim_end().to_owned();
            observer(Passed { worker, to_worker, frame: text });
            if to.write_all(&frame).is_err() {
                break;
            }
            frame.clear();
        }
        // A socket has two copies here, one for each direction. A pipe is no socket, and closes by itself.
        let _ = nix::sys::socket::shutdown(to.as_fd().as_raw_fd(), nix::sys::socket::Shutdown::Both);
    });
}
