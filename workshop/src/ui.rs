//! What a person types and reads.

pub mod arguments;
pub mod terminal;
