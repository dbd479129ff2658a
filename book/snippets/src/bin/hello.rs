//! A web server with one route, and a client that asks it once.

use axum::Router;
use axum::routing::get;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

// ANCHOR: shown
async fn hello() -> &'static str {
    "Hello from a handler\n"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let routes = Router::new().route("/hello", get(hello));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = spawn_ask(listener.local_addr()?);
    tokio::select! {
        served = axum::serve(listener, routes) => served,
        () = client => Ok(()),
    }
}
// ANCHOR_END: shown

/// Asks the server on a thread of its own, since std's sockets block, and prints the body of the answer.
async fn spawn_ask(server: SocketAddr) {
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
