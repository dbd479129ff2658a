//! What a server with workers needs around its work. This part is already written. The lesson is in `main.rs`.
//!
//! - [`WorkerCommand`] is the program that the server forks. It is in `worker_command.rs`.
//! - [`ShutdownSignals`] are SIGINT and SIGTERM. They are in `shutdown.rs`.
//! - [`Timeouts`], for lessons 11 and 12, say how long the server waits for a worker, and [`within`] waits. They are in
//!   `timeouts.rs`.

mod shutdown;
mod timeouts;
mod worker_command;

pub use shutdown::ShutdownSignals;
pub use timeouts::{Timeouts, within};
pub use worker_command::{SEND_MAIL, WorkerCommand};
