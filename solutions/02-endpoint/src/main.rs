//! Lesson 02: one request holds up everybody.
//!
//! A web server on one thread. `POST /endpoint` sends the mails of the request with the blocking calls of
//! lesson 01 and then answers; `GET /health` answers `ok`, if it gets the chance.
//! New here: an event loop, and what a blocking call does to it. The chapter is book/src/02-endpoint.md.

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, post};
use mail::SmtpServer;
use solution_02::{Request, Sent, send_all, serve};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let server = SmtpServer::from_env()?;
    event_loop()?.block_on(serve(routes(server)))
}

// ANCHOR: event_loop
/// An event loop that runs everything on the thread that calls it.
fn event_loop() -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the event loop: {error}"))
}
// ANCHOR_END: event_loop

// ANCHOR: routes
/// Which handler answers which request. Every handler can ask for the state, the SMTP server's address.
fn routes(server: SmtpServer) -> Router {
    Router::new().route("/health", get(health)).route("/endpoint", post(endpoint)).with_state(server)
}
// ANCHOR_END: routes

// ANCHOR: health
async fn health() -> &'static str {
    "ok"
}
// ANCHOR_END: health

// ANCHOR: endpoint
/// Sends the mails, logs their number, and answers after that.
async fn endpoint(State(server): State<SmtpServer>, request: Request) -> Json<Sent> {
    let counter = send_all(&server, &request.emails);
    eprintln!("Number of mails sent {counter}");
    Json(Sent::YES)
}
// ANCHOR_END: endpoint
