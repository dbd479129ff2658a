//! Looking at programs from outside.
//!
//! - [`Mailbox`] is a real SMTP server with gates: it holds a conversation at a chosen point until it is told
//!   to let it go.
//! - [`process`] looks at processes from outside, as `ps` does.
//! - [`http`] sends a program a request.
//! - [`tool`] finds programs that may be missing.
//!
//! The specs use them through the crate `support`, which adds what a failing check says. `cargo workshop` uses
//! them as they are: it has to compile fast, so what only specs need is not here.

pub mod http;
pub mod limit;
pub mod mailbox;
pub mod process;
pub mod text;
pub mod tool;

pub use mailbox::{Mailbox, Point, Reply};
