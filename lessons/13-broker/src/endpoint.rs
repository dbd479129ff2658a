//! The HTTP side: a job comes in, and is in the broker when the answer goes out.

use crate::broker::{Broker, MAILS, PublishError};
use crate::task::Task;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Serialize;
use web::{ErrorAnswer, Request};

/// Which handler answers which request.
pub fn routes(broker: Broker) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/endpoint", post(endpoint))
        .with_state(broker)
}

/// The answer: the job is accepted. Nothing is said about "sent", since nothing is.
#[derive(Serialize)]
struct Accepted {
    status: bool,
    job: String,
}

/// Publishes each mail, and answers when the broker has acknowledged all of them.
async fn endpoint(State(broker): State<Broker>, headers: HeaderMap, request: Request) -> Response {
    let job = match job_id(&headers) {
        Ok(job) => job,
        Err(error) => return error.into_response(),
    };
    let of = request.emails.len();
    let tasks: Vec<Task> =
        (1..).zip(request.emails).map(|(number, mail)| Task { job: job.clone(), number, of, mail }).collect();
    match broker.publish(MAILS, &tasks).await {
        Ok(()) => {
            if tasks.is_empty() {
                // Nobody will ever report about it.
                eprintln!("Number of mails sent 0");
            }
            (StatusCode::ACCEPTED, Json(Accepted { status: true, job })).into_response()
        }
        Err(error) => refusal(&job, error),
    }
}

/// The job's id: what the client has chosen, or a random one.
///
/// A client that got no answer posts again with the same `Idempotency-Key`, and the job is done once.
fn job_id(headers: &HeaderMap) -> Result<String, ErrorAnswer> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(format!("{:032x}", fastrand::u128(..)));
    };
    let fits = |key: &&str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=64).contains(&key.len()) && key.bytes().all(good)
    };
    key.to_str().ok().filter(fits).map(str::to_owned).ok_or_else(|| ErrorAnswer {
        status: StatusCode::BAD_REQUEST,
        error: "the header Idempotency-Key must have 1 to 64 letters, digits, - and _".into(),
    })
}

fn refusal(job: &str, error: PublishError) -> Response {
    match error {
        PublishError::TooLarge => {
            let error = "a mail is larger than what the broker takes".to_owned();
            ErrorAnswer { status: StatusCode::PAYLOAD_TOO_LARGE, error }.into_response()
        }
        PublishError::Unavailable(why) => {
            eprintln!("error: cannot accept job {job}: {why}");
            let error = format!("{why}; to post it again without sending twice, use Idempotency-Key: {job}");
            let answer = ErrorAnswer { status: StatusCode::SERVICE_UNAVAILABLE, error };
            ([("retry-after", "1")], answer).into_response()
        }
    }
}
