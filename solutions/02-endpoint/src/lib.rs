//! The HTTP side of a server that is asked to send mails, and the blocking way to send them.
//!
//! This part is already written. The lesson is in `main.rs`.
//!
//! - [`Request`] is the body of `POST /endpoint`; a client that sends anything else is answered with an
//!   [`ErrorAnswer`]. They are in `messages.rs`.
//! - [`serve`] listens on the port that `PORT` names; [`listen`], [`announce`] and [`serve_until`] are its parts. They are
//!   in `server.rs`.
//! - [`send`] is lesson 01: it blocks until the mail is accepted or refused.

mod blocking;
mod connection;
mod messages;
mod server;

pub use blocking::send;
pub use messages::{ErrorAnswer, Request, Sent};
pub use server::{MAX_BODY_BYTES, announce, listen, serve, serve_until};
