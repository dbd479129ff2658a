//! A broker of the test's own: nats-server with JetStream.

use crate::node::optional_tool;
use crate::{Check, Http, Program, Running, Scratch, Signal, Spec, Transcript, counted};
use predicates::str::contains;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::{env, fs};

/// Ports are chosen here: below what systems give to those who ask for any port, so that a broker that is
/// restarted finds its port free.
const PORTS: std::ops::Range<usize> = 20_000..32_000;
/// How many ports are tried.
const ATTEMPTS: usize = 10;

/// Where nats-server is, or `None` when it is not installed; see [`optional_tool`].
pub fn nats_server() -> Option<PathBuf> {
    optional_tool("nats-server", "apt install nats-server, or brew install nats-server")
}

/// A running broker with a store of its own. It is killed, and its store removed, when this is dropped.
pub struct Broker {
    running: Option<Running>,
    spec: Spec,
    server: PathBuf,
    port: usize,
    store: Scratch,
    jetstream: String,
}

impl Broker {
    /// Starts a broker on a free port, or gives `None` when nats-server is not installed.
    pub fn start(spec: &Spec) -> Option<Self> {
        Self::start_with(spec, "")
    }

    /// As [`start`](Self::start), with a limit for all that is stored, in the words of nats-server's configuration:
    /// `max_file_store: 20000`.
    pub fn start_with(spec: &Spec, jetstream: &str) -> Option<Self> {
        let server = nats_server()?;
        let check = spec.check("", "started nats-server");
        for _ in 0..ATTEMPTS {
            let port = fastrand::usize(PORTS);
            if !is_free(port) {
                continue;
            }
            let mut broker = Self {
                running: None,
                spec: spec.clone(),
                server: server.clone(),
                port,
                store: new_store(&check),
                jetstream: jetstream.to_owned(),
            };
            if broker.begin() {
                return Some(broker);
            }
        }
        check.fail("a running nats-server", &format!("none of {ATTEMPTS} ports was free"))
    }

    /// Starts the process. False when it ends instead of listening.
    fn begin(&mut self) -> bool {
        let folder = self.store.path().display();
        let config = self.store.path().join("nats.conf");
        let text = format!("jetstream {{ store_dir: \"{folder}/store\", {} }}", self.jetstream);
        fs::write(&config, text).expect("the broker's folder can be written to");
        let mut running = Program::new(&self.spec, &self.server, "nats-server")
            .args(["-a", "127.0.0.1", "-m", "-1", "-p", &self.port.to_string(), "-c"])
            .arg(config)
            // What it says of itself when all is well would fill the transcript.
            .without_noting("[INF]")
            .start();
        let ready = crate::limit::poll(crate::limit::limit(), || {
            if running.stderr().contains("Server is ready") {
                Some(true)
            } else {
                (!running.is_running()).then_some(false)
            }
        });
        self.running = Some(running);
        ready == Some(true)
    }

    /// The address in the form that `NATS_URL` takes.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Stops the broker: with SIGTERM in good order, with SIGKILL in the middle of whatever it does.
    pub fn stop(&mut self, check: &Check, signal: Signal) {
        if let Some(mut running) = self.running.take() {
            running.signal(signal);
            running.wait(check);
        }
    }

    /// Lets the broker be there and say nothing, until [`resume`](Self::resume).
    pub fn pause(&self, check: &Check) {
        let Some(running) = &self.running else { check.fail("a running nats-server", "it is stopped") };
        running.pause(check);
    }

    /// Lets the broker go on.
    pub fn resume(&self) {
        if let Some(running) = &self.running {
            running.signal(Signal::SIGCONT);
        }
    }

    /// Starts a broker that was stopped again, on the same port and with the same store.
    pub fn restart(&mut self, check: &Check) {
        if !self.begin() {
            let said = self.running.as_ref().map(Running::stderr).unwrap_or_default();
            check.fail("nats-server runs again", &said);
        }
    }

    /// Removes everything that a stopped broker has stored, as the book's advice for a fresh start does.
    pub fn wipe(&self, check: &Check) {
        let path = self.store.path();
        if let Err(error) = fs::remove_dir_all(path).and_then(|()| fs::create_dir(path)) {
            check.fail("an empty folder for the broker", &format!("{}: {error}", path.display()));
        }
    }

    /// Publishes a message as any other program might that can reach the broker. It is stored when this returns.
    pub fn publish(&self, check: &Check, subject: &str, payload: &[u8]) {
        let stored = || -> io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port()))?;
            let head = format!("CONNECT {{}}\r\nSUB stored 1\r\nPUB {subject} stored {}\r\n", payload.len());
            stream.write_all(&[head.as_bytes(), payload, b"\r\n"].concat())?;
            let lines = BufReader::new(stream).lines();
            // INFO {…}, and then MSG stored 1 SIZE, and in the next line what the stream says.
            lines
                .skip_while(|line| line.as_ref().is_ok_and(|line| !line.starts_with("MSG")))
                .nth(1)
                .unwrap_or_else(|| Ok(String::new()))
        };
        match stored() {
            Ok(answer) if answer.contains("\"seq\"") => {}
            other => check.fail("the broker stores a message", &format!("{other:?}")),
        }
    }

    /// The port that the broker listens on.
    pub fn port(&self) -> u16 {
        u16::try_from(self.port).expect("a port")
    }

    /// How many messages the streams hold together: what is still to be done. The stream of jobs doesn't count. It is
    /// there to remember.
    pub fn messages(&self, check: &Check) -> Option<u64> {
        let streams = self.streams(check);
        let waiting = streams.iter().filter(|stream| name(stream) != "jobs");
        waiting.map(|stream| stream["state"]["messages"].as_u64()).sum()
    }

    /// What the broker says about one of its streams: `config`, `state`, and `consumer_detail`, a list.
    pub fn stream(&self, check: &Check, wanted: &str) -> Option<Value> {
        self.streams(check).into_iter().find(|stream| name(stream) == wanted)
    }

    fn streams(&self, check: &Check) -> Vec<Value> {
        let Some(running) = &self.running else { check.fail("a running nats-server", "it is stopped") };
        let line = running.log_line(check, &contains("Starting http monitor on "));
        let address = line.rsplit(' ').next().unwrap_or_default();
        // Not in the test's transcript: this is asked again and again, and each answer has another time in it.
        let monitor = Http::new(&Transcript::new(), &format!("http://{address}"));
        let answer = monitor.get(check, "/jsz?streams=true&consumers=true&config=true").json();
        let accounts = answer["account_details"].as_array().cloned().unwrap_or_default();
        accounts.iter().flat_map(|account| account["stream_detail"].as_array().cloned()).flatten().collect()
    }

    /// Waits until the streams hold `count` messages or more. The limit is for the next message, not for all of them:
    /// a program that goes on, however slowly, is waited for.
    pub fn wait_messages(&self, check: &Check, count: u64) {
        let mut came = 0;
        while came < count {
            let messages = |count: u64| counted(usize::try_from(count).unwrap_or(usize::MAX), "message");
            came = check.eventually_gives(&format!("{} in the broker", messages(count)), || {
                let now = self.messages(check).unwrap_or_default();
                if now > came { Ok(now) } else { Err(messages(now)) }
            });
        }
    }

    /// Waits until no stream of the broker holds a message. `Err` with how many are left when the limit runs out.
    pub fn wait_empty(&self, check: &Check) -> Result<(), u64> {
        let mut left = None;
        let empty = crate::limit::poll(crate::limit::limit(), || {
            left = self.messages(check);
            (left == Some(0)).then_some(())
        });
        empty.ok_or_else(|| {
            left.unwrap_or_else(|| check.fail("how many messages the broker holds", "nothing"))
        })
    }
}

fn name(stream: &Value) -> &str {
    stream["name"].as_str().unwrap_or_default()
}

fn is_free(port: usize) -> bool {
    u16::try_from(port).is_ok_and(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok())
}

/// A new folder, which is removed in the end.
fn new_store(check: &Check) -> Scratch {
    let scratch = Scratch::new(env::temp_dir(), "broker");
    if let Err(error) = fs::create_dir(scratch.path()) {
        check.fail("a new folder for the broker", &format!("{}: {error}", scratch.path().display()));
    }
    scratch
}
