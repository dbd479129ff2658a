//! Looking into a pipe between two processes, which only Linux lets others do: proc_pid_fd(5), pipe(7).

use crate::lines::unread;
use crate::process;
#[cfg(target_os = "linux")]
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;

/// An end of a pipe that a program has made for itself. What is read here, the program doesn't find any more.
pub struct Pipe {
    path: String,
    reader: File,
}

impl Pipe {
    /// The pipe that a process has open besides its three streams. `None` where there is none, or where the system does
    /// not let others look.
    pub fn of(pid: u32) -> Option<Self> {
        let all = process::descriptors(pid)?;
        // What the specs have open themselves, the process has inherited.
        let inherited = process::descriptors(std::process::id())?;
        let is_own =
            |target: &str| target.starts_with("pipe:") && inherited.iter().all(|(_, it)| it != target);
        let (number, _) = all.iter().find(|(number, target)| *number > 2 && is_own(target))?;
        let path = format!("/proc/{pid}/fd/{number}");
        let reader = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).ok()?;
        Some(Self { path, reader })
    }

    /// How many bytes are in the pipe.
    pub fn filled(&self) -> usize {
        unread(&self.reader, libc::FIONREAD)
    }

    /// Takes what is in the pipe now.
    pub fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // At the latest, it ends with an error: nothing more is there. What was read is there all the same.
        let _ = self.reader.read_to_end(&mut bytes);
        bytes
    }

    /// Fills the pipe with bytes 0, so that a write of `room` bytes still goes in, and a longer one waits. A pipe is a ring of
    /// pages: a short write begins a new page, unless all of it goes into the last one.
    pub fn leave_room(&mut self, room: usize) -> io::Result<()> {
        let mut writer = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&self.path)?;
        let mut bytes = [0; SHORT];
        while is_written(&mut writer, &bytes)? {}
        // Until a page is free.
        self.reader.read_exact(&mut bytes)?;
        while !is_written(&mut writer, &bytes[room..])? {
            self.reader.read_exact(&mut bytes)?;
        }
        while is_written(&mut writer, &bytes)? {}
        Ok(())
    }
}

/// What is always written in one piece, on Linux: PIPE_BUF.
const SHORT: usize = 4096;

/// Whether there was room for these bytes.
fn is_written(writer: &mut File, bytes: &[u8]) -> io::Result<bool> {
    match writer.write_all(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        written => written.map(|()| true),
    }
}

/// A pipe with as little room as the system allows, so that what is written to it takes many reads. Only Linux lets a
/// pipe be made smaller.
pub fn small_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    #[cfg(target_os = "linux")]
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(libc::c_int::try_from(SHORT).unwrap_or_default()))?;
    Ok((reader, writer))
}
