//! The HTTP side: a job comes in, and is in the broker when the answer goes out. This part is already written.

use crate::broker::Broker;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use mail::log;
use serde::Serialize;
use solution_13::{Assignment, JobId, Refusal, digest};
use web::{ErrorAnswer, Request};

/// Which handler answers which request. `/health` says that the
/// server answers, and nothing about the broker.
pub fn routes(broker: Broker) -> Router {
    Router::new().route("/health", get(async || "ok")).route("/endpoint", post(endpoint)).with_state(broker)
}

/// The answer: the job is accepted. It does not say "sent", because nothing is sent yet.
#[derive(Serialize)]
struct Accepted {
    status: bool,
    job: JobId,
}

/// Stores the job, and answers when the broker has acknowledged all of it.
async fn endpoint(
    State(broker): State<Broker>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Response> {
    let job = job_id(&headers).map_err(IntoResponse::into_response)?;
    let (digest, of) = (digest(&request.emails), request.emails.len());
    let assignments: Vec<_> = (1..)
        .zip(request.emails)
        .map(|(number, mail)| Assignment { job: job.clone(), number, of, mail })
        .collect();
    let done = broker.accept(&job, &digest, &assignments).await.map_err(|why| why.answer(&job))?;
    if of == 0 && !done {
        // No worker will ever report about it.
        log!("Number of mails sent 0");
        let marked = broker.ledger.finish(&job, &[]).await;
        marked.map_err(|why| Refusal::Unavailable(why).answer(&job))?;
    }
    Ok((StatusCode::ACCEPTED, Json(Accepted { status: true, job })).into_response())
}

/// The job's name: what the client has chosen, or a random one.
///
/// A client that got no answer posts again with the same `Idempotency-Key`, and the job is done once.
fn job_id(headers: &HeaderMap) -> Result<JobId, ErrorAnswer> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(JobId::random()) };
    JobId::try_from(String::from_utf8_lossy(key.as_bytes()).into_owned()).map_err(|why| {
        ErrorAnswer::new(StatusCode::BAD_REQUEST, format!("cannot use the header Idempotency-Key: {why}"))
    })
}
