//! What is already written in lesson 12. The lesson is in `main.rs`, `queue.rs` and `slots.rs`.
//!
//! - [`Settings`] are the numbers that the environment sets. They are in `settings.rs`.
//! - [`send_mail`] is the worker's program. It signs each mail, which takes a processor. It is in `sign.rs`.

mod settings;
mod sign;

pub use settings::Settings;
pub use sign::send_mail;
