//! Looking at processes from outside, as `ps` does.
//!
//! On Linux everything comes from `/proc` (proc(5)). Elsewhere `ps` gives what it can, and what only Linux
//! shows is `None`.

mod activity;
#[cfg(target_os = "linux")]
mod peer;
mod proc;
mod ps;
mod sockets;
mod waits;

pub use activity::{Activity, activity};
pub use proc::{descriptors, peak_memory, processor_time, threads};
pub use sockets::{listening, nodelay};
pub use waits::{sleeps, thread_waiting_in, waiting_in};

use crate::limit;
use crate::text::{escape, shorten};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::fmt::Write;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What is known of a process at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The process's number.
    pub pid: u32,
    /// Its parent's number.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// `R` running, `S` sleeping, `D` in uninterruptible sleep, `T` stopped, `Z` zombie: as in ps(1).
    pub state: char,
    /// Resident memory in bytes. A zombie has none.
    pub resident_bytes: u64,
    /// The command line, or the name in brackets where there is none.
    pub command: String,
}

impl Info {
    /// Ended, but its parent has not waited for it yet.
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z'
    }
}

/// All processes of the machine that may be looked at.
pub fn all() -> Vec<Info> {
    complete(brief())
}

/// All processes, without what `/proc` has in files of their own: their memory and their command lines.
fn brief() -> Vec<Info> {
    if !cfg!(target_os = "linux") {
        return ps::show(&["-A"]);
    }
    let mut all: Vec<Info> = proc::pids().into_iter().filter_map(proc::brief).collect();
    all.sort_by_key(|info| info.pid);
    all
}

/// Adds what [`brief`] has left out.
fn complete(mut chosen: Vec<Info>) -> Vec<Info> {
    if cfg!(target_os = "linux") {
        chosen.iter_mut().for_each(proc::complete);
    }
    chosen
}

fn those(are_meant: impl Fn(&Info) -> bool) -> Vec<Info> {
    let mut all = brief();
    all.retain(are_meant);
    complete(all)
}

/// One process; `None` when there is no such process (any more).
pub fn info(pid: u32) -> Option<Info> {
    if cfg!(target_os = "linux") {
        return complete(proc::brief(pid).into_iter().collect()).pop();
    }
    ps::show(&["-p", &pid.to_string()]).pop()
}

/// The children of a process, zombies included.
pub fn children(pid: u32) -> Vec<Info> {
    those(|info| info.parent == pid)
}

/// The children of a process that ended and that it has not waited for.
pub fn zombies(pid: u32) -> Vec<Info> {
    those(|info| info.parent == pid && info.is_zombie())
}

/// The processes of a process group. The specs start each program in a group of its own.
pub fn group(group: u32) -> Vec<Info> {
    those(|info| info.group == group)
}

/// Whether a process is stopped, all its threads: a busy machine lets some go on for a moment after SIGSTOP.
pub fn is_stopped(pid: u32) -> bool {
    proc::is_stopped(pid).unwrap_or_else(|| info(pid).is_some_and(|info| info.state == 'T'))
}

/// Sends a signal to a process. One that is gone already is no error.
pub fn signal(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
}

/// A mark in a program's environment. By it everything is found that the program has started, whatever became of it: a
/// process can leave its group, and lose its parent, but it keeps the environment that it was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// The variable.
    pub const NAME: &str = "WORKSHOP_STARTED_BY";

    /// A mark that no other program has.
    #[allow(clippy::new_without_default, reason = "each one differs")]
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        Self(format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    /// Puts the mark on a program that is not started yet.
    pub fn put(&self, command: &mut Command) {
        command.env(Self::NAME, &self.0);
    }
}

/// A program that was started here, and everything that it has started: its process group, all below it by descent, and
/// what has its mark.
pub fn family(leader: u32, mark: &Mark) -> Vec<Info> {
    let variable = format!("{}={}", Mark::NAME, mark.0);
    let with_variable = if cfg!(target_os = "linux") { proc::with_variable } else { ps::with_variable };
    let marked = with_variable(&variable);
    let all = brief();
    // Once it was waited for, its number can be somebody else's.
    let is_leader = |info: &Info| info.pid == leader && info.parent == std::process::id();
    let is_in = |info: &&Info| is_leader(info) || info.group == leader || marked.contains(&info.pid);
    let mut family: Vec<u32> = all.iter().filter(is_in).map(|info| info.pid).collect();
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        let children = all.iter().filter(|info| info.parent == parent).map(|info| info.pid);
        let new: Vec<u32> = children.filter(|child| !family.contains(child)).collect();
        family.extend(new);
        next += 1;
    }
    complete(all.into_iter().filter(|info| family.contains(&info.pid)).collect())
}

/// How long a process may take to end after SIGKILL, which is a matter of milliseconds.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
const MOST_END_WITHIN: Duration = Duration::from_millis(50);

/// Ends a program that was started here, and everything that it has started, with SIGKILL.
pub fn end_family(leader: u32, mark: &Mark) {
    // At once, so that fewer of them can start others.
    let _ = killpg(Pid::from_raw(leader.cast_signed()), Signal::SIGKILL);
    // To find a family takes a look at every process of the machine, so that waits until most of it has ended.
    let runs = |info: &Info| info.parent == std::process::id() && !info.is_zombie();
    limit::poll(MOST_END_WITHIN, || (!info(leader).as_ref().is_some_and(runs)).then_some(()));
    limit::poll(ENDS_WITHIN, || {
        let left: Vec<Info> = family(leader, mark).into_iter().filter(|info| !info.is_zombie()).collect();
        left.iter().for_each(|info| signal(info.pid, Signal::SIGKILL));
        left.is_empty().then_some(())
    });
}

/// These processes, a line each, indented by descent, with what each is waiting in.
pub fn tree(members: &[Info]) -> String {
    let is_root = |info: &&Info| !members.iter().any(|other| other.pid == info.parent);
    // An orphan that has ended is left to whoever waits for orphans.
    let awaited = |info: &&Info| info.is_zombie() && info.parent == 1;
    let mut text = String::new();
    for info in members.iter().filter(is_root).filter(|info| !awaited(info)) {
        write_branch(info, 1, members, &mut text);
    }
    text
}

fn write_branch(info: &Info, depth: usize, members: &[Info], text: &mut String) {
    let waiting = match info.state {
        // One of ours: whoever started it here has not come to wait for it yet.
        'Z' if info.parent == std::process::id() => "it has ended".to_owned(),
        'Z' => "a zombie: it has ended, and its parent has not waited for it".to_owned(),
        'T' => "stopped".to_owned(),
        'R' => "running".to_owned(),
        _ => waiting_in(info.pid).map_or_else(|| "waiting".to_owned(), |words| escape(&words)),
    };
    let Info { pid, parent, state, command, .. } = info;
    let (indent, command) = (" ".repeat(depth * 2), shorten(command, 90));
    let _ = writeln!(text, "{indent}pid {pid} (parent {parent}, state {state}) {command}");
    let _ = writeln!(text, "{indent}    {waiting}");
    for child in members.iter().filter(|child| child.parent == *pid) {
        write_branch(child, depth + 2, members, text);
    }
}
