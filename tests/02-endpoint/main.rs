//! The spec of lesson 02: a web server on one thread that sends mail inside the handler.

mod step_1_loop;
mod step_2_routes;
mod step_3_health;
mod step_4_endpoint;

use support::{
    Answer, Check, Connection, Http, Mail, Mailbox, Point, Reader, Reply, Running, Signal, Spec, json, mail,
};

fn start(spec: &Spec, mailbox: &Mailbox, check: &Check) -> (Running, Http) {
    spec.server(mailbox).serve(check)
}
