//! `cargo workshop book`: the book in a browser, also without a network.

use crate::failure::Failure;
use crate::run::command::finish;
use crate::run::{interrupt, workspace};
use crate::ui::arguments;
use crate::ui::terminal::say;
use clap::ArgMatches;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// How to get mdbook.
pub const INSTALL: &str =
    "cargo install mdbook --version 0.5.4 --locked --no-default-features --features search";

/// A browser that keeps a connection without asking for anything is let go.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first line of a request is not longer.
const MAX_REQUEST_BYTES: u64 = 8 * 1024;

/// What the command line can say.
pub fn command() -> clap::Command {
    arguments::verb(
        "book",
        "Builds the book and serves it on this machine",
        "Example:\n  cargo workshop book\n\n\
         It needs mdbook. Ctrl-C ends it. Without mdbook, read book/src as text.",
    )
    .arg(arguments::port("0"))
    .arg(arguments::flag("no-open", "Do not open a browser"))
}

pub fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = workspace::root()?;
    interrupt::listen(|| std::process::exit(0))?;
    let pages = build(&root)?;
    let port = arguments::port_of(matches);
    let address = format!("127.0.0.1:{port}");
    let cannot = |error: io::Error| {
        Failure::input(format!("cannot listen on {address}: {error}. {}", arguments::OTHER_PORT))
    };
    let listener = TcpListener::bind(&address).map_err(cannot)?;
    let url = format!("http://{}", listener.local_addr().map_err(cannot)?);
    say(format!("listening on {url}"));
    say("This is the book. Ctrl-C ends it.");
    if !matches.get_flag("no-open") {
        open(&url);
    }
    for stream in listener.incoming().flatten() {
        let pages = pages.clone();
        // A browser that goes away in the middle is no error of ours.
        thread::spawn(move || answer(&stream, &pages));
    }
    Ok(())
}

/// Builds the book, and gives the folder of its pages.
///
/// # Errors
/// When there is no mdbook, or it cannot build the book.
pub fn build(root: &Path) -> Result<PathBuf, Failure> {
    let pages = workspace::target(root).join("book");
    let mut mdbook = Command::new("mdbook");
    mdbook.arg("build").arg("--dest-dir").arg(&pages).arg(root.join("book"));
    match finish(mdbook.stdout(Stdio::null())) {
        Ok(true) => Ok(pages),
        Ok(false) => Err(Failure::work("mdbook cannot build the book; see above")),
        Err(error) if interrupt::requested() => Err(error),
        Err(error) => Err(Failure::work(format!("{error}. To get it: {INSTALL}"))),
    }
}

/// Opens a browser where there is one. Where there is none, the address is on the terminal.
fn open(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        thread::spawn(move || child.wait());
    }
}

fn answer(mut stream: &TcpStream, pages: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = String::new();
    BufReader::new(stream.take(MAX_REQUEST_BYTES)).read_line(&mut request)?;
    let path = request.split(' ').nth(1).unwrap_or("/");
    let found = file_of(pages, path).and_then(|file| Some((fs::read(&file).ok()?, kind_of(&file))));
    let (status, bytes, kind) = match found {
        Some((bytes, kind)) => ("200 OK", bytes, kind),
        None => ("404 Not Found", b"There is no such page.\n".to_vec(), "text/plain"),
    };
    let length = bytes.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    stream.write_all(&bytes)
}

/// The file of a path. One that leads out of the book is none.
fn file_of(pages: &Path, path: &str) -> Option<PathBuf> {
    let below = Path::new(path.split(['?', '#']).next()?.trim_start_matches('/'));
    let is_inside = below.components().all(|part| matches!(part, Component::Normal(_)));
    let file = pages.join(below);
    is_inside.then(|| if file.is_dir() { file.join("index.html") } else { file })
}

/// What a file is, which a browser wants to know. It sees itself what an image or a font is.
fn kind_of(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_does_not_lead_out_of_the_book() {
        let pages = Path::new("/book");
        assert_eq!(file_of(pages, "/a/b.html?x=1"), Some("/book/a/b.html".into()));
        assert_eq!(file_of(pages, "/../secret"), None);
        assert_eq!(file_of(pages, "/a/../../secret"), None);
        assert_eq!(file_of(pages, "//etc/passwd"), Some("/book/etc/passwd".into()));
    }
}
