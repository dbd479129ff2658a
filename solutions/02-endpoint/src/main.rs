//! Lesson 02: one request blocks everyone.
//!
//! A web server on one thread. `POST /endpoint` sends the mails of the request with the blocking calls of
//! lesson 01 and then answers; `GET /health` answers `ok`, if it gets the chance.
//! New here: an event loop, and what a blocking call does to it. The chapter is book/src/02-endpoint.md.

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

// ANCHOR: event_loop
/// An event loop that runs everything on the thread that calls it.
fn event_loop() -> Result<Runtime, String> {
    // ANCHOR: step_1 todo!("1: build a runtime of one thread")
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the event loop: {error}"))
    // ANCHOR_END: step_1
}
// ANCHOR_END: event_loop

// ANCHOR: routes
/// Which handler answers which request. Every handler can ask for the state, the SMTP server's address.
fn routes(server: SmtpServer) -> Router {
    // ANCHOR: step_2 todo!("2: one route for GET /health, one for POST /endpoint, and the state")
    Router::new().route("/health", get(health)).route("/endpoint", post(endpoint)).with_state(server)
    // ANCHOR_END: step_2
}
// ANCHOR_END: routes

// ANCHOR: health
async fn health() -> &'static str {
    // ANCHOR: step_3 todo!("3: answer ok")
    "ok"
    // ANCHOR_END: step_3
}
// ANCHOR_END: health

// ANCHOR: endpoint
/// Sends the mails, logs their number, and answers after that.
async fn endpoint(State(server): State<SmtpServer>, request: Request) -> Json<Sent> {
    // ANCHOR: step_4 todo!("4: send one mail after another, log how many were accepted, answer")
    let mut counter = 0;
    for mail in &request.emails {
        match send(&server, mail) {
            Ok(()) => counter += 1,
            Err(why) => log!("error: cannot send the mail to {:?}: {why}", mail.to),
        }
    }
    log!("Number of mails sent {counter}");
    Json(Sent::YES)
    // ANCHOR_END: step_4
}
// ANCHOR_END: endpoint
