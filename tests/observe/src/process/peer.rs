//! The other end of a Unix socket: sock_diag(7). No file below `/proc` tells it.

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::os::fd::AsRawFd;

/// SOCK_DIAG_BY_FAMILY, the type of the question and of its answer: linux/sock_diag.h.
const BY_FAMILY: u16 = 20;
/// NLM_F_REQUEST: netlink(7).
const REQUEST: u16 = 1;
/// UDIAG_SHOW_PEER, which asks for the other end, and UNIX_DIAG_PEER, which tells it: linux/unix_diag.h.
const SHOW_PEER: u32 = 4;
const PEER: u16 = 2;
/// The header of the answer, and what it says of the socket itself.
const BEFORE_ATTRIBUTES: usize = 16 + 16;

/// The number of the socket that this Unix socket is connected to. `None` when there is none (any more), and where the
/// kernel does not tell.
pub(super) fn peer(inode: u32) -> Option<u32> {
    let (family, kind, protocol) =
        (AddressFamily::Netlink, SockType::Datagram, SockProtocol::NetlinkSockDiag);
    let kernel = socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol).ok()?;
    send(kernel.as_raw_fd(), &question(inode), MsgFlags::empty()).ok()?;
    let mut answer = [0; 512];
    let count = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT).ok()?;
    peer_in(&answer[..count])
}

fn question(inode: u32) -> Vec<u8> {
    let (any_state, any_cookie, family) = (u32::MAX, u32::MAX, nix::libc::AF_UNIX as u32);
    let about = [family.to_le(), any_state, inode, SHOW_PEER, any_cookie, any_cookie];
    let bytes = about.into_iter().flat_map(u32::to_ne_bytes);
    let length = 16 + 4 * about.len() as u32;
    let (kind, flags, number, from) = (BY_FAMILY.to_ne_bytes(), REQUEST.to_ne_bytes(), [0; 4], [0; 4]);
    let header = length.to_ne_bytes().into_iter().chain(kind).chain(flags).chain(number).chain(from);
    header.chain(bytes).collect()
}

/// Looks through the attributes of an answer. Each begins with its length and its type.
fn peer_in(answer: &[u8]) -> Option<u32> {
    let word = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    if word(4)? != BY_FAMILY {
        return None;
    }
    let mut at = BEFORE_ATTRIBUTES;
    loop {
        let length = usize::from(word(at)?);
        if word(at + 2)? == PEER {
            return Some(u32::from_ne_bytes(answer.get(at + 4..at + 8)?.try_into().ok()?));
        }
        at += length.max(4).next_multiple_of(4);
    }
}

#[cfg(test)]
mod tests {
    use super::peer_in;

    #[test]
    fn an_answer_that_is_cut_off_or_an_error_tells_nothing() {
        let error = [36, 0, 0, 0, 2, 0, 0, 0];
        for answer in [&error[..], &[], &[20; 33]] {
            assert_eq!(peer_in(answer), None, "{answer:?}");
        }
    }
}
