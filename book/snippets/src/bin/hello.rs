//! A web server with one route and a state, and a client that asks it once.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

// ANCHOR: shown
async fn hello(State(name): State<String>) -> String {
    format!("Hello from {name}\n")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let routes = Router::new().route("/hello", get(hello)).with_state("a handler".to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = ask_once(listener.local_addr()?);
    // Serves until the client has its answer.
    axum::serve(listener, routes).with_graceful_shutdown(client).await
}
// ANCHOR_END: shown

/// Asks the server from another thread, since std's sockets block, and prints the body of the answer.
async fn ask_once(server: SocketAddr) {
    let ask = move || {
        let mut answer = String::new();
        let mut stream = TcpStream::connect(server)?;
        stream.write_all(b"GET /hello HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)?;
        print!("{}", answer.split("\r\n\r\n").nth(1).unwrap_or_default());
        Ok::<(), std::io::Error>(())
    };
    spawn_blocking(ask).await.expect("the client's thread").expect("an answer");
}
