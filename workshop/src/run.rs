//! Programs that are built and run: none of them outlives this process.

pub mod children;
pub mod command;
pub mod interrupt;
pub mod spec;
pub mod workspace;
