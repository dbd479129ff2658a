//! The steps of a lesson, as the marks in its solution name them.
//!
//! A solution marks the lines that a learner writes. The mark says what the starter has in their place:
//!
//! ```text
//!     // ANCHOR: step_1 todo!("1: parse one JSON document from stdin")
//!     serde_json::from_reader(io::stdin().lock())
//!     // ANCHOR_END: step_1
//! ```
//!
//! Two lines in a row with the same name put two lines into the starter. A step may have several marks. A mark with the name
//! `starter` belongs to no step: it is for what differs all the same. In Cargo.toml, marks begin with `#`.
//!
//! mdbook leaves out lines that have an anchor in them, so no mark shows up in the book.

mod lesson;
mod source;

pub use lesson::{Files, Lesson, as_lesson, sources, without_allowance};
pub use source::{Gap, Source};
