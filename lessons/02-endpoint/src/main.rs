//! Lesson 02: one request blocks everyone.
//!
//! A web server on one thread. `POST /endpoint` sends the mails of the request with the blocking calls of
//! lesson 01 and then answers; `GET /health` answers `ok`, if it gets the chance.
//! New here: an event loop, and what a blocking call does to it. The chapter is book/src/02-endpoint.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, post};
use mail::{SmtpServer, exit_code, log};
use solution_02::{Request, Sent, send, serve};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    exit_code(run().map(|()| true))
}

fn run() -> Result<(), String> {
    let server = SmtpServer::from_env()?;
    event_loop()?.block_on(serve(routes(server)))
}

/// An event loop that runs everything on the thread that calls it.
fn event_loop() -> Result<Runtime, String> {
    todo!("1: build a runtime of one thread")
}

/// Which handler answers which request. Every handler can ask for the state, the SMTP server's address.
fn routes(server: SmtpServer) -> Router {
    todo!("2: one route for GET /health, one for POST /endpoint, and the state")
}

async fn health() -> &'static str {
    todo!("3: answer ok")
}

/// Sends the mails, logs their number, and answers after that.
async fn endpoint(State(server): State<SmtpServer>, request: Request) -> Json<Sent> {
    todo!("4: send one mail after another, log how many were accepted, answer")
}
