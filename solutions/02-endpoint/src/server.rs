//! Serving HTTP with limits, so that no client can keep the server from working, or from ending.

use crate::ErrorAnswer;
use crate::connection::Connection;
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

/// What clients may ask of a server.
#[derive(Clone, Copy)]
struct Limits {
    /// How many connections are open at once. Further clients wait in the listening socket's queue.
    connections: usize,
    /// How long a client may take for the headers of a request, and an idle connection for the next one.
    headers: Duration,
    /// How long a client may take for the body.
    body: Duration,
    /// How long a client may leave no room for the rest of an answer.
    answer: Duration,
    /// How long clients have to finish their requests when the server stops.
    drain: Duration,
}

const LIMITS: Limits = Limits {
    connections: 1000,
    headers: Duration::from_secs(10),
    body: Duration::from_secs(30),
    answer: Duration::from_secs(30),
    drain: Duration::from_millis(500),
};

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
    // A handler that panics must not stop the others, even if stderr isn't read.
    mail::let_no_panic_wait();
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
    serve_within(LIMITS, listener, routes, stop).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, routes: Router, stop: impl Future<Output = ()>) {
    let handling = Arc::new(RwLock::new(()));
    let service = TowerToHyperService::new(with_limits(limits, routes, Arc::clone(&handling)));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut failed = false;
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            stream = accept(&listener, &mut failed), if connections.len() < limits.connections => stream,
        };
        let stream = Connection::new(stream, limits.answer);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers)
            .serve_connection(TokioIo::new(stream), service.clone());
        connections.spawn(graceful.watch(connection));
    }
    drop(listener);
    let mut closed = pin!(graceful.shutdown());
    if timeout(limits.drain, &mut closed).await.is_err() {
        // Handlers that have their request finish their work. What they answer still has to leave.
        drop(handling.write().await);
        let _ = timeout(Duration::from_millis(100), closed).await;
    }
}

/// The next client. `failed` remembers whether the last attempt failed, so that the log has one line for it and not ten
/// a second.
async fn accept(listener: &TcpListener, failed: &mut bool) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                *failed = false;
                return stream;
            }
            Err(error) => {
                if !std::mem::replace(failed, true) {
                    log!("error: cannot accept connections for now: {error}");
                }
                // Most likely there are too many open files. A pause lets some of them close.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// `routes`, and what holds for each of them. A handler runs with `handling` locked for reading.
fn with_limits(limits: Limits, routes: Router, handling: Arc<RwLock<()>>) -> Router {
    routes
        .fallback(async |uri: Uri| {
            ErrorAnswer::new(StatusCode::NOT_FOUND, format!("there is no {}", mail::excerpt(uri.path())))
        })
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            let error = format!("{method} is not allowed for {}", mail::excerpt(uri.path()));
            ErrorAnswer::new(StatusCode::METHOD_NOT_ALLOWED, error)
        })
        .layer(from_fn_with_state((limits.body, handling), only_whole_requests))
}

/// Lets a request pass that is meant for this server and has come to its end.
async fn only_whole_requests(
    State((limit, handling)): State<(Duration, Arc<RwLock<()>>)>,
    request: Request,
    next: Next,
) -> Result<Response, ErrorAnswer> {
    refuse_strangers(request.headers())?;
    let (head, body) = request.into_parts();
    let mut request = Request::from_parts(head.clone(), body);
    DefaultBodyLimit::max(MAX_BODY_BYTES).apply(&mut request);
    let body = timeout(limit, Bytes::from_request(request, &()))
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

/// A web page from anywhere can make its visitor's browser send requests to 127.0.0.1. The browser says which page it
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::Json;
    use axum::routing::{get, post};
    use std::time::Instant;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;

    const SHORT: Limits = Limits {
        connections: 20,
        headers: Duration::from_millis(200),
        body: Duration::from_millis(200),
        answer: Duration::from_millis(200),
        drain: Duration::from_millis(200),
    };
    const POST: &str = "POST /endpoint HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n";

    const LAST: &str = "host: localhost\r\nconnection: close\r\n\r\n";

    struct Server {
        address: std::net::SocketAddr,
        stop: oneshot::Sender<()>,
        serving: JoinHandle<()>,
    }

    async fn start(limits: Limits, routes: Router) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let serving = tokio::spawn(serve_within(limits, listener, routes, stopped));
        Server { address, stop, serving }
    }

    fn routes() -> Router {
        let request = async |Json(_): Json<crate::Request>| "done";
        Router::new().route("/health", get(async || "ok")).route("/endpoint", post(request))
    }

    impl Server {
        async fn connect(&self, words: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(words.as_bytes()).await.unwrap();
            stream
        }

        /// What is answered up to the end of the connection.
        async fn ask(&self, words: &str) -> String {
            to_end(self.connect(words).await).await
        }

        async fn is_healthy(&self) {
            let answer = self.ask(&format!("GET /health HTTP/1.1\r\n{LAST}")).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }

        /// Stops the server and returns how long that took.
        async fn stop(self) -> Duration {
            let begin = Instant::now();
            self.stop.send(()).unwrap();
            timeout(Duration::from_secs(10), self.serving).await.expect("the server ends").unwrap();
            begin.elapsed()
        }
    }

    /// A connection that the server resets has come to its end, too.
    async fn to_end(mut stream: impl AsyncRead + Unpin) -> String {
        let mut text = Vec::new();
        let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await;
        let _ = read.expect("the server closes the connection");
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_client_that_stops_in_the_middle_is_cut_off_and_others_are_served() {
        let server = start(SHORT, routes()).await;
        let begun = format!("{POST}content-length: 100\r\n\r\n");
        for (words, expected) in [
            ("", ""),
            ("GET /hea", ""),
            ("GET /health HTTP/1.1\r\nhost: 127", ""),
            (&begun, "HTTP/1.1 408"),
            (&format!("{begun}{{\"emails\": ["), "HTTP/1.1 408"),
            (&format!("{POST}transfer-encoding: chunked\r\n\r\n5\r\n{{\"ema"), "HTTP/1.1 408"),
        ] {
            let slow = server.connect(words).await;
            server.is_healthy().await;
            let answer = to_end(slow).await;
            assert_eq!(answer.get(..12).unwrap_or(&answer), expected, "{words}");
        }
    }

    #[tokio::test]
    async fn a_client_that_is_slow_but_steady_has_one_limit_for_all_headers() {
        let server = start(SHORT, routes()).await;
        let (reader, mut writer) = server.connect("GET /health HTTP/1.1\r\n").await.into_split();
        let dripping = tokio::spawn(async move {
            while writer.write_all(b"x-drip: 1\r\n").await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        assert_eq!(to_end(reader).await, "");
        dripping.abort();
    }

    #[tokio::test]
    async fn too_many_clients_wait_for_their_turn() {
        let server = start(SHORT, routes()).await;
        let mut idle = Vec::new();
        for _ in 0..SHORT.connections + 5 {
            idle.push(server.connect("").await);
        }
        // The first ones are cut off when they have said nothing for too long.
        server.is_healthy().await;
        server.stop().await;
    }

    #[tokio::test]
    async fn a_client_that_never_reads_its_answers_is_cut_off() {
        let long = "x".repeat(8 * 1024 * 1024);
        let routes = routes().route("/long", get(async move || long));
        let server = start(Limits { connections: 1, ..SHORT }, routes).await;
        let deaf = server.connect("GET /long HTTP/1.1\r\nhost: [::1]:80\r\n\r\n").await;
        // There is one connection, so this waits until the other one has gone.
        server.is_healthy().await;
        assert!(to_end(deaf).await.len() < 8 * 1024 * 1024);
    }

    #[tokio::test]
    async fn a_request_that_came_whole_is_answered_although_the_server_stops() {
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
        let work = async move || {
            tell.notify_one();
            wait.notified().await;
            "worked"
        };
        let server = start(SHORT, routes().route("/work", get(work))).await;
        let client = server.connect("GET /work HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await;
        begun.notified().await;
        let _slow = server.connect("GET /hea").await;
        let stopping = tokio::spawn(server.stop());
        sleep(SHORT.drain * 2).await;
        assert!(!stopping.is_finished());
        go.notify_one();
        stopping.await.unwrap();
        assert!(to_end(client).await.ends_with("worked"));
    }

    #[tokio::test]
    async fn idle_connections_do_not_keep_the_server_from_ending() {
        let server = start(LIMITS, routes()).await;
        let mut idle = server.connect("GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await;
        idle.read_exact(&mut [0; 17]).await.unwrap();
        assert!(server.stop().await < Duration::from_millis(900));
    }

    #[tokio::test]
    async fn strangers_are_refused() {
        let server = start(LIMITS, routes()).await;
        let ask = async |headers: &str| {
            let answer =
                server.ask(&format!("GET /health HTTP/1.1\r\nconnection: close\r\n{headers}\r\n")).await;
            answer[9..12].to_owned()
        };
        for (status, header, values) in [
            ("200", "host: ", "127.0.0.1 127.0.0.1:3000 localhost:3000 LocalHost [::1]:3000 127.0.0.2"),
            ("421", "host: ", "evil.example evil.example:3000 127.0.0.1.evil.example 127.0.0.1@evil.example"),
            ("421", "host: ", "10.0.0.1 "),
            (
                "200",
                "host: localhost\r\norigin: ",
                "http://127.0.0.1:3000 http://localhost:8080 http://[::1]",
            ),
            ("403", "host: localhost\r\norigin: ", "http://evil.example https://evil.example file:// null "),
            ("403", "host: localhost\r\norigin: ", "http://localhost.evil.example"),
        ] {
            for value in values.split(' ') {
                assert_eq!(ask(&format!("{header}{value}\r\n")).await, status, "{header}{value}");
            }
        }
    }

    #[tokio::test]
    async fn what_does_not_exist_is_answered_in_json() {
        let server = start(LIMITS, routes()).await;
        let answer = server.ask(&format!("GET /nothing HTTP/1.1\r\n{LAST}")).await;
        assert!(
            answer.starts_with("HTTP/1.1 404 ") && answer.ends_with(r#"{"error":"there is no /nothing"}"#),
            "{answer}"
        );
        let answer = server.ask(&format!("GET /endpoint HTTP/1.1\r\n{LAST}")).await;
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: POST\r\n"), "{answer}");
        assert!(answer.ends_with(r#"{"error":"GET is not allowed for /endpoint"}"#), "{answer}");
        let answer = server.ask(&format!("GET /{} HTTP/1.1\r\n{LAST}", "x".repeat(9000))).await;
        assert!(answer.len() < 500, "{answer}");
    }
}
