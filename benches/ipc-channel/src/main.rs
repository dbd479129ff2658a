//! The crate ipc-channel, in both roles. It sends bytes of its own making (postcard), not JSON, and only to Rust.

#[path = "../../src/peer.rs"]
mod peer;

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use peer::Parent;
use serde::{Deserialize, Serialize};
use std::env;
use std::process::{Child, Command};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.as_slice() {
        [role, server] if role == "child" => child(server),
        load => {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let figures = runtime.block_on(peer::measure::<Ipc>(peer::load(load)));
            println!("{}", serde_json::to_string(&figures).expect("figures are plain numbers"));
        }
    }
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

/// The parent.
struct Ipc {
    child: Child,
    ends: Ends,
}

impl Ipc {
    fn ask(&self, message: Message) -> Message {
        self.ends.0.send(Message { wants_answer: true, ..message }).expect("the child reads");
        self.ends.1.recv().expect("the child answers")
    }
}

impl Parent for Ipc {
    async fn fork() -> Self {
        let (server, name) = IpcOneShotServer::<Ends>::new().expect("a server");
        let mut command = Command::new(env::current_exe().expect("this program"));
        let child = command.args(["child", &name]).spawn().expect("this program can be started");
        let (_, ends) = server.accept().expect("the child connects");
        Self { child, ends }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn round_trip(&mut self, n: u64) {
        self.ask(Message { n, ..Message::default() });
    }

    async fn one_way(&mut self, count: usize) {
        for n in 1..count as u64 {
            self.ends.0.send(Message { n, ..Message::default() }).expect("the child reads");
        }
        self.ask(Message::default());
    }

    async fn addresses(&mut self, addresses: Vec<String>) -> Vec<String> {
        self.ask(Message { addresses, ..Message::default() }).addresses
    }

    async fn end(mut self) {
        drop(self.ends);
        self.child.wait().expect("it is our child");
    }
}
