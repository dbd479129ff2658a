//! What a server and its workers need when workers may die halfway.
//!
//! - `send_mail.rs`: the worker's program, [`send_mail`](send_mail()). It reports each mail.
//! - `worker.rs`: a [`Worker`] as its server sees it: it is given an assignment, listened to, and made to exit.
//! - `settle.rs`: what is known about a mail when its worker is gone ([`settle`](settle())).
//!
//! What the two say to each other, and what became of each mail, is in the package `jobs`, which is already written.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

mod send_mail;
mod settle;
mod worker;

pub use send_mail::{send_mail, serve};
pub use settle::{is_unsent, settle};
pub use worker::Worker;
