//! Running a command to its end.

use crate::failure::Failure;
use crate::run::children::Group;
use crate::run::interrupt;
use std::io::{self, PipeReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Runs a command to its end, without stdin. Gives whether all went well.
///
/// # Errors
/// When it cannot be started, or when Ctrl-C was pressed.
pub fn finish(command: &mut Command) -> Result<bool, Failure> {
    let name = command.get_program().display().to_string();
    let cannot = |error: io::Error| Failure::work(format!("cannot run {name}: {error}"));
    let mut group = Group::start(command.stdin(Stdio::null())).map_err(cannot)?;
    let status = group.child().wait().map_err(cannot)?;
    drop(group);
    if interrupt::requested() { Err(interrupt::failure()) } else { Ok(status.success()) }
}

/// What came of a command.
pub struct Captured {
    /// What it printed, stdout and stderr as they came.
    pub text: String,
    /// How it ended; `None` when it had to be ended.
    pub status: Option<ExitStatus>,
}

/// Runs a command to its end, or until `limit` is over, or until `enough` says so of what was printed.
///
/// # Errors
/// When it cannot be started, or when Ctrl-C was pressed.
pub fn captured(
    command: &mut Command,
    limit: Duration,
    enough: Option<&(dyn Fn(&str) -> bool + Sync)>,
) -> Result<Captured, Failure> {
    let name = command.get_program().display().to_string();
    let cannot = |error: io::Error| Failure::work(format!("cannot run {name}: {error}"));
    let (reader, writer) = io::pipe().map_err(cannot)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(cannot)?).stderr(writer);
    let mut group = Group::start(command).map_err(cannot)?;
    // The command keeps its ends of the pipe as long as it has them; without them, end of file comes.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let is_enough = AtomicBool::new(false);
    let (text, status) = thread::scope(|scope| {
        let reading = scope.spawn(|| read_until_enough(reader, enough, &is_enough));
        let status = observe::limit::poll(limit, || match group.ended() {
            Some(status) => Some(Some(status)),
            None => is_enough.load(Ordering::SeqCst).then_some(None),
        });
        drop(group);
        (reading.join().unwrap_or_default(), status.flatten())
    });
    if interrupt::requested() {
        return Err(interrupt::failure());
    }
    Ok(Captured { text, status })
}

fn read_until_enough(
    mut reader: PipeReader,
    enough: Option<&(dyn Fn(&str) -> bool + Sync)>,
    is_enough: &AtomicBool,
) -> String {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // What was read before an error is still worth showing.
        let count = reader.read(&mut buffer).unwrap_or(0);
        bytes.extend_from_slice(&buffer[..count]);
        if enough.is_some_and(|enough| enough(&String::from_utf8_lossy(&bytes))) {
            is_enough.store(true, Ordering::SeqCst);
        }
        if count == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}
