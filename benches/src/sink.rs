//! Postfix's smtp-sink: a mail server that accepts every mail and forgets it.

use crate::peers;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

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
    ///
    /// # Errors
    /// One line of text, when it is not installed or does not start.
    pub fn start() -> Result<Self, String> {
        let program = peers::find("smtp-sink").ok_or("there is no smtp-sink")?;
        // Free now. Nobody else is likely to take it in the moment until the sink does.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let mut command = Command::new(program);
        // As root it wants to be told who it shall be.
        if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            command.args(["-u", "nobody"]);
        }
        command.arg(format!("127.0.0.1:{port}")).arg("1024").stdout(Stdio::null()).stderr(Stdio::inherit());
        let process = command.spawn().map_err(|error| format!("cannot start smtp-sink: {error}"))?;
        let sink = Self { process, port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begin.elapsed() > START_LIMIT {
                return Err("smtp-sink does not listen".into());
            }
            sleep(Duration::from_millis(10));
        }
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
