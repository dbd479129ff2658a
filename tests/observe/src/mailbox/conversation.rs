//! One SMTP conversation (RFC 5321): the protocol, and where the gates, the quirks and the record come in.

use super::Letter;
use super::quirk::{Quirk, ReplyTo};
use super::state::{Point, Reply, State};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::ControlFlow;

/// A longer command is refused. RFC 5321 (4.5.3.1.4) asks for 512 octets, and the extensions for some more.
const MAX_COMMAND_BYTES: usize = 2048;
/// RFC 5321 (4.5.3.1.8) asks for at least 100.
const MAX_RECIPIENTS: usize = 1000;
/// After so many refused commands the conversation is closed: nobody who means well says so much that is wrong.
const MAX_ERRORS: usize = 100;

/// Serves one client until it goes or is dropped.
pub(super) fn serve(stream: &TcpStream, state: &State) {
    let Ok(shared) = stream.try_clone() else { return };
    let id = state.open(shared);
    // An error is the client going away in the middle, which the record shows as a closed conversation.
    let _ = converse(stream, state, id);
    let _ = stream.shutdown(Shutdown::Both);
    state.closed(id);
}

fn converse(stream: &TcpStream, state: &State, id: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut conversation = Conversation {
        stream,
        state,
        id,
        reader: BufReader::new(stream),
        greeted: false,
        letter: None,
        accepted: 0,
        errors: 0,
    };
    if !state.pass(id, Point::Connect, &[]) {
        return Ok(());
    }
    conversation.answer(ReplyTo::Connect, "220 mailbox.test ESMTP")?;
    while let Some(command) = conversation.read_command()? {
        let flow = match command {
            Ok(line) => conversation.obey(&line)?,
            Err(reply) => conversation.refuse(reply)?,
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// Whether the conversation goes on.
type Flow = io::Result<ControlFlow<()>>;

const GO_ON: Flow = Ok(ControlFlow::Continue(()));
const CLOSE: Flow = Ok(ControlFlow::Break(()));

struct Conversation<'a> {
    stream: &'a TcpStream,
    state: &'a State,
    id: usize,
    reader: BufReader<&'a TcpStream>,
    /// The client has said `EHLO` or `HELO`.
    greeted: bool,
    /// The letter in the making: from `MAIL FROM` to the dot.
    letter: Option<Letter>,
    accepted: usize,
    errors: usize,
}

impl Conversation<'_> {
    /// The next command without its line end, or what is to be answered to what is none. `None` when the client has gone.
    fn read_command(&mut self) -> io::Result<Option<Result<String, &'static str>>> {
        let mut line = self.read_piece(MAX_COMMAND_BYTES)?;
        if !line.is_empty() {
            self.state.said(self.id, &line);
        }
        let too_long = line.len() == MAX_COMMAND_BYTES && !line.ends_with(b"\n");
        while !line.is_empty() && !line.ends_with(b"\n") {
            line = self.read_piece(MAX_COMMAND_BYTES)?;
        }
        if line.is_empty() {
            return Ok(None);
        }
        if too_long {
            return Ok(Some(Err("500 the line is too long")));
        }
        let line = line.strip_suffix(b"\r\n").and_then(|line| String::from_utf8(line.to_vec()).ok());
        Ok(Some(line.ok_or("500 a command is text, and ends with CR LF")))
    }

    /// A line with its end, or as much of it as is allowed at once. Empty at end of file.
    fn read_piece(&mut self, max_bytes: usize) -> io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        (&mut self.reader).take(max_bytes as u64).read_until(b'\n', &mut piece)?;
        Ok(piece)
    }

    fn obey(&mut self, line: &str) -> Flow {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "HELO" if !rest.trim().is_empty() => self.hello("250 mailbox.test"),
            "EHLO" if !rest.trim().is_empty() => self.hello(&self.state.extensions()),
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" if rest.is_empty() => self.data(),
            "RSET" => {
                self.letter = None;
                self.say("250 OK")
            }
            "NOOP" => self.say("250 OK"),
            "VRFY" => self.say("252 try to send it"),
            "QUIT" => {
                // Before the client can know: its next conversation does not overlap with this one.
                self.state.closed(self.id);
                if self.answer(ReplyTo::Quit, "221 Goodbye")?.is_good() { CLOSE } else { GO_ON }
            }
            "EHLO" | "HELO" => self.refuse("501 say who you are"),
            _ => self.refuse("500 there is no such command"),
        }
    }

    fn hello(&mut self, reply: &str) -> Flow {
        self.letter = None;
        if self.answer(ReplyTo::Hello, reply)?.is_good() {
            self.greeted = true;
        }
        GO_ON
    }

    fn mail(&mut self, rest: &str) -> Flow {
        if self.state.unavailable_after(self.id, self.accepted) {
            return self.close_with_421();
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return self.refuse("501 MAIL FROM:<address>");
        };
        if !self.greeted || self.letter.is_some() {
            return self.refuse("503 not now");
        }
        for parameter in parameters.split_whitespace() {
            if let Err(reply) = self.state.knows(parameter) {
                return self.refuse(&reply);
            }
        }
        let letter = Letter { conversation: self.id, from: from.to_owned(), ..Letter::default() };
        if self.answer(ReplyTo::Mail, "250 OK")?.is_good() {
            self.letter = Some(letter);
        }
        GO_ON
    }

    fn rcpt(&mut self, rest: &str) -> Flow {
        let Some((to, parameters)) = path(rest, "TO:").filter(|(to, _)| !to.is_empty()) else {
            return self.refuse("501 RCPT TO:<address>");
        };
        let Some(letter) = &self.letter else { return self.refuse("503 MAIL FROM comes first") };
        if !parameters.is_empty() {
            return self.refuse("555 RCPT TO has no parameters here");
        }
        if letter.recipients.len() >= MAX_RECIPIENTS {
            return self.refuse("452 too many recipients");
        }
        if !self.state.pass(self.id, Point::Rcpt, &[to.to_owned()]) {
            return CLOSE;
        }
        match self.state.reply_for(self.id, to) {
            None => {}
            Some(Reply::Refuse(code)) => return self.say(&format!("{code} the mailbox refuses {to}")),
            Some(Reply::Unavailable) => return self.close_with_421(),
            Some(Reply::Drop) => return CLOSE,
        }
        if self.answer(ReplyTo::Rcpt, "250 OK")?.is_good()
            && let Some(letter) = &mut self.letter
        {
            letter.recipients.push(to.to_owned());
        }
        GO_ON
    }

    fn data(&mut self) -> Flow {
        let Some(letter) = self.letter.take_if(|letter| !letter.recipients.is_empty()) else {
            return self.refuse("503 MAIL FROM and RCPT TO come first");
        };
        if !self.state.pass(self.id, Point::Data, &letter.recipients) {
            return CLOSE;
        }
        if !self.answer(ReplyTo::Data, "354 end with <CRLF>.<CRLF>")?.is_good() {
            self.letter = Some(letter);
            return GO_ON;
        }
        let Some(data) = self.read_letter()? else { return CLOSE };
        self.finish(letter, data)
    }

    /// The letter is there, whole, or it is `TooLong`.
    fn finish(&mut self, mut letter: Letter, data: Data) -> Flow {
        let Data::Whole(data) = data else { return self.say("552 the letter is longer than SIZE says") };
        letter.data = data;
        let recipients = letter.recipients.clone();
        if !self.state.pass(self.id, Point::Accept, &recipients) {
            return CLOSE;
        }
        let reply = self.reply(ReplyTo::Letter, "250 OK");
        if reply.is_good() {
            self.state.accept(letter);
            self.accepted += 1;
            if !self.state.pass(self.id, Point::Answer, &recipients) {
                return CLOSE;
            }
        }
        let closes = self.state.closes_after(self.id, self.accepted);
        if closes {
            // As with QUIT, before the client can know.
            self.state.closed(self.id);
        }
        self.send(reply)?;
        if closes { CLOSE } else { GO_ON }
    }

    /// Reads to the line with the dot alone. `None` when the client goes before.
    fn read_letter(&mut self) -> io::Result<Option<Data>> {
        let max_bytes = self.state.max_letter_bytes();
        let (mut data, mut too_long, mut begins_line) = (Vec::new(), false, true);
        loop {
            // In pieces: a line may be as long as a letter.
            let line = self.read_piece(64 * 1024)?;
            if line.is_empty() {
                return Ok(None);
            }
            if begins_line && line == b".\r\n" {
                return Ok(Some(if too_long { Data::TooLong } else { Data::Whole(data) }));
            }
            let stuffed = usize::from(begins_line && line.starts_with(b"."));
            // Only CR LF ends a line: a dot behind a lonely line feed is text.
            begins_line = line.ends_with(b"\r\n") || (line == b"\n" && data.ends_with(b"\r"));
            too_long |= data.len() + line.len() > max_bytes;
            if too_long {
                data = line[line.len().saturating_sub(1)..].to_vec();
            } else {
                data.extend_from_slice(&line[stuffed..]);
            }
        }
    }

    /// Answers what is in order, or what a quirk says instead.
    fn answer(&mut self, to: ReplyTo, text: &str) -> io::Result<Sent> {
        let reply = self.reply(to, text);
        let sent = if reply.is_good() { Sent::Good } else { Sent::Bad };
        self.send(reply)?;
        Ok(sent)
    }

    fn reply(&self, to: ReplyTo, text: &str) -> Outgoing {
        match self.state.quirk_about(self.id, to) {
            None => Outgoing::Bytes(format!("{text}\r\n").into_bytes()),
            Some(Quirk::Says(_, bytes)) => Outgoing::Bytes(bytes),
            Some(Quirk::Twice(_)) => Outgoing::Bytes(format!("{text}\r\n{text}\r\n").into_bytes()),
            Some(Quirk::EndlessLine(_)) => Outgoing::Endless(format!("{} ", &text[..3]), "x".repeat(4096)),
            Some(_) => Outgoing::Endless(String::new(), format!("{}-X-AGAIN\r\n", &text[..3]).repeat(400)),
        }
    }

    fn send(&mut self, reply: Outgoing) -> io::Result<()> {
        match reply {
            // One write for one answer: a client never sees half a line.
            Outgoing::Bytes(bytes) => self.write(&bytes),
            Outgoing::Endless(start, again) => {
                self.write(start.as_bytes())?;
                loop {
                    self.write(again.as_bytes())?;
                }
            }
        }
    }

    fn close_with_421(&mut self) -> Flow {
        self.state.closed(self.id);
        self.write(b"421 Service not available, closing connection\r\n")?;
        CLOSE
    }

    fn refuse(&mut self, reply: &str) -> Flow {
        self.errors += 1;
        if self.errors > MAX_ERRORS { self.close_with_421() } else { self.say(reply) }
    }

    fn say(&mut self, reply: &str) -> Flow {
        self.write(format!("{reply}\r\n").as_bytes())?;
        GO_ON
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        stream.write_all(bytes)
    }
}

/// What came after `DATA`.
enum Data {
    Whole(Vec<u8>),
    TooLong,
}

/// What was answered: 2xx and 3xx are good.
#[derive(PartialEq)]
enum Sent {
    Good,
    Bad,
}

impl Sent {
    fn is_good(&self) -> bool {
        *self == Self::Good
    }
}

enum Outgoing {
    Bytes(Vec<u8>),
    /// How it starts, and what then comes again and again until the client has gone.
    Endless(String, String),
}

impl Outgoing {
    fn is_good(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if matches!(bytes.first(), Some(b'2' | b'3')))
    }
}

/// Takes `FROM:<address> PARAMETERS` apart.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (head, tail) = rest.trim_start().split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, parameters) = tail.trim_start().strip_prefix('<')?.split_once('>')?;
    let is_good =
        !address.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '<');
    is_good.then_some((address, parameters.trim()))
}
