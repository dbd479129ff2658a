//! A process's sockets: proc_pid_net(5), and an option of which no file tells.

use super::proc::descriptors;
use nix::sys::socket::{getsockopt, sockopt::TcpNoDelay};
use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// States of a socket in the kernel's tables.
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// A line of the kernel's tables of TCP sockets.
pub(super) struct TcpSocket {
    state: String,
    pub here: SocketAddr,
    pub there: SocketAddr,
    pub inode: String,
}

/// The addresses at which a process listens for TCP connections. `None` where only Linux shows it.
pub fn listening(pid: u32) -> Option<Vec<SocketAddr>> {
    Some(tcp_of(pid, LISTEN)?.into_iter().map(|(_, socket)| socket.here).collect())
}

/// Whether TCP_NODELAY is set, for each connection of a process to this address. `None` where the system does not
/// let us look.
pub fn nodelay(pid: u32, peer: SocketAddr) -> Option<Vec<bool>> {
    let connections = tcp_of(pid, ESTABLISHED)?.into_iter().filter(|(_, socket)| socket.there == peer);
    let is_set = |(number, _)| getsockopt(&copy_of(pid, number)?, TcpNoDelay).ok();
    connections.map(is_set).collect()
}

/// A process's TCP sockets in this state, with the numbers of their descriptors. The kernel gives a long table in pieces:
/// while other sockets come and go, a line may come twice, and seldom one is missing.
fn tcp_of(pid: u32, state: &str) -> Option<Vec<(i32, TcpSocket)>> {
    let open = descriptors(pid)?;
    let number = |socket: &TcpSocket| {
        open.iter().find(|(_, target)| inode(target) == Some(&socket.inode)).map(|(number, _)| *number)
    };
    // There may be thousands of others, so only lines with the state's letters are taken apart.
    let sockets = tcp_with(pid, &format!(" {state} ")).into_iter().filter(|socket| socket.state == state);
    let mut sockets: Vec<_> = sockets.filter_map(|socket| Some((number(&socket)?, socket))).collect();
    sockets.sort_by_key(|(number, _)| *number);
    sockets.dedup_by_key(|(number, _)| *number);
    Some(sockets)
}

/// The TCP sockets of a process's machine whose line in the tables has `text`.
pub(super) fn tcp_with(pid: u32, text: &str) -> Vec<TcpSocket> {
    let read = |table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
    let tables = read("tcp") + &read("tcp6");
    tables.lines().filter(|line| line.contains(text)).filter_map(tcp_socket).collect()
}

fn tcp_socket(line: &str) -> Option<TcpSocket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, here, there, state, _, _, _, _, _, inode, ..] = fields[..] else { return None };
    let (here, there) = (address(here)?, address(there)?);
    Some(TcpSocket { state: state.to_owned(), here, there, inode: inode.to_owned() })
}

/// An address of the tables: 8 or 32 hexadecimal digits, which are numbers of 4 bytes as they lie in memory, and the
/// port.
fn address(text: &str) -> Option<SocketAddr> {
    let (digits, port) = text.split_once(':')?;
    let words = (0..digits.len() / 8).map(|at| u32::from_str_radix(digits.get(at * 8..at * 8 + 8)?, 16).ok());
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => IpAddr::from(bytes),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?).into())
}

/// The number of a socket, of which the link of its descriptor says `socket:[NUMBER]`.
pub(super) fn inode(target: &str) -> Option<&str> {
    target.strip_prefix("socket:[")?.strip_suffix(']')
}

/// The kernel gives those who may trace a process a copy of a descriptor (pidfd_getfd(2)), and the copy has the same
/// options. `None` when it does not know these calls, or does not let us.
#[cfg(target_os = "linux")]
fn copy_of(pid: u32, descriptor: i32) -> Option<OwnedFd> {
    use nix::libc::{SYS_pidfd_getfd, SYS_pidfd_open, c_long, syscall};
    use std::os::fd::{AsRawFd, FromRawFd};
    let open = |call: c_long, arguments: [c_long; 3]| {
        // SAFETY: both calls take plain numbers, and give a new descriptor or -1. nix has no name for them.
        let opened = unsafe { syscall(call, arguments[0], arguments[1], arguments[2]) };
        let opened = i32::try_from(opened).ok().filter(|descriptor| *descriptor >= 0)?;
        // SAFETY: the kernel has just opened this descriptor for us, and nobody else knows it.
        Some(unsafe { OwnedFd::from_raw_fd(opened) })
    };
    let process = open(SYS_pidfd_open, [pid.into(), 0, 0])?;
    open(SYS_pidfd_getfd, [process.as_raw_fd().into(), descriptor.into(), 0])
}

#[cfg(not(target_os = "linux"))]
fn copy_of(_pid: u32, _descriptor: i32) -> Option<OwnedFd> {
    None
}
