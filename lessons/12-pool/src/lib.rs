//! A pool of workers: what the lesson is about is in `queue.rs` and `main.rs`.
//!
//! - `queue.rs`: the bounded, fair [`Queue`] between the requests and the workers.
//! - `jobs.rs` (given): what became of each job; lesson 11, with several batches a job.
//! - `talk.rs` (given): a [`Worker`] is told a batch, is listened to, and is ended; lesson 11.
//! - `worker.rs` (given): the worker, [`send_mail`]. It renders and signs each mail, which takes a processor.
//! - `settings.rs` (given): the numbers that the environment sets.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

pub mod jobs;
pub mod queue;
pub mod settings;
pub mod talk;
pub mod worker;

pub use jobs::{Errand, Jobs};
pub use queue::{Batch, Full, Queue};
pub use settings::Settings;
pub use talk::Worker;
pub use worker::send_mail;
