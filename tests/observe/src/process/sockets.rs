//! A process's sockets: proc_pid_net(5), and an option of which no file tells.

use super::proc::descriptors;
use nix::sys::socket::{getsockopt, sockopt::TcpNoDelay};
use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::BorrowedFd;

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

/// Whether TCP_NODELAY is set, for each connection of this process to this address. `None` where only Linux shows it.
pub fn nodelay(peer: SocketAddr) -> Option<Vec<bool>> {
    let connections = tcp_of(std::process::id(), ESTABLISHED)?;
    let is_set = |(number, _)| {
        // SAFETY: it was a socket of this process just now, and only asking for an option can't harm another one.
        let socket = unsafe { BorrowedFd::borrow_raw(number) };
        getsockopt(&socket, TcpNoDelay).ok()
    };
    connections.into_iter().filter(|(_, socket)| socket.there == peer).map(is_set).collect()
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
