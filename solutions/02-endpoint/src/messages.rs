//! What a client sends and what it is answered.

use axum::extract::rejection::JsonRejection;
use axum::extract::{self, FromRequest};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use mail::Mail;
use serde::{Deserialize, Serialize};

/// The body of `POST /endpoint`: `{"emails": [mail, …]}`.
///
/// As an argument of an axum handler it is read from the request. A body that doesn't parse as a `Request` is rejected
/// before the handler runs: the client gets an [`ErrorAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Request {
    /// The mails, in the order of the request.
    pub emails: Vec<Mail>,
}

mail::objects_only!(Request);

impl<S: Send + Sync> FromRequest<S> for Request {
    type Rejection = ErrorAnswer;

    async fn from_request(request: extract::Request, state: &S) -> Result<Self, ErrorAnswer> {
        let Json(body) = Json::from_request(request, state).await?;
        Ok(body)
    }
}

/// 400 for a body that isn't JSON, 422 for JSON of the wrong shape, 415 when the request doesn't say that it is JSON: axum
/// tells them apart.
impl From<JsonRejection> for ErrorAnswer {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

/// The answer of `POST /endpoint`: `{"status": true, "sent": true}`, as in the article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    status: bool,
    sent: bool,
}

impl Sent {
    /// The one answer there is.
    pub const YES: Self = Self { status: true, sent: true };
}

/// An error as an HTTP answer: a status, and `{"error": "…"}` that says what is wrong and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The status, 4xx or 5xx.
    pub status: StatusCode,
    /// What is wrong, and where, on one line.
    pub error: String,
}

impl ErrorAnswer {
    /// An answer with this status.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }
}

impl IntoResponse for ErrorAnswer {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: String,
        }
        (self.status, Json(Body { error: self.error })).into_response()
    }
}
