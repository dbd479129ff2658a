//! A broker of the test's own: nats-server with JetStream.

use crate::node::optional_tool;
use crate::{Check, Http, Program, Running, Scratch, Signal, Spec, Transcript, limit};
use predicates::str::contains;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::path::PathBuf;
use std::{env, fs};

/// Ports are chosen here: below what systems give to those who ask for any port, so that a broker that is
/// restarted finds its port free.
const PORTS: Range<u16> = 20_000..32_000;
/// How many ports are tried.
const ATTEMPTS: usize = 10;

/// A running broker with a store of its own. It is killed, and its store removed, when this is dropped.
pub struct Broker {
    running: Option<Running>,
    spec: Spec,
    server: PathBuf,
    port: u16,
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
        let server = optional_tool("nats-server", "apt install nats-server, or brew install nats-server")?;
        let check = spec.check("started nats-server");
        let brokers = (0..ATTEMPTS).map(|_| Self {
            running: None,
            spec: spec.clone(),
            server: server.clone(),
            port: fastrand::u16(PORTS),
            store: Scratch::new(env::temp_dir(), "broker"),
            jetstream: jetstream.to_owned(),
        });
        let begun = brokers.into_iter().find_map(|mut broker| {
            broker.make_folder(&check);
            broker.begin().then_some(broker)
        });
        let begun = begun.unwrap_or_else(|| {
            check.fail("a running nats-server", &format!("none of {ATTEMPTS} ports was free"))
        });
        Some(begun)
    }

    fn make_folder(&self, check: &Check) {
        let path = self.store.path();
        if let Err(error) = fs::create_dir(path) {
            check.fail("an empty folder for the broker", &format!("{}: {error}", path.display()));
        }
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
        let is_ready = |running: &Running| running.stderr().contains("Server is ready");
        limit::poll(limit::limit(), || (is_ready(&running) || !running.is_running()).then_some(()));
        is_ready(self.running.insert(running))
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

    fn running(&self, check: &Check) -> &Running {
        self.running.as_ref().unwrap_or_else(|| check.fail("a running nats-server", "it is stopped"))
    }

    /// Lets the broker be there and say nothing, until [`resume`](Self::resume).
    pub fn pause(&self, check: &Check) {
        self.running(check).pause(check);
    }

    /// Lets the broker go on.
    pub fn resume(&self) {
        self.running.iter().for_each(|running| running.signal(Signal::SIGCONT));
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
        let _ = fs::remove_dir_all(self.store.path());
        self.make_folder(check);
    }

    /// Publishes a message as any other program might that can reach the broker. It is stored when this returns.
    pub fn publish(&self, check: &Check, subject: &str, payload: &[u8]) {
        let stored = || -> io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(limit::limit()))?;
            // With no_responders, the broker says at once when no stream takes the subject.
            let connect = "CONNECT {\"headers\":true,\"no_responders\":true}";
            let head = format!("{connect}\r\nSUB stored 1\r\nPUB {subject} stored {}\r\n", payload.len());
            stream.write_all(&[head.as_bytes(), payload, b"\r\n"].concat())?;
            let lines = BufReader::new(stream).lines();
            // INFO {…}, then MSG stored 1 SIZE or HMSG, and in the next line what the stream says, or a status.
            lines
                .skip_while(|line| {
                    line.as_ref().is_ok_and(|line| !line.starts_with("MSG") && !line.starts_with("HMSG"))
                })
                .nth(1)
                .unwrap_or_else(|| Ok(String::new()))
        };
        match stored() {
            Ok(answer) if answer.contains("\"seq\"") => {}
            Ok(answer) if answer.starts_with("NATS/1.0 503") => {
                check.fail("the broker stores a message", &format!("no stream takes messages to {subject}"));
            }
            other => check.fail("the broker stores a message", &format!("{other:?}")),
        }
    }

    /// The port that the broker listens on.
    pub fn port(&self) -> u16 {
        self.port
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
        let line = self.running(check).log_line(check, &contains("Starting http monitor on "));
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
            came = check.eventually_gives(&format!("{count} messages in the broker"), || {
                let now = self.messages(check).unwrap_or_default();
                if now > came { Ok(now) } else { Err(format!("{now} messages")) }
            });
        }
    }

    /// Waits until no stream of the broker holds a message. `Err` with how many are left when the limit runs out.
    pub fn wait_empty(&self, check: &Check) -> Result<(), u64> {
        let mut left = None;
        limit::poll(limit::limit(), || {
            left = self.messages(check);
            (left == Some(0)).then_some(())
        });
        match left {
            Some(0) => Ok(()),
            Some(left) => Err(left),
            None => check.fail("how many messages the broker holds", "nothing"),
        }
    }
}

fn name(stream: &Value) -> &str {
    stream["name"].as_str().unwrap_or_default()
}
