//! One SMTP conversation (RFC 5321): the protocol, and where the gates, the quirks and the record come in.

use super::Letter;
use super::quirk::{Quirk, ReplyTo};
use super::state::{Point, Reply, State};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// A longer command is refused. RFC 5321 (4.5.3.1.4) asks for 512 octets, and the extensions for some more.
const MAX_COMMAND_BYTES: usize = 2048;
/// RFC 5321 (4.5.3.1.8) asks for at least 100.
const MAX_RECIPIENTS: usize = 1000;
/// After so many refused commands the conversation is closed: nobody who means well says so much that is wrong.
const MAX_ERRORS: usize = 100;

/// The longest letter that is accepted. What mail providers take is between 20 and 50 MB.
const MAX_LETTER_BYTES: usize = 32 * 1024 * 1024;

/// Serves one client until it goes or is dropped.
pub(super) fn serve(stream: &TcpStream, state: &State) {
    let Ok(shared) = stream.try_clone() else { return };
    let id = state.open(shared);
    // An error is the end of the conversation, which the record shows as closed.
    let _ = converse(stream, state, id);
    let _ = stream.shutdown(Shutdown::Both);
    state.closed(id);
}

fn converse(stream: &TcpStream, state: &State, id: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let reader = BufReader::new(stream);
    let mut conversation =
        Conversation { stream, state, id, reader, greeted: false, letter: None, accepted: 0, errors: 0 };
    state.pass(id, Point::Connect, &[])?;
    conversation.answer(ReplyTo::Connect, "220 mailbox.test ESMTP")?;
    loop {
        match conversation.read_command()? {
            Ok(line) => conversation.obey(&line)?,
            Err(reply) => conversation.refuse(reply)?,
        }
    }
}

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

/// An error ends the conversation, whether the client goes or is to be dropped.
impl Conversation<'_> {
    /// The next command without its line end, or what is to be answered to what is none.
    fn read_command(&mut self) -> io::Result<Result<String, &'static str>> {
        let mut line = self.read_piece(MAX_COMMAND_BYTES)?;
        self.state.said(self.id, &line);
        let too_long = !line.ends_with(b"\n");
        while !line.ends_with(b"\n") {
            line = self.read_piece(MAX_COMMAND_BYTES)?;
        }
        if too_long {
            return Ok(Err("500 the line is too long"));
        }
        let line = line.strip_suffix(b"\r\n").and_then(|line| String::from_utf8(line.to_vec()).ok());
        Ok(line.ok_or("500 a command is text, and ends with CR LF"))
    }

    /// A line with its end, or as much of it as is allowed at once.
    fn read_piece(&mut self, max_bytes: usize) -> io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        (&mut self.reader).take(max_bytes as u64).read_until(b'\n', &mut piece)?;
        if piece.is_empty() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(piece) }
    }

    fn obey(&mut self, line: &str) -> io::Result<()> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "HELO" if !rest.trim().is_empty() => self.hello("250 mailbox.test"),
            "EHLO" if !rest.trim().is_empty() => {
                let smtputf8 = if self.offers_smtputf8() { "250-SMTPUTF8\r\n" } else { "" };
                self.hello(&format!(
                    "250-mailbox.test\r\n250-8BITMIME\r\n{smtputf8}250 SIZE {MAX_LETTER_BYTES}"
                ))
            }
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" if rest.is_empty() => self.data(),
            "RSET" => {
                self.letter = None;
                self.say("250 OK")
            }
            "NOOP" => self.say("250 OK"),
            "QUIT" => {
                let reply = self.reply(ReplyTo::Quit, "221 Goodbye");
                if !reply.is_good() {
                    return self.send(&reply);
                }
                // Before the client can know: its next conversation does not overlap with this one.
                self.state.closed(self.id);
                self.send(&reply)?;
                close()
            }
            "EHLO" | "HELO" => self.refuse("501 say who you are"),
            _ => self.refuse("500 there is no such command"),
        }
    }

    fn hello(&mut self, reply: &str) -> io::Result<()> {
        self.letter = None;
        self.greeted |= self.answer(ReplyTo::Hello, reply)?;
        Ok(())
    }

    fn mail(&mut self, rest: &str) -> io::Result<()> {
        if self.state.quirk(self.id, |quirk| *quirk == Quirk::UnavailableAfter(self.accepted)).is_some() {
            return self.close_with_421();
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return self.refuse("501 MAIL FROM:<address>");
        };
        if !self.greeted || self.letter.is_some() {
            return self.refuse("503 not now");
        }
        if let Some(reply) = parameters.split_whitespace().find_map(|parameter| self.refusal_of(parameter)) {
            return self.refuse(reply);
        }
        if self.answer(ReplyTo::Mail, "250 OK")? {
            self.letter = Some(Letter { conversation: self.id, from: from.to_owned(), ..Letter::default() });
        }
        Ok(())
    }

    /// The answer to a parameter of `MAIL FROM` that `EHLO` has not offered, or that can't be granted.
    fn refusal_of(&self, parameter: &str) -> Option<&'static str> {
        let parameter = parameter.to_ascii_uppercase();
        match parameter.split_once('=').unwrap_or((&parameter, "")) {
            ("BODY", "7BIT" | "8BITMIME") => None,
            ("SMTPUTF8", "") if self.offers_smtputf8() => None,
            ("SIZE", size) => match size.parse::<usize>() {
                Ok(size) => (size > MAX_LETTER_BYTES).then_some(TOO_LONG),
                Err(_) => Some("501 SIZE is a number"),
            },
            _ => Some("555 there is no such parameter"),
        }
    }

    fn offers_smtputf8(&self) -> bool {
        self.state.read(|record| record.offers_smtputf8)
    }

    fn rcpt(&mut self, rest: &str) -> io::Result<()> {
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
        self.state.pass(self.id, Point::Rcpt, &[to.to_owned()])?;
        match self.state.reply_for(self.id, to) {
            None => {}
            Some(Reply::Refuse(code)) => return self.say(&format!("{code} the mailbox refuses {to}")),
            Some(Reply::Unavailable) => return self.close_with_421(),
            Some(Reply::Drop) => return close(),
        }
        if self.answer(ReplyTo::Rcpt, "250 OK")? {
            self.letter.iter_mut().for_each(|letter| letter.recipients.push(to.to_owned()));
        }
        Ok(())
    }

    fn data(&mut self) -> io::Result<()> {
        let Some(mut letter) = self.letter.take_if(|letter| !letter.recipients.is_empty()) else {
            return self.refuse("503 MAIL FROM and RCPT TO come first");
        };
        self.state.pass(self.id, Point::Data, &letter.recipients)?;
        if !self.answer(ReplyTo::Data, "354 end with <CRLF>.<CRLF>")? {
            self.letter = Some(letter);
            return Ok(());
        }
        match self.read_letter()? {
            None => self.say(TOO_LONG),
            Some(data) => {
                letter.data = data;
                self.finish(letter)
            }
        }
    }

    /// The letter is there, whole.
    fn finish(&mut self, letter: Letter) -> io::Result<()> {
        let recipients = letter.recipients.clone();
        self.state.pass(self.id, Point::Accept, &recipients)?;
        let reply = self.reply(ReplyTo::Letter, "250 OK");
        if reply.is_good() {
            self.state.accept(letter);
            self.accepted += 1;
            self.state.pass(self.id, Point::Answer, &recipients)?;
        }
        let closes = self.state.quirk(self.id, |quirk| *quirk == Quirk::ClosesAfter(self.accepted)).is_some();
        if closes {
            // As with QUIT, before the client can know.
            self.state.closed(self.id);
        }
        self.send(&reply)?;
        if closes { close() } else { Ok(()) }
    }

    /// Reads to the line with the dot alone. `None` for what is too long.
    fn read_letter(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut data, mut too_long, mut begins_line) = (Vec::new(), false, true);
        loop {
            // In pieces: a line may be as long as a letter.
            let line = self.read_piece(64 * 1024)?;
            if begins_line && line == b".\r\n" {
                return Ok((!too_long).then_some(data));
            }
            let stuffed = usize::from(begins_line && line.starts_with(b"."));
            // Only CR LF ends a line: a dot behind a lonely line feed is text.
            begins_line = line.ends_with(b"\r\n") || (line == b"\n" && data.ends_with(b"\r"));
            too_long |= data.len() + line.len() > MAX_LETTER_BYTES;
            if too_long {
                data = line[line.len() - 1..].to_vec();
            } else {
                data.extend_from_slice(&line[stuffed..]);
            }
        }
    }

    /// Answers what is in order, or what a quirk says instead. Whether the answer is good: 2xx or 3xx.
    fn answer(&self, to: ReplyTo, text: &str) -> io::Result<bool> {
        let reply = self.reply(to, text);
        self.send(&reply)?;
        Ok(reply.is_good())
    }

    fn reply(&self, to: ReplyTo, text: &str) -> Outgoing {
        let code = &text[..3];
        let (first, again) = match self.state.quirk(self.id, |quirk| quirk.reply_to() == Some(to)) {
            None => (format!("{text}\r\n").into_bytes(), String::new()),
            Some(Quirk::Says(_, bytes)) => (bytes, String::new()),
            Some(Quirk::Twice(_)) => (format!("{text}\r\n{text}\r\n").into_bytes(), String::new()),
            Some(Quirk::EndlessLine(_)) => (format!("{code} ").into_bytes(), "x".repeat(4096)),
            Some(_) => (Vec::new(), format!("{code}-X-AGAIN\r\n").repeat(400)),
        };
        Outgoing { first, again }
    }

    fn send(&self, reply: &Outgoing) -> io::Result<()> {
        // One write for one answer: a client never sees half a line.
        self.write(&reply.first)?;
        while !reply.again.is_empty() {
            self.write(reply.again.as_bytes())?;
        }
        Ok(())
    }

    fn close_with_421(&mut self) -> io::Result<()> {
        self.state.closed(self.id);
        self.say("421 Service not available, closing connection")?;
        close()
    }

    fn refuse(&mut self, reply: &str) -> io::Result<()> {
        self.errors += 1;
        if self.errors > MAX_ERRORS { self.close_with_421() } else { self.say(reply) }
    }

    fn say(&self, reply: &str) -> io::Result<()> {
        self.write(format!("{reply}\r\n").as_bytes())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        stream.write_all(bytes)
    }
}

const TOO_LONG: &str = "552 the letter is longer than SIZE says";

/// Ends the conversation.
fn close() -> io::Result<()> {
    Err(ErrorKind::NotConnected.into())
}

struct Outgoing {
    first: Vec<u8>,
    /// What then comes again and again until the client has gone.
    again: String,
}

impl Outgoing {
    fn is_good(&self) -> bool {
        self.again.is_empty() && matches!(self.first.first(), Some(b'2' | b'3'))
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
