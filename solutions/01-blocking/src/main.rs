//! Lesson 01: one mail after another, each with a blocking call.
//!
//! Reads a job, `{"mails": [mail, …]}`, from stdin, sends the mails to the SMTP server that `SMTP_URL` names,
//! and prints the reply `{"counter": N}`: how many of them the server accepted.
//! New here: a blocking call. The chapter is book/src/01-blocking.md.

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

// ANCHOR: read
fn read_job() -> Result<Job, String> {
    // ANCHOR: step_1 todo!("1: parse one JSON document from stdin")
    serde_json::from_reader(io::stdin().lock()).map_err(|error| format!("cannot parse the job: {error}"))
    // ANCHOR_END: step_1
}
// ANCHOR_END: read

// ANCHOR: send_all
/// Sends one mail after another and counts those that the server accepted.
fn send_all(server: &SmtpServer, mails: &[Mail]) -> usize {
    let transport = transport(server);
    // ANCHOR: step_3 // For now, only the first mail is sent. Replace this.
    // ANCHOR: step_3 log!("the first mail: {:?}", mails.first().map(|mail| send(&transport, mail)));
    // ANCHOR: step_3 todo!("3: send one mail after another and count")
    let mut counter = 0;
    for mail in mails {
        match send(&transport, mail) {
            Ok(()) => counter += 1,
            Err(why) => log!("error: cannot send the mail to {:?}: {why}", mail.to),
        }
    }
    counter
    // ANCHOR_END: step_3
}
// ANCHOR_END: send_all

// ANCHOR: transport
/// Builds a transport to the server, with a time limit for each of its answers.
fn transport(server: &SmtpServer) -> SmtpTransport {
    // ANCHOR: step_2 todo!("2: build a transport to the server, with a time limit")
    let builder = SmtpTransport::builder_dangerous(&server.host);
    builder.port(server.port).timeout(Some(SMTP_TIMEOUT)).build()
    // ANCHOR_END: step_2
}
// ANCHOR_END: transport

// ANCHOR: send
/// Blocks until the server has accepted or refused this mail.
fn send(transport: &SmtpTransport, mail: &Mail) -> Result<(), String> {
    // ANCHOR: step_2 todo!("2: give the message to the transport")
    let message = mail.to_message()?;
    transport.send(&message).map_err(|error| error.to_string())?;
    Ok(())
    // ANCHOR_END: step_2
}
// ANCHOR_END: send

// ANCHOR: print
fn print_reply(reply: &Reply) -> Result<(), String> {
    // ANCHOR: step_4 todo!("4: print the reply as one line of JSON on stdout")
    let line = serde_json::to_string(reply).map_err(|error| format!("cannot write the reply: {error}"))?;
    print_line(line)
    // ANCHOR_END: step_4
}
// ANCHOR_END: print
