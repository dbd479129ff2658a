//! What every server of the workshop does in the same way: its address, its request, its errors.

use axum::Router;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection};
use axum::extract::{self, DefaultBodyLimit, FromRequest};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use mail::Mail;
use serde::{Deserialize, Serialize};
use std::env;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use tokio::net::TcpListener;

/// The port when `PORT` is not set.
const DEFAULT_PORT: u16 = 3000;

/// The longest body that a request may have: 1 MiB. Without a limit, one client could fill the memory.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The body of `POST /endpoint`: `{"emails": [mail, …]}`.
///
/// As an argument of an axum handler it is read from the request. A body that is no such thing never gets as
/// far as the handler: the client gets an [`ErrorAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// The mails, in the order of the request.
    pub emails: Vec<Mail>,
}

impl<S: Send + Sync> FromRequest<S> for Request {
    type Rejection = ErrorAnswer;

    async fn from_request(mut request: extract::Request, state: &S) -> Result<Self, ErrorAnswer> {
        DefaultBodyLimit::max(MAX_BODY_BYTES).apply(&mut request);
        let Json(body) = Json::from_request(request, state).await?;
        Ok(body)
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

/// An error as HTTP answer: a status, and `{"error": "…"}` that says what is wrong and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The status, 4xx or 5xx.
    pub status: StatusCode,
    /// What is wrong, and where, on one line.
    pub error: String,
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

/// 400 for what is no JSON, 422 for JSON of another shape, 413 for too much of it, 415 for what does not say
/// that it is JSON. axum knows them; only its words for a long body name no number.
impl From<JsonRejection> for ErrorAnswer {
    fn from(rejection: JsonRejection) -> Self {
        let error = match &rejection {
            JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(
                FailedToBufferBody::LengthLimitError(_),
            )) => format!("the request body has more than {MAX_BODY_BYTES} bytes"),
            other => other.body_text(),
        };
        Self { status: rejection.status(), error }
    }
}

/// Listens on the port that `PORT` names, says so on stdout, and serves `routes` for ever.
///
/// # Errors
/// One line of text when the port is none or cannot be had.
pub async fn serve(routes: Router) -> Result<(), String> {
    let listener = listen().await?;
    announce(&listener)?;
    axum::serve(listener, routes).await.map_err(|error| format!("cannot go on serving: {error}"))
}

/// Listens on 127.0.0.1, on the port that the environment variable `PORT` names. 0 lets the system choose.
///
/// # Errors
/// One line of text when `PORT` is no port, or when the port is in use.
pub async fn listen() -> Result<TcpListener, String> {
    let port = port_from_env()?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| format!("cannot listen on 127.0.0.1:{port}: {error}"))
}

fn port_from_env() -> Result<u16, String> {
    let Some(value) = env::var_os("PORT") else { return Ok(DEFAULT_PORT) };
    let port = value.to_str().and_then(|text| text.parse().ok());
    port.ok_or_else(|| format!("cannot use PORT {value:?}: a port is a number from 0 to 65535"))
}

/// Prints `listening on http://127.0.0.1:PORT` as a line of stdout: from now on, clients are welcome.
///
/// # Errors
/// One line of text when stdout is closed.
pub fn announce(listener: &TcpListener) -> Result<(), String> {
    let print = || {
        let mut stdout = io::stdout();
        writeln!(stdout, "listening on http://{}", listener.local_addr()?)?;
        // Whoever started this program may wait for the line, so it must not stay in a buffer.
        stdout.flush()
    };
    print().map_err(|error| format!("cannot say where the server listens: {error}"))
}
