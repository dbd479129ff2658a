//! Why a job was not accepted.

use crate::{JobId, text};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mail::log;
use web::ErrorAnswer;

/// Why a job was not accepted.
#[derive(Debug)]
pub enum Refusal {
    /// The broker takes no message of this size, today or tomorrow.
    TooLarge,
    /// There is a job of this name already, with other mails.
    OtherMails,
    /// The broker has not acknowledged. It may have the mails, or some of them.
    Unavailable(String),
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => Self::TooLarge,
            _ => Self::Unavailable(text(error)),
        }
    }
}

impl Refusal {
    /// What the client of this job is answered.
    pub fn answer(self, job: &JobId) -> Response {
        let error = |status, text: &str| ErrorAnswer::new(status, text).into_response();
        match self {
            Self::TooLarge => {
                error(StatusCode::PAYLOAD_TOO_LARGE, "a mail is larger than what the broker takes")
            }
            Self::OtherMails => error(
                StatusCode::UNPROCESSABLE_ENTITY,
                "there is a job with this Idempotency-Key already, and it has other mails",
            ),
            Self::Unavailable(why) => {
                log!("error: cannot accept job {job}: {why}");
                let how =
                    format!("{why}; to post it again without sending twice, use Idempotency-Key: {job}");
                ([("retry-after", "1")], error(StatusCode::SERVICE_UNAVAILABLE, &how)).into_response()
            }
        }
    }
}
