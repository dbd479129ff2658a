//! One end of a channel, the same on both sides: `send`, `recv`, `disconnect`.

use crate::Error;
use serde::{Serialize, de::DeserializeOwned};
use std::{io::ErrorKind, mem};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;

/// One end of a channel. Messages go both ways; a message is anything that serde can write as JSON.
pub struct Channel {
    outgoing: Mutex<OwnedWriteHalf>,
    incoming: Mutex<Incoming>,
}

struct Incoming {
    socket: BufReader<OwnedReadHalf>,
    /// The part of the next frame that has arrived so far.
    kept: Vec<u8>,
}

impl Channel {
    /// Makes a channel from a connected socket. Panics outside of a tokio runtime.
    pub fn from_stream(socket: std::os::unix::net::UnixStream) -> std::io::Result<Channel> {
        socket.set_nonblocking(true)?; // Node hands a blocking one to its child.
        let (incoming, outgoing) = UnixStream::from_std(socket)?.into_split();
        let incoming = Incoming { socket: BufReader::new(incoming), kept: Vec::new() };
        Ok(Channel { outgoing: Mutex::new(outgoing), incoming: Mutex::new(incoming) })
    }

    /// Sends `message` as one frame, and waits until the kernel has all of it. Not cancel safe.
    pub async fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        let mut outgoing = self.outgoing.lock().await;
        todo!("3: one JSON document, one newline, one write")
    }

    /// The next message, or `None` when the other side has disconnected. Cancel safe.
    pub async fn recv<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let mut incoming = self.incoming.lock().await;
        let Incoming { socket, kept } = &mut *incoming;
        todo!("2: read up to the next newline, and detect end of file")
    }

    /// Shuts down the sending half. The other side receives everything that was sent, then end of file.
    pub async fn disconnect(&self) -> Result<(), Error> {
        Ok(self.outgoing.lock().await.shutdown().await?)
    }
}
