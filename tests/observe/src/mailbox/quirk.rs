//! What a mailbox does wrong, when it is told to.

use std::fmt;

/// What a server answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// The connection itself: the greeting.
    Connect,
    /// `EHLO` or `HELO`.
    Hello,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`.
    Data,
    /// The dot at the end of a letter.
    Letter,
    /// `QUIT`.
    Quit,
}

impl fmt::Display for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the connection",
            Self::Hello => "EHLO",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Letter => "the letter",
            Self::Quit => "QUIT",
        })
    }
}

/// A way in which servers misbehave. It holds for all conversations, from the moment it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// Answers with these bytes instead, or not at all when there are none. Where they do not begin with 2 or 3, what was
    /// asked is refused.
    Says(ReplyTo, Vec<u8>),
    /// Says its answer twice: the second one is taken for the answer to what the client says next.
    Twice(ReplyTo),
    /// Answers with a line that never ends, `250 xxxx…`, until the client goes.
    EndlessLine(ReplyTo),
    /// Answers with lines that never come to an end, `250-X-AGAIN`, until the client goes.
    EndlessReply(ReplyTo),
    /// Closes each connection after so many letters, behind the answer to the last one.
    ClosesAfter(usize),
    /// Accepts so many letters on a connection. Then it answers `MAIL` with 421 and closes.
    UnavailableAfter(usize),
}

impl Quirk {
    /// The answer that this is about, where it is about one.
    pub(super) fn reply_to(&self) -> Option<ReplyTo> {
        match self {
            Self::Says(to, _) | Self::Twice(to) | Self::EndlessLine(to) | Self::EndlessReply(to) => Some(*to),
            Self::ClosesAfter(_) | Self::UnavailableAfter(_) => None,
        }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Says(to, bytes) => {
                write!(f, "answers {to} with {}", crate::text::shorten(&String::from_utf8_lossy(bytes), 60))
            }
            Self::Twice(to) => write!(f, "answers {to} twice"),
            Self::EndlessLine(to) => write!(f, "answers {to} with a line that never ends"),
            Self::EndlessReply(to) => write!(f, "answers {to} with lines without end"),
            Self::ClosesAfter(count) => write!(f, "closes after letter {count}"),
            Self::UnavailableAfter(count) => write!(f, "says 421 after letter {count} and closes"),
        }
    }
}
