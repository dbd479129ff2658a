//! What the verbs do with a lesson's files and its spec.

pub(crate) mod begin;
pub(crate) mod keep;
pub(crate) mod progress;
pub(crate) mod splice;

pub use course::{Lesson, all, chosen, counted, one};
