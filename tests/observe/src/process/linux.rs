//! What `/proc` shows: proc_pid_stat(5), proc_pid_fd(5), proc_pid_syscall(5), proc_pid_net(5) and their neighbours.

use super::Info;
pub(super) use super::option::nodelay;
use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

pub(super) fn all() -> Vec<Info> {
    let mut all: Vec<Info> = pids().into_iter().filter_map(info).collect();
    all.sort_by_key(|info| info.pid);
    all
}

/// The processes that were started with this variable in their environment.
pub(super) fn with_variable(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    let has_it = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    pids().into_iter().filter(has_it).collect()
}

fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

pub(super) fn info(pid: u32) -> Option<Info> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold spaces and parentheses itself: look for the last one.
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1;
    let fields: Vec<&str> = tail.split_whitespace().collect();
    Some(Info {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        state: fields.first()?.chars().next()?,
        resident_bytes: memory(pid, "VmRSS:").unwrap_or(0),
        command: command_line(pid).unwrap_or_else(|| format!("[{name}]")),
    })
}

pub(super) fn processor_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // utime and stime, in clock ticks: proc_pid_stat(5) numbers them 14 and 15, and two fields stand before the `)`.
    let ticks = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(TICK * (ticks(11)? + ticks(12)?))
}

/// USER_HZ is 100 on every Linux: time(7), "The software clock, HZ, and jiffies".
const TICK: Duration = Duration::from_millis(10);

pub(super) fn peak_memory(pid: u32) -> Option<u64> {
    memory(pid, "VmHWM:")
}

/// A line of proc_pid_status(5), in bytes. A zombie has none of them.
fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(kilobytes.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

pub(super) fn is_stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let state = |stat: String| stat.rsplit_once(')')?.1.trim_start().chars().next();
    // A thread that has ended since the folder was read does not run any more either.
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat"));
        stat.map_or(true, |stat| state(stat) == Some('T'))
    })
}

fn command_line(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ");
    (!text.is_empty()).then_some(text)
}

pub(super) fn threads(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/task")).ok()?.count())
}

pub(super) fn descriptors(pid: u32) -> Option<Vec<(i32, String)>> {
    let mut descriptors = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let number: Option<i32> = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // A descriptor that was closed since the folder was read is not open any more.
        if let (Some(number), Ok(target)) = (number, fs::read_link(entry.path())) {
            descriptors.push((number, target.to_string_lossy().into_owned()));
        }
    }
    descriptors.sort_unstable();
    Some(descriptors)
}

pub(super) fn listening(pid: u32) -> Option<Vec<SocketAddr>> {
    // The state 0A is LISTEN.
    Some(tcp_sockets(pid, " 0A ")?.into_iter().map(|socket| socket.here).collect())
}

/// The numbers of a process's descriptors that are connected to this address.
pub(super) fn connections(pid: u32, peer: SocketAddr) -> Option<Vec<i32>> {
    // The state 01 is ESTABLISHED.
    let sockets = tcp_sockets(pid, " 01 ")?;
    Some(sockets.into_iter().filter(|socket| socket.there == peer).map(|socket| socket.descriptor).collect())
}

struct TcpSocket {
    descriptor: i32,
    here: SocketAddr,
    there: SocketAddr,
}

/// A process's TCP sockets in this state, as the kernel's tables write it. The kernel gives a long table in pieces: while
/// other sockets come and go, a line may come twice, and seldom one is missing.
fn tcp_sockets(pid: u32, state: &str) -> Option<Vec<TcpSocket>> {
    let open = descriptors(pid)?;
    let mut sockets = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        // There may be thousands of others, so only lines with the state's letters are taken apart.
        for line in table.lines().filter(|line| line.contains(state)) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, here, there, now, _, _, _, _, _, number, ..] = fields[..] else { continue };
            let descriptor = open.iter().find(|(_, target)| inode(target) == Some(number));
            if let (true, Some((descriptor, _)), Some(here), Some(there)) =
                (now == state.trim(), descriptor, socket_address(here), socket_address(there))
            {
                sockets.push(TcpSocket { descriptor: *descriptor, here, there });
            }
        }
    }
    sockets.sort_by_key(|socket| socket.descriptor);
    sockets.dedup_by_key(|socket| socket.descriptor);
    Some(sockets)
}

/// An address of the tables: 8 or 32 hexadecimal digits, which are numbers of 4 bytes as they lie in memory, and the
/// port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let digits = text.split_once(':')?.0;
    let words = (0..digits.len() / 8).map(|at| u32::from_str_radix(digits.get(at * 8..at * 8 + 8)?, 16).ok());
    let bytes: Vec<u8> =
        words.collect::<Option<Vec<u32>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => IpAddr::from(bytes),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some((ip, port(text)?).into())
}

pub(super) fn waiting_in(pid: u32) -> Option<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut waits: Vec<String> = threads
        .flatten()
        .filter_map(|thread| thread.file_name().to_str()?.parse().ok())
        .filter_map(|thread: u32| thread_waiting_in(pid, thread))
        .collect();
    waits.sort();
    let count = waits.len();
    waits.dedup();
    let text = waits.join("; ");
    Some(if count > 1 { format!("{count} threads: {text}") } else { text })
}

pub(super) fn thread_waiting_in(pid: u32, thread: u32) -> Option<String> {
    // "running", or the number of the system call and its arguments in hexadecimal.
    let syscall = fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall")).ok()?;
    let mut words = syscall.split_whitespace();
    let Some(number) = words.next()?.parse().ok() else { return Some("running".into()) };
    let first = words.next().and_then(|word| i64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let descriptor = first.and_then(|value| i32::try_from(value).ok()).unwrap_or(-1);
    Some(describe(pid, number, descriptor).unwrap_or_else(|| wait_channel(pid, thread)))
}

/// The system call in words; `None` for one that a spec has no words for.
fn describe(pid: u32, number: i64, descriptor: i32) -> Option<String> {
    use nix::libc::*;
    let object = || name_descriptor(pid, descriptor);
    let is = |calls: &[c_long]| calls.contains(&number);
    if is(&[SYS_read, SYS_readv, SYS_recvfrom, SYS_recvmsg]) {
        Some(format!("reading {}", object()))
    } else if is(&[SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg]) {
        Some(format!("writing to {}", object()))
    } else if is(&[SYS_accept, SYS_accept4]) {
        Some(format!("waiting for a connection on {}", object()))
    } else if is(&[SYS_connect]) {
        Some(format!("connecting {}", object()))
    } else if is(&[SYS_wait4, SYS_waitid]) {
        Some("waiting for a child to end".into())
    } else if is(&[SYS_futex]) {
        Some("waiting for a lock or for another thread".into())
    } else if is(&[SYS_nanosleep, SYS_clock_nanosleep]) {
        Some("sleeping".into())
    } else if is(&[SYS_epoll_pwait]) || is_epoll_wait(number) {
        Some(format!("waiting for an event on {}", watched(pid, descriptor)))
    } else if is_poll(number) {
        Some("waiting for an event (poll)".into())
    } else {
        None
    }
}

#[cfg(target_arch = "x86_64")]
fn is_epoll_wait(number: i64) -> bool {
    number == nix::libc::SYS_epoll_wait || number == nix::libc::SYS_epoll_pwait2
}

#[cfg(not(target_arch = "x86_64"))]
fn is_epoll_wait(number: i64) -> bool {
    number == nix::libc::SYS_epoll_pwait2
}

#[cfg(target_arch = "x86_64")]
fn is_poll(number: i64) -> bool {
    number == nix::libc::SYS_poll || number == nix::libc::SYS_ppoll
}

#[cfg(not(target_arch = "x86_64"))]
fn is_poll(number: i64) -> bool {
    number == nix::libc::SYS_ppoll
}

/// The kernel function that a thread sleeps in, where the system call says nothing to a learner.
fn wait_channel(pid: u32, thread: u32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/task/{thread}/wchan")) {
        Ok(name) if name.len() > 1 => format!("waiting in the kernel ({})", name.trim()),
        _ => "waiting".into(),
    }
}

/// What an event loop watches: the `tfd:` lines of its epoll descriptor, each by its name.
fn watched(pid: u32, epoll: i32) -> String {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{epoll}")).unwrap_or_default();
    let mut names: Vec<String> = info
        .lines()
        .filter_map(|line| line.strip_prefix("tfd:")?.split_whitespace().next()?.parse().ok())
        .map(|descriptor| name_descriptor(pid, descriptor))
        // tokio's own wake-up descriptors say nothing to a learner.
        .filter(|name| !name.contains("eventfd") && !name.contains("eventpoll"))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() { "nothing but its own wake-up calls".into() } else { names.join(", ") }
}

fn name_descriptor(pid: u32, descriptor: i32) -> String {
    let target = fs::read_link(format!("/proc/{pid}/fd/{descriptor}"))
        .map_or_else(|_| "closed".into(), |target| target.to_string_lossy().into_owned());
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let channel = format!("NODE_CHANNEL_FD={descriptor}");
    match descriptor {
        0 => format!("stdin ({target})"),
        1 => format!("stdout ({target})"),
        2 => format!("stderr ({target})"),
        _ if environment.split(|byte| *byte == 0).any(|entry| entry == channel.as_bytes()) => {
            format!("the channel (descriptor {descriptor})")
        }
        _ => match socket_name(&target) {
            Some(name) => format!("{name} (descriptor {descriptor})"),
            None => format!("descriptor {descriptor} ({target})"),
        },
    }
}

/// A socket in words, from the kernel's tables of sockets: its addresses, or that it is a Unix socket.
fn socket_name(target: &str) -> Option<String> {
    let inode = inode(target)?;
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.get(9) == Some(&inode) {
            let (here, there) = (port(fields[1])?, port(fields[2])?);
            return Some(if there == 0 {
                format!("the listening socket of port {here}")
            } else {
                format!("the TCP connection {here} to {there}")
            });
        }
    }
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let is_unix = table.lines().any(|line| line.split_whitespace().nth(6) == Some(inode));
    is_unix.then(|| "a Unix socket".into())
}

/// The number of a socket, of which the link of its descriptor says `socket:[NUMBER]`.
fn inode(target: &str) -> Option<&str> {
    target.strip_prefix("socket:[")?.strip_suffix(']')
}

fn port(address: &str) -> Option<u16> {
    u16::from_str_radix(address.split_once(':')?.1, 16).ok()
}
