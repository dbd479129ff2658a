//! The command `cargo workshop`, and what `cargo xtask` needs of it.
//!
//! Each module uses only those before it: `failure` and `ui`, then `run`, then `lesson`, and in the end the verbs. One file
//! for each verb, named after it.

pub mod command_line;
pub mod failure;
pub mod lesson;
pub mod run;
pub mod ui;
mod verbs;

pub use verbs::main;
