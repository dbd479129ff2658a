//! What a process waits in, in words: proc_pid_syscall(5).

use super::proc::{has_variable, numbers, target};
use super::sockets::{inode, tcp_with};
#[cfg(target_os = "linux")]
use super::{
    peer::peer,
    proc::{descriptors, stat},
};
#[cfg(target_os = "linux")]
use nix::libc::*;
use std::fs;

/// The system calls that a spec has words for. `{}` stands for the descriptor that is waited for.
#[cfg(target_os = "linux")]
const WAITS: &[(&str, &[c_long])] = &[
    ("reading {}", &[SYS_read, SYS_readv, SYS_recvfrom, SYS_recvmsg]),
    ("writing to {}", &[SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg]),
    ("waiting for a connection on {}", &[SYS_accept, SYS_accept4]),
    ("connecting {}", &[SYS_connect]),
    ("waiting for a child to end", &[SYS_wait4, SYS_waitid]),
    ("waiting for a lock or for another thread", &[SYS_futex]),
    ("sleeping", &[SYS_nanosleep, SYS_clock_nanosleep]),
    ("waiting for an event on {}", &[SYS_epoll_pwait, SYS_epoll_pwait2]),
    #[cfg(target_arch = "x86_64")]
    ("waiting for an event on {}", &[SYS_epoll_wait]),
    ("waiting for an event (poll)", &[SYS_ppoll]),
    #[cfg(target_arch = "x86_64")]
    ("waiting for an event (poll)", &[SYS_poll]),
];
#[cfg(not(target_os = "linux"))]
const WAITS: &[(&str, &[i64])] = &[];

/// What a process is waiting in, in words: "reading the channel", "waiting for a child to end". `None` where
/// only Linux shows it.
pub fn waiting_in(pid: u32) -> Option<String> {
    let threads: Vec<u32> = numbers(&format!("/proc/{pid}/task"))?;
    let waits: Vec<String> = threads.iter().filter_map(|thread| thread_waiting_in(pid, *thread)).collect();
    let count = waits.len();
    let text = each_once(waits).join("; ");
    Some(if count > 1 { format!("{count} threads: {text}") } else { text })
}

/// Whether a thread of a process sleeps for a fixed time. `None` where only Linux shows it.
pub fn sleeps(pid: u32) -> Option<bool> {
    let threads: Vec<u32> = numbers(&format!("/proc/{pid}/task"))?;
    let is_sleeping = |call: Call| matches!(call, Call::Wait("sleeping", _));
    Some(threads.into_iter().any(|thread| call(pid, thread).is_some_and(is_sleeping)))
}

/// What one thread is waiting in, in the words of [`waiting_in`]; the wait of an event loop begins with "waiting
/// for an event on". `None` where only Linux shows it.
pub fn thread_waiting_in(pid: u32, thread: u32) -> Option<String> {
    Some(match call(pid, thread)? {
        Call::None => "running".into(),
        Call::Wait(wait, descriptor) if wait.contains("{}") => wait.replace("{}", &name(pid, descriptor)),
        Call::Wait(wait, _) => wait.into(),
        Call::Other => wait_channel(pid, thread),
    })
}

/// The system call that a thread is in.
enum Call {
    None,
    /// One of [`WAITS`], and the descriptor that it is about, if it is about one.
    Wait(&'static str, i32),
    Other,
}

fn call(pid: u32, thread: u32) -> Option<Call> {
    // "running", or the number of the system call and its arguments in hexadecimal.
    let syscall = fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall")).ok()?;
    let mut words = syscall.split_whitespace();
    let Ok(number) = words.next()?.parse() else { return Some(Call::None) };
    let first = words.next().and_then(|word| i64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let descriptor = first.and_then(|value| i32::try_from(value).ok()).unwrap_or(-1);
    let wait = WAITS.iter().find(|(_, calls)| calls.contains(&number));
    Some(wait.map_or(Call::Other, |(wait, _)| Call::Wait(wait, descriptor)))
}

/// The kernel function that a thread sleeps in, where the system call says nothing to a learner.
fn wait_channel(pid: u32, thread: u32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/task/{thread}/wchan")) {
        Ok(name) if name.len() > 1 => format!("waiting in the kernel ({})", name.trim()),
        _ => "waiting".into(),
    }
}

fn name(pid: u32, descriptor: i32) -> String {
    let target = target(pid, descriptor).unwrap_or_else(|| "closed".into());
    match descriptor {
        0 => format!("stdin ({target})"),
        1 => format!("stdout ({target})"),
        2 => format!("stderr ({target})"),
        _ if has_variable(pid, &format!("NODE_CHANNEL_FD={descriptor}")) => {
            format!("the channel (descriptor {descriptor})")
        }
        _ if target.contains("[eventpoll]") => watched(pid, descriptor),
        _ if is_pidfd(&target) => "a child's end (pidfd)".to_owned(),
        _ => match socket_name(pid, &target) {
            Some(name) => format!("{name} (descriptor {descriptor})"),
            None => format!("descriptor {descriptor} ({target})"),
        },
    }
}

/// An event loop can watch a child by such a descriptor: pidfd_open(2). Newer kernels write the second form.
fn is_pidfd(target: &str) -> bool {
    target == "anon_inode:[pidfd]" || target.starts_with("pidfd:[")
}

/// What an event loop watches: the `tfd:` lines of its epoll descriptor, each by its name.
fn watched(pid: u32, epoll: i32) -> String {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{epoll}")).unwrap_or_default();
    let descriptors =
        info.lines().filter_map(|line| line.strip_prefix("tfd:")?.split_whitespace().next()?.parse().ok());
    // tokio's own wake-up descriptors say nothing to a learner.
    let own = |descriptor: &i32| {
        target(pid, *descriptor).is_some_and(|it| it.contains("[eventfd]") || it.contains("[eventpoll]"))
    };
    let names = descriptors.filter(|descriptor| !own(descriptor)).map(|descriptor| name(pid, descriptor));
    let names = each_once(names.collect());
    if names.is_empty() { "nothing but its own wake-up calls".into() } else { names.join(", ") }
}

fn each_once(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words.dedup();
    words
}

/// A socket in words, from the kernel's tables of sockets: its addresses, or that it is a Unix socket.
fn socket_name(pid: u32, target: &str) -> Option<String> {
    let inode = inode(target)?;
    if let Some(socket) = tcp_with(pid, inode).into_iter().find(|socket| socket.inode == inode) {
        let (here, there) = (socket.here.port(), socket.there.port());
        return Some(if there == 0 {
            format!("the listening socket of port {here}")
        } else {
            format!("the TCP connection {here} to {there}")
        });
    }
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let is_unix = table.lines().any(|line| line.split_whitespace().nth(6) == Some(inode));
    is_unix.then(|| other_end(pid, inode).unwrap_or_else(|| "a Unix socket".into()))
}

/// A Unix socket by its other end, where the process itself, its parent or a child has that.
#[cfg(target_os = "linux")]
fn other_end(pid: u32, inode: &str) -> Option<String> {
    let other = format!("socket:[{}]", peer(inode.parse().ok()?)?);
    let number =
        |pid| descriptors(pid)?.into_iter().find(|(_, target)| *target == other).map(|(number, _)| number);
    if number(pid).is_some() {
        return Some("a socket pair of its own".into());
    }
    let (holder, number) = relatives(pid).into_iter().find_map(|pid| Some((pid, number(pid)?)))?;
    let is_channel = has_variable(holder, &format!("NODE_CHANNEL_FD={number}"));
    Some(format!("{} to pid {holder}", if is_channel { "the channel" } else { "a Unix socket" }))
}

#[cfg(not(target_os = "linux"))]
fn other_end(_pid: u32, _inode: &str) -> Option<String> {
    None
}

/// The children of a process, and its parent.
#[cfg(target_os = "linux")]
fn relatives(pid: u32) -> Vec<u32> {
    let threads: Vec<u32> = numbers(&format!("/proc/{pid}/task")).unwrap_or_default();
    let children =
        |thread| fs::read_to_string(format!("/proc/{pid}/task/{thread}/children")).unwrap_or_default();
    let children: Vec<String> = threads.into_iter().map(children).collect();
    let parent = stat(format!("/proc/{pid}")).and_then(|stat| stat.fields().nth(1)?.parse().ok());
    children
        .iter()
        .flat_map(|list| list.split_whitespace())
        .filter_map(|pid| pid.parse().ok())
        .chain(parent)
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{is_pidfd, name, peer};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::os::unix::{fs::MetadataExt, net::UnixStream};
    use std::process::{Command, id};

    /// Not every kernel tells the other end of a socket.
    fn is_told(socket: &UnixStream) -> bool {
        let file = std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        peer(file.ino().try_into().unwrap()).is_some()
    }

    #[test]
    fn a_socket_is_named_after_its_other_end() {
        let (one, other) = UnixStream::pair().unwrap();
        if !is_told(&one) {
            return;
        }
        let number = one.as_raw_fd();
        let named = |kind: String| assert_eq!(name(id(), number), format!("{kind} (descriptor {number})"));
        named("a socket pair of its own".into());
        let mut command = Command::new("sleep");
        let mut child =
            command.arg("1000").env("NODE_CHANNEL_FD", "0").stdin(OwnedFd::from(other)).spawn().unwrap();
        drop(command);
        named(format!("the channel to pid {}", child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        named("a Unix socket".into());
    }

    #[test]
    fn a_pidfd_is_the_end_of_a_child() {
        assert!(is_pidfd("anon_inode:[pidfd]") && is_pidfd("pidfd:[4711]"));
        assert!(!is_pidfd("/tmp/pidfd") && !is_pidfd("anon_inode:[eventfd]"));
    }
}
