//! What the specs of the workshop are written with.
//!
//! A spec is a black box test. It starts a lesson's program and looks at what a person or another
//! process could see: lines, exit statuses, pids, sockets, messages, and what arrived in the mailbox.
//!
//! - [`Spec`] is one test in the making. It holds the seed of the random inputs and the transcript,
//!   and it words every failure.
//! - [`Program`] starts a program and watches it; [`Http`] talks to it over HTTP, and a [`Connection`] misbehaves.
//! - [`Mailbox`] is a real SMTP server with gates: it holds a conversation at a chosen point until the
//!   spec lets it go.
//! - [`ipc`] is a plain end of a Node-style channel, so that a spec does not depend on the code it tests.
//! - [`process`] looks at processes from outside, as `ps` does.
//!
//! Two rules hold for everything here. No wait is without a limit (see [`limit`]). And a failure tells a
//! learner what was done, what was expected, what came instead and what to read; it is never a backtrace.

pub mod broker;
mod caretaker;
mod check;
pub mod connection;
pub mod figures;
pub mod http;
pub mod ipc;
pub mod jobs;
mod lines;
pub mod mail;
pub mod mailbox;
pub mod node;
mod order;
mod pipe;
mod port;
pub mod program;
mod proxy;
mod rest;
mod script;
mod server;
pub mod site;
mod spec;
mod transcript;
mod wait;

use observe::text;
pub use observe::text::counted;
pub use observe::tool::worker;
pub use observe::{limit, process};

pub use broker::Broker;
pub use caretaker::Scratch;
pub use check::Check;
pub use connection::Connection;
pub use http::{Answer, Http, PendingAnswer};
pub use jobs::JobServer;
pub use lines::Reader;
pub use mail::Mail;
pub use mailbox::{Mailbox, Point, Quirk, Reply, ReplyTo};
pub use nix::sys::signal::Signal;
pub use pipe::{Pipe, small_pipe};
pub use port::ClosedPort;
pub use predicates;
pub use program::{Finished, Program, Running, not_utf8, pause, resume};
pub use proxy::Proxy;
pub use script::Script;
pub use serde_json::{Value, json};
pub use server::sorted;
pub use site::Site;
pub use spec::{Place, Spec};
use transcript::Transcript;

/// Begins a spec about the program of the package that this is compiled into. The module is the step of the task that it
/// checks: `step_2_send` is step 2.
///
/// ```ignore
/// let spec = support::spec!();
/// ```
#[macro_export]
macro_rules! spec {
    () => {
        $crate::Spec::new($crate::Place {
            module: module_path!(),
            folder: env!("CARGO_MANIFEST_DIR"),
            package: env!("CARGO_PKG_NAME"),
            program: env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME"))),
        })
    };
}

/// The path of a program in Node that comes with the specs, in `tests/node`. A macro, because only the spec itself knows in
/// which checkout it was compiled: this package may have been compiled in another one that builds in the same folder.
#[macro_export]
macro_rules! node_program {
    ($name:expr) => {
        ::std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/node").join($name)
    };
}
