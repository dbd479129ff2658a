#![doc = include_str!("../README.md")]
//! ## Where to look
//!
//! - [`fork`] starts a child and gives the parent its end: a [`Child`].
//! - [`inherited`] gives the child its end: an [`Inherited`], to be [opened](Inherited::open).
//! - A [`Channel`] is an end in use: [`send`](Channel::send), [`recv`](Channel::recv),
//!   [`disconnect`](Channel::disconnect). It [splits](Channel::split) into a [`Sender`] and a
//!   [`Receiver`].
//! - An [`Error`] says what went wrong, as a type.
#![deny(missing_docs)]

// To be read in this order: `fork.rs` and `inherited.rs`, how the two ends come about; `frame.rs`, from
// bytes to lines; `channel.rs`, sending and receiving. What remains is for the sake of Node: `json.rs` and
// `internal.rs`, what its messages look like; `wire.rs`, the socket.

pub mod frame;

mod channel;
mod error;
mod fork;
mod inherited;
mod internal;
mod json;
mod signal;
mod wire;

pub use channel::{Channel, Receiver, Sender};
pub use error::Error;
pub use fork::{Child, Process, fork};
pub use inherited::{Inherited, inherited};
pub use signal::Signal;

/// How long a message may be unless [`Channel::set_max_frame_bytes`] says otherwise: 64 MiB.
pub const DEFAULT_MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;
