//! A real SMTP server with gates, inside the test or the command.
//!
//! One thread serves one conversation, so that a gate is a thread that waits. The protocol is written here, since a
//! library's server knows no way to misbehave, and what the mailbox needs of RFC 5321 is short.

mod conversation;
mod letter;
mod quirk;
mod state;

pub use letter::Letter;
pub use quirk::{Quirk, ReplyTo};
pub use state::{Event, Point, Reply};

use state::{Record, State};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// An SMTP server that accepts every mail, unless it is told to hold, refuse or drop.
///
/// A *conversation* is one TCP connection. A *letter* is a mail that was accepted, whole, as it came. When
/// the mailbox is dropped, its port is closed and so are its conversations.
///
/// ```
/// use observe::{Mailbox, Point};
///
/// let mailbox = Mailbox::start("127.0.0.1:0", |_event| {})?;
/// mailbox.hold(Point::Rcpt);
/// assert_eq!(mailbox.held(), 0);
/// mailbox.release_all();
/// assert!(mailbox.letters().is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Mailbox {
    address: SocketAddr,
    state: Arc<State>,
}

impl Mailbox {
    /// Listens on `address` (port 0: the system chooses) and calls `observer` for everything that happens.
    /// The observer is called from the middle of things: it must not call the mailbox itself.
    ///
    /// # Errors
    /// When the address cannot be bound, for example because the port is in use.
    pub fn start(address: &str, observer: impl Fn(&Event) + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new(observer));
        let accepting = Arc::clone(&state);
        thread::Builder::new().name("mailbox".into()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { address, state })
    }

    /// The address in the form that `SMTP_URL` takes.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// The port that the mailbox listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on, every conversation stops at `point` until it is released.
    pub fn hold(&self, point: Point) {
        self.state.change(|record| record.gates.push((point, None)));
    }

    /// From now on, a conversation about this recipient stops at `point` until it is released.
    pub fn hold_recipient(&self, point: Point, recipient: &str) {
        self.state.change(|record| record.gates.push((point, Some(recipient.to_owned()))));
    }

    /// How many conversations are held at this moment. One whose client has gone is not held any more.
    pub fn held(&self) -> usize {
        self.state.read(Record::held_now)
    }

    /// Waits until `count` conversations or more are held at once. False when the [limit](crate::limit) runs out,
    /// or when `in_vain` says that nobody is left to come.
    pub fn wait_held(&self, count: usize, in_vain: &dyn Fn() -> bool) -> bool {
        self.state.wait(in_vain, |record| record.held_now() >= count)
    }

    /// Lets the conversation go that has been held for the longest time. The gates stay closed for the others.
    pub fn release_one(&self) {
        self.state.change(|record| (!record.held.is_empty()).then(|| record.held.remove(0)));
    }

    /// Lets this conversation go, where it is held. The gates stay closed for the others.
    pub fn release(&self, conversation: usize) {
        self.state.change(|record| record.held.retain(|held| *held != conversation));
    }

    /// Opens all gates and lets every held conversation go.
    pub fn release_all(&self) {
        self.state.change(|record| {
            record.gates.clear();
            record.held.clear();
        });
    }

    /// Answers `reply` when a mail to `recipient` comes, from now on.
    pub fn reply(&self, recipient: &str, reply: Reply) {
        self.state.change(|record| record.replies.insert(recipient.to_owned(), reply));
    }

    /// Does something wrong from now on, in every conversation, as servers do. Several quirks can be asked for.
    ///
    /// ```
    /// use observe::mailbox::{Mailbox, Quirk, ReplyTo};
    ///
    /// let mailbox = Mailbox::start("127.0.0.1:0", |_event| {})?;
    /// mailbox.quirk(Quirk::EndlessLine(ReplyTo::Connect));
    /// mailbox.quirk(Quirk::Says(ReplyTo::Letter, b"552 no room\r\n".to_vec()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn quirk(&self, quirk: Quirk) {
        self.state.change(|record| record.quirks.push(quirk));
    }

    /// Offers SMTPUTF8 (RFC 6531) from now on. Without this it is not offered, and asking for it is refused; addresses
    /// that need it are taken all the same, so that a spec can see who sends them.
    pub fn offer_smtputf8(&self) {
        self.state.change(|record| record.offers_smtputf8 = true);
    }

    /// Keeps no letter and no command from now on, for a mailbox that stays up all day. The observer is told of each.
    pub fn keep_nothing(&self) {
        self.state.change(|record| record.keeps_nothing = true);
    }

    /// The commands of a conversation byte for byte, each with its line end: what the client said outside of letters.
    pub fn commands(&self, conversation: usize) -> Vec<Vec<u8>> {
        self.state.read(|record| {
            let said = record.said.iter().filter(|(id, _)| *id == conversation);
            said.map(|(_, line)| line.clone()).collect()
        })
    }

    /// What was accepted so far, in the order in which it was accepted.
    pub fn letters(&self) -> Vec<Letter> {
        self.state.read(|record| record.letters.clone())
    }

    /// The recipients of what was accepted so far, in order. A letter to two of them counts twice.
    pub fn recipients(&self) -> Vec<String> {
        self.state.read(|record| record.letters.iter().flat_map(|letter| letter.recipients.clone()).collect())
    }

    /// Waits until `count` letters or more were accepted; false as in [`wait_held`](Self::wait_held).
    pub fn wait_letters(&self, count: usize, in_vain: &dyn Fn() -> bool) -> bool {
        self.state.wait(in_vain, |record| record.letters.len() >= count)
    }

    /// How many conversations were opened so far.
    pub fn conversations(&self) -> usize {
        self.state.read(|record| record.opened)
    }

    /// How many conversations are open now.
    pub fn open_conversations(&self) -> usize {
        self.state.read(Record::open_now)
    }

    /// The most conversations that were ever open at once.
    pub fn peak(&self) -> usize {
        self.state.read(|record| record.peak)
    }

    /// Waits until no conversation is open; false as in [`wait_held`](Self::wait_held).
    pub fn wait_all_closed(&self, in_vain: &dyn Fn() -> bool) -> bool {
        self.state.wait(in_vain, |record| record.open.is_empty())
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.state.close();
        // Wakes the thread that waits in accept; it sees that the mailbox is closed and ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        if state.read(|record| record.closed) {
            return;
        }
        // An error here is the client's: it went away before it was accepted.
        let Ok(stream) = stream else { continue };
        let state = Arc::clone(state);
        let serve = move || conversation::serve(&stream, &state);
        if thread::Builder::new().name("conversation".into()).spawn(serve).is_err() {
            // Who cannot read stderr does not miss it.
            let _ =
                writeln!(io::stderr(), "mailbox: cannot start a thread for a conversation; it is dropped");
        }
    }
}
