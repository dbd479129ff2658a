//! The HTTP side of a server that is asked to send mails, and the blocking way to send them.
//!
//! This part is given. The lesson is in `main.rs`.
//!
//! - [`Request`] is the body of `POST /endpoint`, with an [`ErrorAnswer`] for what is none.
//! - [`serve`] listens on the port that `PORT` names. [`listen`] and [`announce`] are its two halves.
//! - [`send_all`] is lesson 01.

mod blocking;
mod http;

pub use blocking::{send, send_all};
pub use http::{ErrorAnswer, MAX_BODY_BYTES, Request, Sent, announce, listen, serve};
