//! One SMTP conversation: mailin knows the protocol, this knows the socket, the gates and the record.

use super::Letter;
use super::state::{Point, Reply, State};
use mailin::response::OK;
use mailin::{Action, Handler, Response, SessionBuilder};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::Arc;

/// A line longer than this ends the conversation (RFC 5321 allows 1,000 octets; lettre wraps its lines).
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// The code for "close without an answer". No SMTP reply has it, so it is never sent.
const DROP: u16 = 599;

/// Serves one client until it goes or is dropped.
pub(super) fn serve(stream: &TcpStream, state: &Arc<State>) {
    let Ok(shared) = stream.try_clone() else { return };
    let id = state.open(shared);
    // An error is the client going away in the middle, which the record shows as a closed conversation.
    let _ = converse(stream, state, id);
    let _ = stream.shutdown(Shutdown::Both);
    state.closed(id);
}

fn converse(stream: &TcpStream, state: &Arc<State>, id: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if !state.pass(id, Point::Connect, &[]) {
        return Ok(());
    }
    let handler = Clerk { state: Arc::clone(state), id, letter: Letter::default() };
    let client: IpAddr = stream.peer_addr()?.ip();
    let mut session = SessionBuilder::new("mailbox.test").build(client, handler);
    let mut reader = BufReader::new(stream);
    answer(stream, &session.greeting())?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 || !line.ends_with(b"\n") {
            return Ok(());
        }
        let response = session.process(&line);
        if response.code == DROP {
            return Ok(());
        }
        if response.action == Action::Close {
            // Before the client can know: its next conversation does not overlap with this one.
            state.closed(id);
            return answer(stream, &response);
        }
        answer(stream, &response)?;
    }
}

fn answer(mut stream: &TcpStream, response: &Response) -> io::Result<()> {
    if response.action == Action::NoReply {
        return Ok(());
    }
    // One write for one answer: a client never sees half a line.
    let mut bytes = Vec::new();
    response.write_to(&mut bytes)?;
    stream.write_all(&bytes)
}

/// Decides about what a client sends, and writes it down.
struct Clerk {
    state: Arc<State>,
    id: usize,
    letter: Letter,
}

impl Clerk {
    /// Waits at the gate of this point. The client may be gone afterwards.
    fn pass(&self, point: Point, recipients: &[String]) -> Result<(), Response> {
        if self.state.pass(self.id, point, recipients) { Ok(()) } else { Err(drop_connection()) }
    }
}

impl Handler for Clerk {
    fn mail(&mut self, _client: IpAddr, _domain: &str, from: &str) -> Response {
        self.letter = Letter { conversation: self.id, from: from.to_owned(), ..Letter::default() };
        OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if let Err(response) = self.pass(Point::Rcpt, &[to.to_owned()]) {
            return response;
        }
        match self.state.reply_for(self.id, to) {
            None => {
                self.letter.recipients.push(to.to_owned());
                OK
            }
            Some(Reply::Refuse(code)) => Response::custom(code, format!("the mailbox refuses {to}")),
            Some(Reply::Unavailable) => mailin::response::NO_SERVICE,
            Some(Reply::Drop) => drop_connection(),
        }
    }

    fn data_start(&mut self, _domain: &str, _from: &str, _is8bit: bool, to: &[String]) -> Response {
        match self.pass(Point::Data, to) {
            Ok(()) => OK,
            Err(response) => response,
        }
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.letter.data.extend_from_slice(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let recipients = self.letter.recipients.clone();
        match self.pass(Point::Accept, &recipients) {
            Ok(()) => {
                self.state.accept(std::mem::take(&mut self.letter));
                match self.pass(Point::Answer, &recipients) {
                    Ok(()) => OK,
                    Err(response) => response,
                }
            }
            Err(response) => response,
        }
    }
}

fn drop_connection() -> Response {
    Response::custom(DROP, String::new())
}
