//! Every behavior of Node's channel that concerns this library, against real Node.
//!
//! The tests are named after the numbered rows of the book's appendix "Node's channel, behavior by
//! behavior"; `appendix.rs` checks that names and rows agree.

#[path = "../common/mod.rs"]
mod common;

mod our_child;
mod our_parent;
mod themselves;
