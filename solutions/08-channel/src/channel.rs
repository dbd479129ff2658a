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

    // ANCHOR: send
    /// Sends `message` as one frame, and waits until the kernel has all of it. Not cancel safe.
    pub async fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        let mut outgoing = self.outgoing.lock().await;
        // ANCHOR: step_3 todo!("3: one JSON document, one newline, one write")
        let mut frame = serde_json::to_vec(message)?;
        frame.push(b'\n');
        outgoing.write_all(&frame).await.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Error::Disconnected,
            _ => Error::Io(error),
        })
        // ANCHOR_END: step_3
    }
    // ANCHOR_END: send

    // ANCHOR: recv
    /// The next message, or `None` when the other side has disconnected. Cancel safe.
    pub async fn recv<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let mut incoming = self.incoming.lock().await;
        let Incoming { socket, kept } = &mut *incoming;
        // ANCHOR: step_2 todo!("2: read up to the next newline, and detect end of file")
        match socket.read_until(b'\n', kept).await {
            // unix(7): the other side closed before it had read everything. That is end of file, too.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            result => _ = result?,
        }
        let frame = mem::take(kept);
        match frame.last() {
            Some(b'\n') => Ok(Some(serde_json::from_slice(&frame)?)),
            Some(_) => Err(Error::TruncatedFrame { bytes: frame.len() }),
            None => Ok(None),
        }
        // ANCHOR_END: step_2
    }
    // ANCHOR_END: recv

    /// Shuts down the sending half. The other side receives everything that was sent, then end of file.
    pub async fn disconnect(&self) -> Result<(), Error> {
        Ok(self.outgoing.lock().await.shutdown().await?)
    }
}
