//! Node's `child_process.fork`, `send`, `on('message')` and `disconnect`, in Rust.
//!
//! A channel is a pair of connected sockets that a parent makes before it starts a child. One stays
//! with the parent, the other one is inherited by the child, which finds its number in the
//! environment. A message is one JSON document on one line, either way. This is what Node does, to
//! the letter: either side of a channel may be a Node program.
//!
//! - [`fork`] starts a child and gives the parent its end: a [`Child`].
//! - [`inherited`] gives the child its end: an [`Inherited`], to be [opened](Inherited::open).
//! - A [`Channel`] is an end in use: [`send`](Channel::send), [`recv`](Channel::recv),
//!   [`disconnect`](Channel::disconnect). It [splits](Channel::split) into a [`Sender`] and a
//!   [`Receiver`].
//! - An [`Error`] says what went wrong, as a type.
//!
//! To be read in this order: `fork.rs` and `inherited.rs`, how the two ends come about; `frame.rs`,
//! from bytes to lines; `channel.rs`, sending and receiving. What remains is for the sake of Node:
//! `json.rs` and `internal.rs`, what its messages look like; `wire.rs`, the socket.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

pub mod frame;

mod channel;
mod error;
mod fork;
mod inherited;
mod internal;
mod json;
mod wire;

pub use channel::{Channel, Receiver, Sender};
pub use error::Error;
pub use fork::{Child, Process, fork};
pub use inherited::{Inherited, inherited};
pub use nix::sys::signal::Signal;

/// How long a message may be unless [`Channel::set_max_frame_bytes`] says otherwise: 64 MiB.
pub const DEFAULT_MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;
