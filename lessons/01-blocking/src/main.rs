//! Lesson 01: one mail after another, each with a blocking call.
//!
//! Reads a job, `{"mails": [mail, …]}`, from stdin, sends the mails to the SMTP server that `SMTP_URL` names,
//! and prints the reply `{"counter": N}`: how many of them the server accepted.
//! New here: a blocking call. The chapter is book/src/01-blocking.md.

// Remove both lines when the last todo! is gone.
#![allow(dead_code, unreachable_code, unused_imports, unused_mut, unused_variables)]

use lettre::{SmtpTransport, Transport};
use solution_01::{Job, Mail, Reply, SmtpServer, log, print_line};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

/// How long the SMTP server may take for one step of the conversation.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            log!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Does the whole job. `Ok(false)` if a mail wasn't sent or the reply couldn't be printed; an error if the input was bad.
fn run() -> Result<bool, String> {
    let server = SmtpServer::from_env()?;
    let job = read_job()?;
    let counter = send_all(&server, &job.mails);
    let printed = print_reply(&Reply { counter });
    if let Err(error) = &printed {
        log!("error: {error}");
    }
    Ok(printed.is_ok() && counter == job.mails.len())
}

fn read_job() -> Result<Job, String> {
    todo!("1: parse one JSON document from stdin")
}

/// Sends one mail after another and counts those that the server accepted.
fn send_all(server: &SmtpServer, mails: &[Mail]) -> usize {
    let transport = transport(server);
    // For now, only the first mail is sent. Replace this.
    log!("the first mail: {:?}", mails.first().map(|mail| send(&transport, mail)));
    todo!("3: send one mail after another and count")
}

/// Builds a transport to the server, with a time limit for each of its answers.
fn transport(server: &SmtpServer) -> SmtpTransport {
    todo!("2: build a transport to the server, with a time limit")
}

/// Blocks until the server has accepted or refused this mail.
fn send(transport: &SmtpTransport, mail: &Mail) -> Result<(), String> {
    todo!("2: give the message to the transport")
}

fn print_reply(reply: &Reply) -> Result<(), String> {
    todo!("4: print the reply as one line of JSON on stdout")
}
