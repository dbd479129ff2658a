//! Serving HTTP with limits, so that no client can keep the server from working, or from ending.

use crate::ErrorAnswer;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use mail::{env, log};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The port when `PORT` is not set.
const DEFAULT_PORT: usize = 3000;
/// The longest body that a request may have: 1 MiB. Without a limit, one client could fill the memory.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How many connections are open at once. Further clients wait in the listening socket's queue.
const MAX_CONNECTIONS: usize = 1000;
/// How long a client may take for the headers of a request, and an idle connection for the next one.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// How long a client may take for the body.
const BODY_LIMIT: Duration = Duration::from_secs(30);
/// How long clients have to finish their requests when the server stops.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// Listens on the port that `PORT` names, says so on stdout, and serves `routes` until the process is ended.
///
/// # Errors
/// One line of text when the port is invalid or in use.
pub async fn serve(routes: Router) -> Result<(), String> {
    let listener = listen().await?;
    announce(&listener)?;
    serve_until(listener, routes, std::future::pending()).await;
    Ok(())
}

/// Listens on 127.0.0.1, on the port that the environment variable `PORT` names. 0 lets the system choose.
///
/// # Errors
/// One line of text when the port is invalid or in use.
pub async fn listen() -> Result<TcpListener, String> {
    let port = env::number("PORT", DEFAULT_PORT, 0..=u16::MAX.into())? as u16;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| format!("cannot listen on 127.0.0.1:{port}: {error}"))
}

/// Prints `listening on http://127.0.0.1:PORT` as a line of stdout: from now on, clients are welcome.
///
/// # Errors
/// One line of text when stdout is closed.
pub fn announce(listener: &TcpListener) -> Result<(), String> {
    let address =
        listener.local_addr().map_err(|error| format!("cannot say where the server listens: {error}"))?;
    mail::print_line(format_args!("listening on http://{address}"))
}

/// Serves `routes` until `stop` is ready, and then shuts down gracefully: no new connection is accepted, each request
/// that came whole is answered, and a client in the middle of a request has one more second.
pub async fn serve_until(listener: TcpListener, routes: Router, stop: impl Future<Output = ()>) {
    let handling = Arc::new(RwLock::new(()));
    let service = TowerToHyperService::new(with_limits(routes, Arc::clone(&handling)));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            stream = accept(&listener), if connections.len() < MAX_CONNECTIONS => stream,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_LIMIT)
            .serve_connection(TokioIo::new(stream), service.clone());
        connections.spawn(graceful.watch(connection));
    }
    drop(listener);
    let mut closed = pin!(graceful.shutdown());
    if timeout(DRAIN_LIMIT, &mut closed).await.is_err() {
        // Handlers that have their request finish their work. What they answer still has to leave.
        drop(handling.write().await);
        let _ = timeout(Duration::from_millis(100), closed).await;
    }
}

/// The next client.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                // Most likely there are too many open files. A pause lets some of them close.
                log!("error: cannot accept a connection: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// `routes`, and what holds for each of them. A handler runs with `handling` locked for reading.
fn with_limits(routes: Router, handling: Arc<RwLock<()>>) -> Router {
    routes
        .fallback(async |uri: Uri| {
            ErrorAnswer::new(StatusCode::NOT_FOUND, format!("there is no {}", uri.path()))
        })
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            let error = format!("{method} is not allowed for {}", uri.path());
            ErrorAnswer::new(StatusCode::METHOD_NOT_ALLOWED, error)
        })
        .layer(from_fn_with_state(handling, only_whole_requests))
}

/// Lets a request pass that is meant for this server and has come to its end.
async fn only_whole_requests(
    State(handling): State<Arc<RwLock<()>>>,
    request: Request,
    next: Next,
) -> Result<Response, ErrorAnswer> {
    refuse_strangers(request.headers())?;
    let (head, body) = request.into_parts();
    let mut request = Request::from_parts(head.clone(), body);
    DefaultBodyLimit::max(MAX_BODY_BYTES).apply(&mut request);
    let body = timeout(BODY_LIMIT, Bytes::from_request(request, &()))
        .await
        .map_err(|_| ErrorAnswer::new(StatusCode::REQUEST_TIMEOUT, "the request body takes too long"))?
        .map_err(|rejection| match rejection.status() {
            too_large @ StatusCode::PAYLOAD_TOO_LARGE => {
                ErrorAnswer::new(too_large, format!("the request body has more than {MAX_BODY_BYTES} bytes"))
            }
            other => ErrorAnswer::new(other, rejection.body_text()),
        })?;
    let _handling = handling.read().await;
    Ok(next.run(Request::from_parts(head, Body::from(body))).await)
}

/// A web page from anywhere can make its reader's browser send requests to 127.0.0.1. The browser says which page it
/// was (`Origin`), and which name it looked up (`Host`): a name that leads here only for an attack ("DNS rebinding").
fn refuse_strangers(headers: &HeaderMap) -> Result<(), ErrorAnswer> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(host) = text(HOST).filter(|host| !is_loopback(host)) {
        let error = format!("this server is http://127.0.0.1, not {}", mail::excerpt(&host));
        return Err(ErrorAnswer::new(StatusCode::MISDIRECTED_REQUEST, error));
    }
    if let Some(origin) = text(ORIGIN).filter(|origin| !is_loopback(origin.trim_start_matches("http://"))) {
        let error = format!("pages from {} may not use this server", mail::excerpt(&origin));
        return Err(ErrorAnswer::new(StatusCode::FORBIDDEN, error));
    }
    Ok(())
}

/// Whether `HOST` or `HOST:PORT` names this machine.
fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
