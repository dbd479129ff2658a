//! What the server answers to requests about jobs.

use crate::{Jobs, RetryError, Status};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use serde::Serialize;
use web::ErrorAnswer;

/// `{"status": true, "job": ID}`: the server has the job. Whether the mails are sent is another question.
#[derive(Serialize)]
pub struct Accepted {
    /// Always `true`.
    pub status: bool,
    /// The number of the job.
    pub job: u64,
}

/// The handler of `GET /jobs/{id}`.
pub async fn status(State(jobs): State<Jobs>, Path(id): Path<String>) -> Result<Json<Status>, ErrorAnswer> {
    let status = id.parse().ok().and_then(|id| jobs.status(id));
    status.map(Json).ok_or_else(|| ErrorAnswer::new(StatusCode::NOT_FOUND, "there is no such job"))
}

impl From<RetryError> for ErrorAnswer {
    fn from(error: RetryError) -> Self {
        let (status, why) = match error {
            RetryError::NoSuchJob => (StatusCode::NOT_FOUND, "there is no such job"),
            RetryError::StillRunning => (StatusCode::CONFLICT, "it has not finished yet"),
            RetryError::NothingToSend => (StatusCode::CONFLICT, "every mail is sent"),
        };
        Self::new(status, format!("cannot retry the job: {why}"))
    }
}
