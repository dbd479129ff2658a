//! What `/proc` shows: proc_pid_stat(5), proc_pid_status(5), proc_pid_fd(5) and their neighbors. Where there is no
//! `/proc`, everything is `None`.

use super::Info;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// USER_HZ is 100 on every Linux: time(7), "The software clock, HZ, and jiffies".
const TICK: Duration = Duration::from_millis(10);

pub(super) fn pids() -> Vec<u32> {
    numbers("/proc").unwrap_or_default()
}

/// The numbers that are names in a folder.
pub(super) fn numbers<T: FromStr>(folder: &str) -> Option<Vec<T>> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    Some(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The processes that were started with this `NAME=value` in their environment.
pub(super) fn with_variable(variable: &str) -> Vec<u32> {
    pids().into_iter().filter(|pid| has_variable(*pid, variable)).collect()
}

pub(super) fn has_variable(pid: u32, variable: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
}

/// A process as its `stat` shows it, whose memory and command line are still to be looked up: see [`complete`].
pub(super) fn brief(pid: u32) -> Option<Info> {
    let stat = stat(format!("/proc/{pid}"))?;
    let mut fields = stat.fields();
    Some(Info {
        pid,
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        resident_bytes: 0,
        command: format!("[{}]", stat.name()?),
    })
}

/// Adds what takes the system longer to tell.
pub(super) fn complete(info: &mut Info) {
    info.resident_bytes = memory(info.pid, "VmRSS:").unwrap_or(0);
    if let Some(command) = command_line(info.pid) {
        info.command = command;
    }
}

/// proc_pid_stat(5) of a process or a thread.
pub(super) struct Stat(String);

impl Stat {
    /// The name stands in parentheses and may hold spaces and parentheses itself: look for the last one.
    fn split(&self) -> Option<(&str, &str)> {
        self.0.rsplit_once(')')
    }

    fn name(&self) -> Option<&str> {
        Some(self.split()?.0.split_once('(')?.1)
    }

    /// The fields that follow the name, of which the first is the state.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.split().map_or("", |(_, fields)| fields).split_ascii_whitespace()
    }

    pub fn state(&self) -> Option<char> {
        self.fields().next()?.chars().next()
    }
}

pub(super) fn stat(folder: impl AsRef<Path>) -> Option<Stat> {
    let mut text = String::with_capacity(1024);
    // A check looks at every process of the machine again and again. Without the limit, std asks for the size of the file
    // first, and begins with a small piece of it.
    File::open(folder.as_ref().join("stat")).ok()?.take(4096).read_to_string(&mut text).ok()?;
    Some(Stat(text))
}

fn command_line(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ");
    (!text.is_empty()).then_some(text)
}

/// A line of proc_pid_status(5), in bytes. A zombie has none of them.
fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(kilobytes.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// The most memory that a process has had resident since it began, in bytes. `None` where only Linux shows it, and when
/// the process has ended.
pub fn peak_memory(pid: u32) -> Option<u64> {
    memory(pid, "VmHWM:")
}

/// How long a process has had a processor, all its threads together. `None` where only Linux shows it.
pub fn processor_time(pid: u32) -> Option<Duration> {
    let stat = stat(format!("/proc/{pid}"))?;
    // utime and stime, in clock ticks: proc_pid_stat(5) numbers them 14 and 15, and two fields stand before these.
    let mut ticks = stat.fields().skip(11).map(|field| field.parse::<u32>().ok());
    Some(TICK * (ticks.next()?? + ticks.next()??))
}

/// The number of threads of a process. `None` where only Linux shows it.
pub fn threads(pid: u32) -> Option<usize> {
    Some(numbers::<u32>(&format!("/proc/{pid}/task"))?.len())
}

pub(super) fn is_stopped(pid: u32) -> Option<bool> {
    let mut threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    // A thread that has ended since the folder was read does not run any more either.
    Some(threads.all(|thread| stat(thread.path()).is_none_or(|stat| stat.state() == Some('T'))))
}

/// The numbers of a process's open descriptors and what each is, such as `socket:[4711]`. `None` where only
/// Linux shows it.
pub fn descriptors(pid: u32) -> Option<Vec<(i32, String)>> {
    let mut numbers: Vec<i32> = numbers(&format!("/proc/{pid}/fd"))?;
    numbers.sort_unstable();
    // A descriptor that was closed since the folder was read is not open any more.
    Some(numbers.into_iter().filter_map(|number| Some((number, target(pid, number)?))).collect())
}

/// What a descriptor is.
pub(super) fn target(pid: u32, descriptor: i32) -> Option<String> {
    let link = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
    Some(link.to_string_lossy().into_owned())
}
