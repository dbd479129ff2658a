//! Postfix's smtp-sink: a mail server that accepts every mail and forgets it.

use crate::Outcome;
use crate::peers;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long the sink may take to listen.
const START_LIMIT: Duration = Duration::from_secs(5);

/// A running sink. It ends when this is dropped.
pub struct Sink {
    process: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Sink {
    /// Starts one on a free port.
    pub fn start() -> Outcome<Self> {
        let program = peers::find("smtp-sink").ok_or("there is no smtp-sink")?;
        // Free now. Nobody else is likely to take it in the moment until the sink does.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        // As root it wants to be told who it shall be.
        if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            command.args(["-u", "nobody"]);
        }
        command.arg(format!("127.0.0.1:{port}")).arg("1024").stdout(Stdio::null()).stderr(Stdio::inherit());
        let process = command.spawn().map_err(|error| format!("cannot start smtp-sink: {error}"))?;
        let sink = Self { process, port };
        let listens = || TcpStream::connect(("127.0.0.1", port)).ok();
        observe::limit::poll(START_LIMIT, listens).ok_or("smtp-sink does not listen")?;
        Ok(sink)
    }

    /// Its address, as `SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
