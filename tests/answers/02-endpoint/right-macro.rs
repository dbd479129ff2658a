//! Another right answer to lesson 02: the runtime by macro, the router from two parts, an answer by hand.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Router, http, routing};
use mail::{SmtpServer, log};
use solution_02::{Request, send, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let result = match SmtpServer::from_env() {
        Ok(server) => serve(health().merge(endpoint(server))).await,
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        log!("error: {error}");
        std::process::exit(2);
    }
}

fn health() -> Router {
    Router::new().route("/health", routing::get(async || (http::StatusCode::OK, "ok\n")))
}

fn endpoint(server: SmtpServer) -> Router {
    Router::new().route("/endpoint", routing::post(send_then_answer)).with_state(server)
}

async fn send_then_answer(State(server): State<SmtpServer>, request: Request) -> Response {
    let mut sent = 0;
    for mail in request.emails {
        match send(&server, &mail) {
            Ok(()) => sent += 1,
            Err(why) => log!("error: cannot send the mail to {:?}: {why}", mail.to),
        }
    }
    log!("Number of mails sent {sent}");
    ([("content-type", "application/json")], r#"{"sent": true, "status": true}"#).into_response()
}
