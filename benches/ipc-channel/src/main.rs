//! The crate ipc-channel, in both roles. It sends bytes of its own making (postcard), not JSON, and only to Rust.

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};
use std::env;
use std::process::{Child, Command};
use std::time::Instant;

/// What is measured, with the names that the benches know.
#[derive(Serialize)]
struct Figures {
    fork_ms: f64,
    round_trip_us: f64,
    one_way_per_second: f64,
    addresses_ms: f64,
    idle_worker_mb: Option<f64>,
    threads: Option<usize>,
    descriptors: Option<usize>,
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [role, server] = words.as_slice()
        && role == "child"
    {
        return child(server);
    }
    let number = |index: usize| words.get(index).and_then(|text| text.parse().ok()).unwrap_or(1);
    let figures = measure(number(0), number(1), number(2), number(3));
    println!("{}", serde_json::to_string(&figures).expect("figures are plain numbers"));
}

/// What travels: a number, or many addresses. The child answers each message that wants it.
#[derive(Default, Deserialize, Serialize)]
struct Message {
    n: u64,
    wants_answer: bool,
    addresses: Vec<String>,
}

/// What the child sends first: how to talk to it.
type Ends = (IpcSender<Message>, IpcReceiver<Message>);

/// The child: connects to the parent's server, then answers.
fn child(server: &str) {
    let (to_child, from_parent) = ipc::channel().expect("a channel");
    let (to_parent, from_child) = ipc::channel().expect("a channel");
    let ends: Ends = (to_child, from_child);
    IpcSender::connect(server.to_owned()).expect("the parent listens").send(ends).expect("the parent reads");
    // The channel ends with the parent.
    while let Ok(message) = from_parent.recv() {
        if message.wants_answer && to_parent.send(message).is_err() {
            break;
        }
    }
}

/// The parent: measures.
fn measure(fork_count: usize, trips: usize, messages: usize, large: usize) -> Figures {
    let mut forks = Vec::new();
    for _ in 0..fork_count {
        let begin = Instant::now();
        let (mut child, ends) = fork();
        forks.push(begin.elapsed().as_secs_f64() * 1e3);
        drop(ends);
        child.wait().expect("it is our child");
    }
    let (mut child, ends) = fork();
    round_trips(&ends, 1);
    let pid = child.id();
    let idle_worker_mb = observe::process::info(pid).map(|info| info.resident_bytes as f64 / 1e6);
    let threads = observe::process::threads(pid);
    let descriptors = observe::process::descriptors(pid).map(|list| list.len());
    round_trips(&ends, trips / 10);
    let round_trip_us = round_trips(&ends, trips);
    let one_way_per_second = one_way(&ends, messages / 5);
    let addresses_ms = addresses(&ends, large);
    drop(ends);
    child.wait().expect("it is our child");
    Figures {
        fork_ms: median(forks),
        round_trip_us,
        one_way_per_second,
        addresses_ms,
        idle_worker_mb,
        threads,
        descriptors,
    }
}

fn fork() -> (Child, Ends) {
    let (server, name) = IpcOneShotServer::<Ends>::new().expect("a server");
    let mut command = Command::new(env::current_exe().expect("this program"));
    let child = command.args(["child", &name]).spawn().expect("this program can be started");
    let (_, ends) = server.accept().expect("the child connects");
    (child, ends)
}

fn ask((sender, receiver): &Ends, message: Message) {
    sender.send(Message { wants_answer: true, ..message }).expect("the child reads");
    receiver.recv().expect("the child answers");
}

fn round_trips(ends: &Ends, count: usize) -> f64 {
    let begin = Instant::now();
    for n in 0..count as u64 {
        ask(ends, Message { n, ..Message::default() });
    }
    begin.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn one_way(ends: &Ends, count: usize) -> f64 {
    let begin = Instant::now();
    for n in 1..count as u64 {
        ends.0.send(Message { n, ..Message::default() }).expect("the child reads");
    }
    ask(ends, Message::default());
    count as f64 / begin.elapsed().as_secs_f64()
}

fn addresses(ends: &Ends, repetitions: usize) -> f64 {
    let message = || Message {
        addresses: (0..100_000).map(|number| format!("reader.{number}@example.org")).collect(),
        ..Message::default()
    };
    let time = |message| {
        let begin = Instant::now();
        ask(ends, message);
        begin.elapsed().as_secs_f64() * 1e3
    };
    median((0..repetitions).map(|_| time(message())).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
