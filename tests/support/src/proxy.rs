//! A proxy between a program and a broker, which can cut the program off in the middle of what it says.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes bytes on in both directions until the program publishes a certain message.
///
/// ```
/// use std::io::{Read, Write};
/// use support::Proxy;
///
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let proxy = Proxy::cut_after(server.local_addr()?.port(), b"PUB acks.")?;
/// let mut program = std::net::TcpStream::connect(("127.0.0.1", proxy.port()))?;
/// program.write_all(b"PUB a 1\r\n1\r\nPUB acks.b 1\r\n2\r\nPUB c 1\r\n3\r\n")?;
/// let mut got = [0; 29];
/// server.accept()?.0.read_exact(&mut got)?;
/// assert_eq!(&got, b"PUB a 1\r\n1\r\nPUB acks.b 1\r\n2\r\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Proxy {
    port: u16,
    was_cut: Arc<Mutex<bool>>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    /// A proxy to a port of this machine. The message whose line has `text` is the last one that is passed on, on any
    /// connection. The program is not told: its connections stay open.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn cut_after(to: u16, text: &[u8]) -> io::Result<Self> {
        Self::start(to, text, true)
    }

    /// As [`cut_after`](Self::cut_after), but nothing from `text` on is passed on. It may be anywhere in a message.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn cut_before(to: u16, text: &[u8]) -> io::Result<Self> {
        Self::start(to, text, false)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the program has said the text.
    pub fn was_cut(&self) -> bool {
        *self.was_cut.lock().expect("no panic while the lock is held")
    }

    /// What the program has said so far, on all connections, whether it was passed on or not.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().expect("no panic while the lock is held")).into_owned()
    }

    fn start(to: u16, text: &[u8], included: bool) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let was_cut = Arc::new(Mutex::new(false));
        let said = Arc::default();
        let (done, heard) = (Arc::clone(&was_cut), Arc::clone(&said));
        let cut = Cut { text: text.to_owned(), included, done, heard };
        // The threads end with the test's process.
        thread::spawn(move || {
            for program in listener.incoming().flatten() {
                let cut = cut.clone();
                // A connection that fails is closed, as without a proxy.
                thread::spawn(move || pass_on(&program, to, &cut));
            }
        });
        Ok(Self { port, was_cut, said })
    }
}

#[derive(Clone)]
struct Cut {
    text: Vec<u8>,
    included: bool,
    done: Arc<Mutex<bool>>,
    /// Everything that the program says.
    heard: Arc<Mutex<Vec<u8>>>,
}

fn pass_on(mut program: &TcpStream, to: u16, cut: &Cut) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", to))?;
    let (mut from_server, mut to_program) = (server.try_clone()?, program.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_program);
        let _ = to_program.shutdown(Shutdown::Both);
    });
    // What was said and is not passed on yet: the text may begin in it.
    let mut held = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = program.read(&mut buffer)?;
        if count == 0 {
            return server.shutdown(Shutdown::Both);
        }
        cut.heard.lock().expect("no panic while the lock is held").extend_from_slice(&buffer[..count]);
        let mut done = cut.done.lock().expect("no panic while the lock is held");
        if *done {
            continue;
        }
        held.extend_from_slice(&buffer[..count]);
        if let Some(at) = find(&held, &cut.text) {
            let end = if cut.included { end_of_message(&held, at) } else { Some(at) };
            if let Some(end) = end {
                server.write_all(&held[..end])?;
                *done = true;
            }
            continue;
        }
        let begun = (1..cut.text.len()).rev().find(|length| held.ends_with(&cut.text[..*length]));
        let whole = held.len() - begun.unwrap_or_default();
        server.write_all(&held[..whole])?;
        held.drain(..whole);
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

/// Where the message ends whose line is at `at`. Its body has a line end, too (and none inside, in our checks).
fn end_of_message(bytes: &[u8], at: usize) -> Option<usize> {
    let line = at + find(&bytes[at..], b"\r\n")? + 2;
    Some(line + find(&bytes[line..], b"\r\n")? + 2)
}
